/** A process's connection to the fake: the API itself, with a fault put into any call that a test picks. */
import type { AwsApi } from "../../../src/balancer/aws/api.ts";
import { AwsError } from "../../../src/balancer/aws/api.ts";
import { Refusal } from "./world.ts";

/** One call, as the log has it; `index` counts the calls of the connection from 0. */
export interface FakeCall {
  readonly index: number;
  readonly name: keyof AwsApi;
  readonly args: readonly unknown[];
}

/**
 * What goes wrong with a call. `fail`: refused with this code, nothing done. `lost`: done, but the answer is lost
 * (`TimedOut`). `throttle`: refused as too fast. `kill`: the caller dies before the call reaches AWS, or after it
 * was done: this call and all later ones of the connection never answer, and `killed` resolves.
 */
export type Fault =
  | { readonly kind: "fail"; readonly code: string; readonly message?: string }
  | { readonly kind: "lost" }
  | { readonly kind: "throttle" }
  | { readonly kind: "kill"; readonly when: "before" | "after" };

/** What one connection is like. */
export interface ConnectOptions {
  /** Asked before every call. */
  readonly fault?: (call: FakeCall) => Fault | undefined;
  /** How long each call takes, in milliseconds of real time. */
  readonly latencyMs?: number;
}

/** The API with what tests ask about its use. */
export type FakeConnection = AwsApi & {
  readonly calls: readonly FakeCall[];
  /** How often each function was called. */
  readonly counts: ReadonlyMap<string, number>;
  /** Resolves when a fault killed the caller. */
  readonly killed: Promise<FakeCall>;
};

const RETRYABLE =
  /^(Throttling|ThrottlingException|RequestLimitExceeded|ServiceUnavailable|InternalFailure|InternalError|TimedOut)$/;

/** Whether a code is one that the same call may not get the next time. */
function isRetryable(code: string): boolean {
  return RETRYABLE.test(code);
}

/** AWS's own way to write the name of a call. */
function actionOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function errorOf(call: string, error: unknown): unknown {
  if (!(error instanceof Refusal)) return error;
  return new AwsError(actionOf(call), error.code, error.message, isRetryable(error.code));
}

function refuse(name: string, code: string, message: string): never {
  throw new AwsError(actionOf(name), code, message, isRetryable(code));
}

const never = (): Promise<never> => new Promise(() => {});

/** Makes a connection over functions that work at once. */
export function connection(
  perform: (name: keyof AwsApi, args: readonly unknown[]) => unknown,
  names: readonly (keyof AwsApi)[],
  options: ConnectOptions,
): FakeConnection {
  const calls: FakeCall[] = [];
  const counts = new Map<string, number>();
  const death = Promise.withResolvers<FakeCall>();
  let dead = false;
  const die = (call: FakeCall) => {
    dead = true;
    death.resolve(call);
    return never();
  };
  const run = async (name: keyof AwsApi, args: readonly unknown[]): Promise<unknown> => {
    if (dead) return never();
    const call = { index: calls.length, name, args };
    calls.push(call);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const fault = options.fault?.(call);
    if (options.latencyMs) await new Promise((resolve) => setTimeout(resolve, options.latencyMs));
    if (dead || (fault?.kind === "kill" && fault.when === "before")) return die(call);
    if (fault?.kind === "fail") refuse(name, fault.code, fault.message ?? "a fault of the test");
    if (fault?.kind === "throttle") refuse(name, "Throttling", "Rate exceeded");
    const answer = answerOf(name, () => perform(name, args));
    if (fault?.kind === "kill") return die(call);
    if (fault?.kind === "lost") refuse(name, "TimedOut", "no answer came");
    return answer();
  };
  const api = Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => run(name, args)]));
  return Object.assign(api as unknown as AwsApi, { calls, counts, killed: death.promise });
}

/** Performs a call now and gives its answer, or throws its error, when asked. */
function answerOf(name: string, perform: () => unknown): () => unknown {
  try {
    const value = perform();
    return () => value;
  } catch (error) {
    return () => {
      throw errorOf(name, error);
    };
  }
}
