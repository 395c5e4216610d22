import type { Kind } from "./kinds.ts";
import type { AnyObject, Node, Pod, Toleration } from "./types.ts";

// What the admission plugins that are always on add to new objects (plugin/pkg/admission).

const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";
/** Seconds that a pod stays on a node that is not ready or cannot be reached. */
const PATIENCE = 300;
const PRIORITIES: Readonly<Record<string, number>> = {
  "system-node-critical": 2_000_001_000,
  "system-cluster-critical": 2_000_000_000,
};

/** Completes a new object between its defaults and its validation. */
export function admitCreate(kind: Kind, object: AnyObject): void {
  if (kind.group !== "") return;
  if (kind.kind === "Pod") admitPod(object as unknown as Pod);
  else if (kind.kind === "Node") admitNode(object as unknown as Node);
}

function admitPod({ spec }: Pod): void {
  const wide = spec as Pod["spec"] & { preemptionPolicy?: string; priorityClassName?: string };
  wide.priority = PRIORITIES[wide.priorityClassName ?? ""] ?? 0;
  wide.preemptionPolicy ??= "PreemptLowerPriority";
  for (const key of [NOT_READY, UNREACHABLE]) tolerate(spec, key);
}

/** Plugin DefaultTolerationSeconds. */
function tolerate(spec: Pod["spec"], key: string): void {
  const tolerations = spec.tolerations ?? [];
  if (tolerations.some((toleration) => covers(toleration, key))) return;
  const added = { key, operator: "Exists", effect: "NoExecute", tolerationSeconds: PATIENCE };
  spec.tolerations = [...tolerations, added];
}

function covers({ key = "", effect = "" }: Toleration, wanted: string): boolean {
  return (key === wanted || key === "") && (effect === "NoExecute" || effect === "");
}

/** Plugin TaintNodesByCondition: a node takes no pods until its controller has seen it ready. */
function admitNode({ spec }: Node): void {
  const taints = spec.taints ?? [];
  const known = taints.some((taint) => taint.key === NOT_READY && taint.effect === "NoSchedule");
  if (!known) spec.taints = [...taints, { key: NOT_READY, effect: "NoSchedule" }];
}

/** The warning that comes with every answer about objects of a kind that is on its way out. */
export function deprecationOf(kind: Kind): string | undefined {
  if (kind.group === "" && kind.kind === "Endpoints") {
    return "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
  }
  return kind.custom?.deprecation;
}
