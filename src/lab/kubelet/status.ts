import { FAMILIES } from "../../ip/family.ts";
import type {
  Condition,
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodStatus,
} from "../../objects/types.ts";
import type { FamilyVerdicts } from "./family-probes.ts";
import { conditionOf, hasCondition } from "../../objects/conditions.ts";

/** What the kubelet knows of one container. */
export interface ContainerFacts {
  readonly spec: Container;
  readonly state: ContainerState;
  readonly lastState?: ContainerState;
  readonly containerID?: string;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly started: boolean;
  /** Whether it answers at the pod's address of a family, as far as that was probed. */
  readonly families?: FamilyVerdicts;
}

/** What the kubelet knows of a pod. */
export interface PodFacts {
  readonly init: readonly ContainerFacts[];
  readonly main: readonly ContainerFacts[];
  /** Added while the pod runs; they count for nothing but their own statuses. */
  readonly ephemeral?: readonly ContainerFacts[];
  /** Whether the sandbox is there. */
  readonly sandboxReady: boolean;
  /** In the order of the node's families. */
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  readonly startTime: string;
  /** The pod is being deleted: what has ended is not started again, whatever its policy. */
  readonly ending?: boolean;
  /** A reason for a pod as a whole to have failed. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

/**
 * The status of a pod as the kubelet writes it: phase, conditions, addresses and containers. Pure. `previous` is what it
 * wrote before, for the times of the conditions' last changes.
 */
export function podStatusOf(pod: Pod, facts: PodFacts, now: string, previous = pod.status): PodStatus {
  const phase = facts.failure ? "Failed" : phaseOf(pod, facts);
  const [podIP] = facts.podIPs;
  const [hostIP] = facts.hostIPs;
  return {
    phase,
    ...facts.failure,
    conditions: conditionsOf(pod, facts, phase).map((item) => withTransition(item, previous, now)),
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: facts.hostIPs.map((ip) => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: facts.podIPs.map((ip) => ({ ip })) }),
    startTime: facts.startTime,
    ...(facts.init.length > 0 ? { initContainerStatuses: facts.init.map(containerStatusOf) } : {}),
    containerStatuses: facts.main.map(containerStatusOf),
    ...(facts.ephemeral?.length
      ? { ephemeralContainerStatuses: facts.ephemeral.map(ephemeralStatusOf) }
      : {}),
  };
}

function containerStatusOf(facts: ContainerFacts): ContainerStatus {
  const image = facts.spec.image ?? "";
  return {
    name: facts.spec.name,
    image,
    imageID: facts.containerID === undefined ? "" : `tandem://${image}`,
    ...(facts.containerID === undefined ? {} : { containerID: facts.containerID }),
    ready: facts.ready,
    started: facts.started,
    restartCount: facts.restartCount,
    state: facts.state,
    lastState: facts.lastState ?? {},
  };
}

/** Ephemeral containers are never ready, and nobody waits for them to have started. */
function ephemeralStatusOf(facts: ContainerFacts): ContainerStatus {
  const { started: _started, ...status } = containerStatusOf(facts);
  return { ...status, ready: false };
}

/** A sidecar: an init container that is kept running (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** Whether an init container is done with: ended well, or, a sidecar, started. */
function initDone(facts: ContainerFacts): boolean {
  if (isSidecar(facts.spec)) return facts.started;
  return facts.state.terminated?.exitCode === 0;
}

/** Whether a container of the pod's own has been started: it was initialized then, whatever its sidecars do now. */
function hasStarted(main: readonly ContainerFacts[]): boolean {
  return main.some(({ state }) => state.running || state.terminated);
}

