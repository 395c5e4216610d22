import type { ObjectChange } from "../../client/index.ts";
import { conditionOf } from "../../objects/conditions.ts";
import type { Node } from "../../objects/types.ts";

/** Whether a change of a node can make it a target, or another one; its heartbeats do not. */
export function concernsTargets({ type, object, previous }: ObjectChange<Node>): boolean {
  return type !== "updated" || previous === undefined || fingerprint(object) !== fingerprint(previous);
}

function fingerprint({ metadata, spec, status }: Node): string {
  const ready = conditionOf(status?.conditions, "Ready")?.status;
  const { labels, deletionTimestamp } = metadata;
  return JSON.stringify([labels, deletionTimestamp, spec.providerID, spec.taints, status?.addresses, ready]);
}
