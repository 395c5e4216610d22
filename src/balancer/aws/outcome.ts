/** What a run says to the Service: status, events, annotations, and when to come again. */
import type { BalancerFinding, BalancerModel } from "../../traffic/balancer/model.ts";
import type { BalancerEvent, BalancerIngress, BalancerOutcome } from "../../traffic/balancer/provider.ts";
import { type Applied, wrote } from "./apply.ts";
import type { BareLoadBalancer } from "./api.ts";
import { explained } from "./errors.ts";
import { DELETE_OLD_ANNOTATION, REPLACED_ANNOTATION, writeReplaced } from "./migration.ts";
import { REGISTERED_ANNOTATION } from "./registered.ts";
import { isWrite, type StepOf } from "./steps.ts";

/** What AWS refused for good is tried again so often, in milliseconds: quotas are raised, mistakes mended. */
const AFTER_REFUSAL_MS = 5 * 60_000;
const AFTER_SURPRISE_MS = 15_000;
const FIRST_BUSY_MS = 5_000;
const MOST_BUSY_MS = 5 * 60_000;
/** Targets that one event names. */
const TOLD_TARGETS = 5;
/** What is remembered on a Service until it is released. */
const MEMORIES = [REPLACED_ANNOTATION, REGISTERED_ANNOTATION];
/** Busy runs in a row after which the Service is told. */
const BUSY_WORTH_TELLING = 3;

/** The outcome of what cannot be built; another's hand may mend it, unless only a change of the Service can. */
export function buildFailure(why: string, until?: "on a change"): BalancerOutcome {
  const event = warning("FailedBuildModel", `Failed build model due to ${why}`);
  const againAfterMs = until === undefined ? AFTER_REFUSAL_MS : undefined;
  return { ingress: undefined, events: [event], againAfterMs, done: false };
}

/** The outcome of findings: an event for each error. */
export function findingsFailure(findings: readonly BalancerFinding[]): BalancerOutcome {
  const errors = findings.filter(({ level }) => level === "error");
  const events = errors.flatMap((finding) => buildFailure(findingText(finding)).events);
  return { ingress: undefined, events, againAfterMs: AFTER_REFUSAL_MS, done: false };
}

/** A finding in one line. */
export function findingText({ message, field, next }: BalancerFinding): string {
  return `${message} (${field})${next === undefined ? "" : `; ${next}`}`;
}

/** The outcome where things never were as remembered, plan after plan. */
export function deployFailure(key: string, why: string): BalancerOutcome {
  const event = warning("FailedDeployModel", `Failed deploy model due to ${why} (${key} is tried again)`);
  return { ingress: undefined, events: [event], againAfterMs: AFTER_SURPRISE_MS, done: false };
}

/** What is known beside the steps that were done. */
export interface ServeFacts {
  /** What the status says so far. */
  readonly hostname: string | undefined;
  /** The hostname that the status says and is to go on saying; undefined where a publication was in the plan. */
  readonly unchanged: string | undefined;
  readonly leftBehind: readonly BareLoadBalancer[];
  /** A hostname that the status said, of nothing that can be seen. */
  readonly unseen: string | undefined;
  /** What is waited for, where that was not told yet. */
  readonly waitsFor: string | undefined;
  /** What is odd about the Service, told when something was done. */
  readonly warnings: readonly string[];
  /** Runs in a row that found something in use. */
  readonly busyRuns: number;
  /** What else is to be remembered on the Service. */
  readonly annotations: Readonly<Record<string, string | null>>;
}

/** The outcome of serving. */
export function serveOutcome(model: BalancerModel, applied: Applied, facts: ServeFacts): BalancerOutcome {
  const { wait, failed, busy, published, remembered } = applied;
  const hostname = published ?? (failed === undefined ? facts.unchanged : undefined);
  return {
    ingress: hostname === undefined ? undefined : [ingressOf(model, hostname)],
    events: serveEvents(model, applied, facts),
    annotations: {
      ...facts.annotations,
      ...(remembered !== undefined && { [REPLACED_ANNOTATION]: writeReplaced(remembered) }),
    },
    againAfterMs: againAfter(applied, facts.busyRuns),
    done: wait === undefined && failed === undefined && busy.length === 0,
  };
}

/** One entry with the load balancer's hostname and the Service's ports, as the AWS Load Balancer Controller writes it. */
function ingressOf({ ports }: BalancerModel, hostname: string): BalancerIngress {
  const entries = ports.flatMap(({ port, protocol }) =>
    protocol === "TCP_UDP"
      ? [
          { port, protocol: "TCP" as const },
          { port, protocol: "UDP" as const },
        ]
      : [{ port, protocol }],
  );
  return { hostname, ports: entries };
}

