/** Waits until applied workloads are ready, and says what they wait for. */
import type { KubeClient } from "../client/index.ts";
import { UserError } from "../errors/user-error.ts";
import { KINDS } from "../objects/kinds.ts";
import type { StatefulSet } from "../objects/statefulset/types.ts";
import type { DaemonSet, Deployment, KubeEvent, KubeObject, Pod } from "../objects/types.ts";
import { podReady, podReasons } from "./pod-readiness.ts";

const PAUSE_MS = 40;

/** Workloads of the applied objects, by the kinds whose readiness is known. */
interface Workloads {
  readonly deployments: ReadonlySet<string>;
  readonly daemonSets: ReadonlySet<string>;
  readonly statefulSets: ReadonlySet<string>;
  readonly pods: ReadonlySet<string>;
}

/** How long is waited, and who is told for what. */
export interface WaitOptions {
  readonly timeoutSeconds: number;
  readonly onWaiting?: (what: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Waits for the Deployments, DaemonSets, StatefulSets and Pods among the objects.
 * @throws UserError when the time is up, naming what is not ready and the reason its pods give
 */
export async function waitForWorkloads(
  client: KubeClient,
  objects: readonly KubeObject[],
  options: WaitOptions,
): Promise<void> {
  const workloads = workloadsOf(objects);
  const deadline = Date.now() + options.timeoutSeconds * 1000;
  for (;;) {
    options.signal?.throwIfAborted();
    const waiting = await notReady(client, workloads);
    if (waiting.length === 0) return;
    options.onWaiting?.(waiting.join(", "));
    if (Date.now() > deadline) throw await notReadyError(client, waiting, options.timeoutSeconds);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function workloadsOf(objects: readonly KubeObject[]): Workloads {
  const keys = (kind: string) =>
    new Set(objects.filter((object) => object.kind === kind).map((object) => keyOf(object)));
  return {
    deployments: keys("Deployment"),
    daemonSets: keys("DaemonSet"),
    statefulSets: keys("StatefulSet"),
    pods: keys("Pod"),
  };
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? "default"}/${object.metadata.name}`;
}

async function notReady(client: KubeClient, workloads: Workloads): Promise<string[]> {
  const [deployments, daemonSets, statefulSets, pods] = await Promise.all([
    pick<Deployment>(client, "Deployment", workloads.deployments),
    pick<DaemonSet>(client, "DaemonSet", workloads.daemonSets),
    pick<StatefulSet>(client, "StatefulSet", workloads.statefulSets),
    pick<Pod>(client, "Pod", workloads.pods),
  ]);
  return [
    ...deployments.filter((item) => !deploymentReady(item)).map((item) => `deployment ${keyOf(item)}`),
    ...daemonSets.filter((item) => !daemonSetReady(item)).map((item) => `daemonset ${keyOf(item)}`),
    ...statefulSets.filter((item) => !statefulSetReady(item)).map((item) => `statefulset ${keyOf(item)}`),
    ...pods.filter((item) => !podReady(item)).map((item) => `pod ${keyOf(item)}`),
  ];
}

async function pick<T extends KubeObject>(
  client: KubeClient,
  kind: "Deployment" | "DaemonSet" | "StatefulSet" | "Pod",
  keys: ReadonlySet<string>,
): Promise<T[]> {
  if (keys.size === 0) return [];
  const { items } = await client.list<T>(KINDS[kind]);
  return items.filter((item) => keys.has(keyOf(item)));
}

function deploymentReady(deployment: Deployment): boolean {
  const { spec, status, metadata } = deployment;
  const replicas = spec.replicas ?? 1;
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) >= replicas &&
    (status?.availableReplicas ?? 0) >= replicas &&
    (status?.replicas ?? 0) === replicas
  );
}

function daemonSetReady(daemonSet: DaemonSet): boolean {
  const { status, metadata } = daemonSet;
  return (
    status !== undefined &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    status.numberReady >= status.desiredNumberScheduled
  );
}

/** As `kubectl rollout status`: pods below a partition stay as they are. */
function statefulSetReady({ spec, status, metadata }: StatefulSet): boolean {
  const replicas = spec.replicas ?? 1;
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  return (
    status !== undefined &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status.availableReplicas ?? 0) >= replicas &&
    (spec.updateStrategy?.type === "OnDelete" || (status.updatedReplicas ?? 0) >= replicas - partition)
  );
}

async function notReadyError(
  client: KubeClient,
  waiting: readonly string[],
  seconds: number,
): Promise<UserError> {
  const { items } = await client.list<Pod>(KINDS.Pod);
  const reasons = [
    ...items
      .filter((pod) => !podReady(pod))
      .flatMap((pod) => podReasons(pod).map((reason) => `pod ${keyOf(pod)}: ${reason}`)),
    ...(await refusals(client, waiting)),
  ];
  return new UserError({
    what: `not ready after ${seconds} s`,
    where: waiting.join(", "),
    why: reasons.length > 0 ? reasons.join("; ") : "no pod says why, and no event",
    next: "kubectl get pods -A; kubectl describe the pod; or a longer --timeout",
  });
}

/** Why there are no pods at all, of what is waited for: controllers say so by events; the last of each counts. */
async function refusals(client: KubeClient, waiting: readonly string[]): Promise<string[]> {
  const { items } = await client.list<KubeEvent>(KINDS.Event);
  const those = items.filter(({ type, reason, involvedObject: { kind, namespace, name = "" } }) => {
    if (type !== "Warning" || reason !== "FailedCreate") return false;
    // a ReplicaSet is called by its Deployment: NAME-HASH
    const owner = kind === "ReplicaSet" ? name.slice(0, name.lastIndexOf("-")) : name;
    const workload = kind === "ReplicaSet" ? "deployment" : kind?.toLowerCase();
    return waiting.includes(`${workload} ${namespace}/${owner}`);
  });
  const last = new Map(those.sort(byTime).map((event) => [event.involvedObject.uid, event.message ?? ""]));
  return [...new Set(last.values())];
}

function byTime({ lastTimestamp: one }: KubeEvent, { lastTimestamp: other }: KubeEvent): number {
  return (one ?? "").localeCompare(other ?? "");
}
