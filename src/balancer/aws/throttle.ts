/**
 * Keeps calls to AWS within rates, and asks again where AWS itself said "slower": the only retries that are safe without
 * looking, as a throttled call did nothing. A call that timed out may have worked; that is for the next run to find out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type AwsApi, AwsError } from "./api.ts";

/** Calls per second, and how many may come at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Rates by kind of call (the AWS Load Balancer Controller's defaults: 50, 3 and 4 per second). */
export interface Rates {
  readonly describe: Rate;
  readonly modify: Rate;
  /** RegisterTargets and DeregisterTargets. */
  readonly register: Rate;
}

/** What one controller of many in an account may fairly take. */
const DEFAULT_RATES: Rates = {
  describe: { perSecond: 50, burst: 50 },
  modify: { perSecond: 3, burst: 10 },
  register: { perSecond: 4, burst: 10 },
};

/** Time as throttling sees it: milliseconds, and a pause that ends early when the signal aborts. */
export interface Clock {
  now(): number;
  pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own time. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  pause: (milliseconds, signal) =>
    sleep(milliseconds, undefined, signal && { signal }).catch(() => undefined),
};

const THROTTLED =
  /^(Throttling|ThrottlingException|RequestLimitExceeded|TooManyRequestsException|RequestThrottled.*)$/;
const TRIES = 4;
const FIRST_PAUSE_MS = 250;

/** Whether AWS refused a call for its rate, without having done anything. */
function isThrottled(error: unknown): boolean {
  return error instanceof AwsError && THROTTLED.test(error.code);
}

/** Hands out so many tokens per second, in the order asked. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  /** When the bucket would be full again: tokens taken in advance lie in the future. */
  #fullAt: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#fullAt = clock.now();
  }

  /** Resolves when the caller may go on. */
  async take(signal?: AbortSignal): Promise<void> {
    const { perSecond, burst } = this.#rate;
    const now = this.#clock.now();
    const cost = 1000 / perSecond;
    this.#fullAt = Math.max(this.#fullAt, now) + cost;
    const wait = this.#fullAt - now - burst * cost;
    if (wait > 0) await this.#clock.pause(wait, signal);
  }
}

/**
 * The same API within rates. Throttled calls are tried again up to four times with growing, jittered pauses (`random`
 * gives 0…1); then the error goes to the caller, who comes back later.
 */
export function throttled(
  api: AwsApi,
  clock: Clock,
  random: () => number,
  rates: Rates = DEFAULT_RATES,
): AwsApi {
  const buckets = {
    describe: new TokenBucket(rates.describe, clock),
    modify: new TokenBucket(rates.modify, clock),
    register: new TokenBucket(rates.register, clock),
  };
  const within = async <T>(call: string, requests: number, ask: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      for (let request = 0; request < requests; request++) await buckets[kindOf(call)].take();
      try {
        return await ask();
      } catch (error) {
        if (!isThrottled(error) || tries === TRIES) throw error;
        await clock.pause(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + random()));
      }
    }
  };
  return aroundCalls(api, (call, given, ask) => within(call, requestsOf(call, given), ask));
}

/** The same API with something around every call. */
export function aroundCalls(
  api: AwsApi,
  around: (call: string, given: readonly unknown[], ask: () => Promise<unknown>) => Promise<unknown>,
): AwsApi {
  return new Proxy(api, {
    get(target, name): unknown {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== "function") return call;
      return (...given: unknown[]) =>
        around(String(name), given, () => Reflect.apply(call, target, given) as Promise<unknown>);
    },
  });
}

/** Things whose tags one request asks for. */
const TAGS_PER_REQUEST = 20;

/** The requests that a call takes at least; lists have pages of hundreds. */
function requestsOf(call: string, [first]: readonly unknown[]): number {
  return call === "describeTags" && Array.isArray(first) ? Math.ceil(first.length / TAGS_PER_REQUEST) : 1;
}

function kindOf(call: string): keyof Rates {
  if (call.startsWith("describe")) return "describe";
  return call === "registerTargets" || call === "deregisterTargets" ? "register" : "modify";
}