function againAfter({ wait, failed, busy }: Applied, busyRuns: number): number | undefined {
  const times = [
    wait?.againAfterMs,
    failed === undefined ? undefined : AFTER_REFUSAL_MS,
    busy.length === 0 ? undefined : Math.min(FIRST_BUSY_MS * 2 ** Math.min(busyRuns, 10), MOST_BUSY_MS),
  ].filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

function serveEvents(model: BalancerModel, applied: Applied, facts: ServeFacts): BalancerEvent[] {
  const events: BalancerEvent[] = [];
  const { done, failed, published } = applied;
  const made = done.find((step) => step.do === "createLoadBalancer");
  if (made !== undefined && facts.hostname !== undefined && published === undefined)
    events.push(normal("ReplacingLoadBalancer", replacing(made.spec.name, facts.hostname)));
  if (published !== undefined && facts.hostname !== undefined)
    events.push(normal("ReplacedLoadBalancer", `Clients go to ${published} instead of ${facts.hostname}`));
  if (published !== undefined) events.push(...facts.leftBehind.map((it) => leftBehind(it)));
  if (published !== undefined && facts.unseen !== undefined) events.push(unseen(facts.unseen));
  if (facts.waitsFor !== undefined && facts.hostname !== undefined)
    events.push(normal("WaitingForLoadBalancer", `Clients stay where they are until ${facts.waitsFor}`));
  for (const step of done) {
    if (step.do === "remember") events.push(...step.added.map(keeping));
    if (step.do === "deleteLoadBalancer")
      events.push(normal("DeletedLoadBalancer", `Deleted load balancer ${step.name}: ${step.why}`));
  }
  if (failed !== undefined)
    events.push(warning("FailedDeployModel", `Failed deploy model due to ${explained(failed.error)}`));
  events.push(...busyEvents(applied, facts.busyRuns));
  const worked = done.some(isWrite);
  if (worked || failed !== undefined)
    events.push(...facts.warnings.map((text) => warning("LoadBalancerWarning", text)));
  if (failed === undefined && (worked || published !== undefined))
    events.push(normal("SuccessfullyReconciled", `Successfully reconciled ${model.key}`));
  return events;
}

function replacing(name: string, hostname: string): string {
  return `Load balancer ${name} takes the place of ${hostname}, which serves until the new one does`;
}

function keeping({ name, deadline }: StepOf<"remember">["added"][number]): BalancerEvent {
  return normal("KeepingLoadBalancer", `Load balancer ${name} was replaced and stays until ${deadline}`);
}

function unseen(hostname: string): BalancerEvent {
  return warning(
    "LeftBehindLoadBalancer",
    `${hostname} is not a load balancer that Tandem can see: if it is a Classic Load Balancer, delete it by hand`,
  );
}

function leftBehind({ name, dnsName, arn }: BareLoadBalancer): BalancerEvent {
  const consent = `annotate the Service with ${DELETE_OLD_ANNOTATION}=${dnsName}`;
  return warning(
    "LeftBehindLoadBalancer",
    `Load balancer ${name} (${arn}) was made by another controller and is no longer used: delete it, or ${consent}`,
  );
}

/**
 * Targets that AWS did not take are told at once, what could not be deleted after a while; the first alone, as the rest
 * hangs on it.
 */
function busyEvents({ busy }: Applied, busyRuns: number): BalancerEvent[] {
  return [...unregistered(busy), ...inUse(busy, busyRuns)];
}

function unregistered(busy: Applied["busy"]): BalancerEvent[] {
  const refused = busy.flatMap(({ step, error }) =>
    step.do === "registerTargets" ? [{ ids: step.targets.map(({ id }) => id), error }] : [],
  );
  const [first] = refused;
  if (first === undefined) return [];
  const ids = [...new Set(refused.flatMap((it) => it.ids))].toSorted();
  const more = ids.length > TOLD_TARGETS ? `, and ${ids.length - TOLD_TARGETS} more` : "";
  const list = `${ids.slice(0, TOLD_TARGETS).join(", ")}${more}`;
  const message = `AWS does not take as targets ${list}: ${first.error.message}; the others serve, and these are tried again`;
  return [warning("TargetsNotRegistered", message)];
}

function inUse(busy: Applied["busy"], busyRuns: number): BalancerEvent[] {
  const first = busy.find(({ step }) => step.do !== "registerTargets");
  if (first === undefined || busyRuns < BUSY_WORTH_TELLING) return [];
  const { step, error } = first;
  const name = "name" in step ? step.name : step.do;
  return [warning("StillInUse", `${name} cannot be deleted yet: ${error.message}; ${IN_USE_ADVICE}`)];
}

const IN_USE_ADVICE =
  "take it out of VPC endpoint services, listeners and security group rules that are not Tandem's";

/** The outcome of releasing. */
export function releaseOutcome(
  service: { readonly key: string },
  applied: Applied,
  facts: { readonly busyRuns: number; readonly annotations: Readonly<Record<string, string>> },
): BalancerOutcome {
  const { failed, busy } = applied;
  const done = failed === undefined && busy.length === 0;
  const remembered = MEMORIES.filter((name) => facts.annotations[name] !== undefined);
  const events: BalancerEvent[] = [];
  if (failed !== undefined)
    events.push(warning("FailedDeployModel", `Failed deploy model due to ${explained(failed.error)}`));
  events.push(...busyEvents(applied, facts.busyRuns));
  if (done && wrote(applied))
    events.push(normal("DeletedLoadBalancer", `Deleted all that was made for ${service.key}`));
  return {
    ingress: done ? [] : undefined,
    events,
    ...(done && { annotations: Object.fromEntries(remembered.map((name) => [name, null])) }),
    againAfterMs: againAfter(applied, facts.busyRuns),
    done,
  };
}

function normal(reason: string, message: string): BalancerEvent {
  return { type: "Normal", reason, message };
}

function warning(reason: string, message: string): BalancerEvent {
  return { type: "Warning", reason, message };
}

/** Two runs as one, the second after the first. */
export function merged(first: Applied, second: Applied): Applied {
  return {
    ...first,
    wait: first.wait ?? second.wait,
    done: [...first.done, ...second.done],
    busy: [...first.busy, ...second.busy],
    failed: first.failed ?? second.failed,
  };
}