/** As getPhase of pkg/kubelet/kubelet_pods.go. */
function phaseOf(pod: Pod, { init, main, ending = false }: PodFacts): NonNullable<PodStatus["phase"]> {
  const policy = pod.spec.restartPolicy ?? "Always";
  const failedInit = init.some(
    (facts) => !isSidecar(facts.spec) && (facts.state.terminated?.exitCode ?? 0) !== 0,
  );
  if (failedInit && policy === "Never") return "Failed";
  if (!init.every(initDone) && !hasStarted(main)) return "Pending";
  const ended = main.map((facts) => facts.state.terminated ?? facts.lastState?.terminated);
  if (main.some((facts, index) => facts.state.waiting && ended[index] === undefined)) return "Pending";
  if (main.some((facts) => facts.state.running)) return "Running";
  if (main.length === 0 || ended.some((end) => end === undefined)) return "Pending";
  // a sidecar is still to end, as it does after what it serves
  if (init.some((facts) => isSidecar(facts.spec) && facts.state.running)) return "Running";
  if (policy === "Always" && !ending) return "Running";
  if (ended.every((end) => end?.exitCode === 0)) return "Succeeded";
  return policy === "Never" || ending ? "Failed" : "Running";
}

function conditionsOf(pod: Pod, facts: PodFacts, phase: string): Condition[] {
  const { init, main } = facts;
  const uninitialized = init.filter((item) => !initDone(item)).map(({ spec }) => spec.name);
  const sidecars = init.filter(({ spec }) => isSidecar(spec));
  const unready = [...main, ...sidecars].filter(({ ready }) => !ready).map(({ spec }) => spec.name);
  const completed = phase === "Succeeded" || phase === "Failed";
  const containers: Fault | undefined = completed
    ? { reason: phase === "Succeeded" ? "PodCompleted" : "PodFailed" }
    : unready.length > 0
      ? { reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` }
      : undefined;
  const initialized: Fault | undefined =
    // as GeneratePodInitializedCondition of pkg/kubelet/status/generate.go
    uninitialized.length > 0 && phase !== "Succeeded" && !hasStarted(main)
      ? {
          reason: "ContainersNotInitialized",
          message: `containers with incomplete status: [${uninitialized.join(" ")}]`,
        }
      : undefined;
  return [
    condition("PodReadyToStartContainers", facts.sandboxReady ? undefined : {}),
    condition("Initialized", initialized, phase === "Succeeded" ? "PodCompleted" : undefined),
    condition("Ready", containers ?? missingGate(pod)),
    condition("ContainersReady", containers),
    condition("PodScheduled", undefined),
    ...familyConditions([...main, ...sidecars]),
  ];
}

/** `tandem.dev/IPv4Ready` and `tandem.dev/IPv6Ready`: no readiness gates, so that Ready stays what it is. */
function familyConditions(containers: readonly ContainerFacts[]): Condition[] {
  return FAMILIES.flatMap((family) => {
    const verdicts = containers.flatMap(({ families }) => families?.[family] ?? []);
    const silence = verdicts.find((verdict) => verdict !== true);
    return verdicts.length === 0 ? [] : [condition(`tandem.dev/${family}Ready`, silence)];
  });
}

interface Fault {
  readonly reason?: string;
  readonly message?: string;
}

function condition(type: string, fault: Fault | undefined, goodReason?: string): Condition {
  if (fault !== undefined) return { type, status: "False", ...fault };
  return { type, status: "True", ...(goodReason ? { reason: goodReason } : {}) };
}

/** A readiness gate whose condition somebody else has yet to set. */
function missingGate(pod: Pod): Fault | undefined {
  const gates = (pod.spec.readinessGates ?? []).map(({ conditionType }) => conditionType);
  const missing = gates.filter((type) => !hasCondition(pod, type));
  if (missing.length === 0) return undefined;
  const texts = missing.map(
    (type) => `corresponding condition of pod readiness gate ${JSON.stringify(type)} does not exist.`,
  );
  return { reason: "ReadinessGatesNotReady", message: texts.join(", ") };
}

/** The time of a condition's last change of status stays what it was. */
function withTransition(item: Condition, previous: PodStatus | undefined, now: string): Condition {
  const before = conditionOf(previous?.conditions, item.type);
  const same = before?.status === item.status && before.lastTransitionTime !== undefined;
  return {
    ...item,
    lastProbeTime: null,
    lastTransitionTime: same ? (before.lastTransitionTime as string) : now,
  };
}
