import { conditionOf } from "../../objects/conditions.ts";
import type { Condition, Lease, Node, Pod } from "../../objects/types.ts";
import { untolerated } from "../scheduler/feasible.ts";

type Taint = NonNullable<Node["spec"]["taints"]>[number] & { timeAdded?: string };

const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
const KUBELET_CONDITIONS = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** The last sign of life of a node, and when it was seen here; the node's own clock may differ. */
export interface SignOfLife {
  readonly sign: string;
  readonly seen: number;
}

/** The newest sign of life: the Lease's renewal and the heartbeat of the condition Ready. */
export function signOfLife(
  node: Node,
  lease: Lease | undefined,
  before: SignOfLife | undefined,
  now: number,
): SignOfLife {
  const ready = conditionOf(node.status?.conditions, "Ready");
  const sign = `${lease?.spec?.renewTime ?? ""} ${ready?.lastHeartbeatTime ?? ""}`;
  return before?.sign === sign ? before : { sign, seen: now };
}

/**
 * What was seen, when nobody looked for some time: while this process stood still (or its machine slept), no sign could
 * be seen, so that this time counts for no node. Else all of them would be silent at the moment when it goes on.
 * @param looked when anybody last looked, and `now`; in ms
 * @param period how often it should have been
 */
export function afterStandstill(
  signs: ReadonlyMap<string, SignOfLife>,
  looked: number,
  now: number,
  period: number,
): Map<string, SignOfLife> | undefined {
  const still = now - looked - period;
  if (still <= period) return undefined;
  return new Map([...signs].map(([node, sign]) => [node, { ...sign, seen: sign.seen + still }]));
}

/** The conditions of a node whose kubelet has fallen silent; undefined when they say so already. */
export function unknownConditions(node: Node, now: string): Condition[] | undefined {
  const conditions = [...(node.status?.conditions ?? [])];
  let changed = false;
  for (const type of KUBELET_CONDITIONS) {
    const index = conditions.findIndex((condition) => condition.type === type);
    const present = conditions[index];
    if (present?.status === "Unknown") continue;
    changed = true;
    const silent = present !== undefined;
    const next: Condition = {
      ...present,
      type,
      status: "Unknown",
      reason: silent ? "NodeStatusUnknown" : "NodeStatusNeverUpdated",
      message: silent ? "Kubelet stopped posting node status." : "Kubelet never posted node status.",
      lastTransitionTime: now,
    };
    if (index < 0) conditions.push(next);
    else conditions[index] = next;
  }
  return changed ? conditions : undefined;
}

/**
 * The taints that a node's state asks for (pkg/controller/nodelifecycle): not-ready or unreachable, which
 * keep new pods away and drive others out in time, and unschedulable of a cordoned node. Undefined when they
 * are right.
 */
export function taintsFor(node: Node, now: string): Taint[] | undefined {
  const status = conditionOf(node.status?.conditions, "Ready")?.status ?? "Unknown";
  const key = status === "True" ? undefined : status === "False" ? NOT_READY : UNREACHABLE;
  const wanted: Taint[] =
    key === undefined
      ? []
      : [
          { key, effect: "NoSchedule" },
          { key, effect: "NoExecute" },
        ];
  if (node.spec.unschedulable) wanted.push({ key: UNSCHEDULABLE, effect: "NoSchedule" });
  const present: readonly Taint[] = node.spec.taints ?? [];
  const managed = ({ key: of }: Taint): boolean =>
    of === NOT_READY || of === UNREACHABLE || of === UNSCHEDULABLE;
  const same = ({ key: a, effect: x }: Taint, { key: b, effect: y }: Taint): boolean => a === b && x === y;
  const missing = wanted.filter((taint) => !present.some((item) => same(item, taint)));
  const kept = present.filter((taint) => !managed(taint) || wanted.some((item) => same(item, taint)));
  if (missing.length === 0 && kept.length === present.length) return undefined;
  const added = missing.map((taint) => (taint.effect === "NoExecute" ? { ...taint, timeAdded: now } : taint));
  return [...kept, ...added];
}

/**
 * The conditions of a pod whose node is not ready: it counts as not ready too. Undefined when they say so
 * already.
 */
export function unreadyPodConditions(pod: Pod, now: string): Condition[] | undefined {
  const conditions = pod.status?.conditions ?? [];
  if (conditionOf(conditions, "Ready")?.status !== "True") return undefined;
  return conditions.map((condition) =>
    condition.type === "Ready"
      ? { ...condition, status: "False", reason: "NodeNotReady", lastTransitionTime: now }
      : condition,
  );
}

/**
 * When a node's NoExecute taints drive a pod out, as milliseconds since 1970; undefined: never. A toleration
 * without `tolerationSeconds` is for ever, the shortest one counts (pkg/controller/tainteviction).
 */
export function evictionTime(pod: Pod, node: Node, now: number): number | undefined {
  const taints = (node.spec.taints ?? []).filter(({ effect }) => effect === "NoExecute") as Taint[];
  if (taints.length === 0) return undefined;
  if (untolerated(pod.spec.tolerations, taints, ["NoExecute"]) !== undefined) return now;
  const times = taints.flatMap((taint) => {
    const since = Date.parse(taint.timeAdded ?? "") || now;
    return (pod.spec.tolerations ?? [])
      .filter((toleration) => untolerated([toleration], [taint], ["NoExecute"]) === undefined)
      .filter(({ tolerationSeconds }) => tolerationSeconds !== undefined)
      .map(({ tolerationSeconds = 0 }) => since + Math.max(0, tolerationSeconds) * 1000);
  });
  return times.length === 0 ? undefined : Math.min(...times);
}
