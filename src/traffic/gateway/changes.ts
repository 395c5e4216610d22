/** Which changes of an object matter: most events are about statuses and other metadata. */
import type { KubeObject } from "../../objects/types.ts";
import { equal } from "./equality.ts";

/** Whether two versions of an object say the same apart from status and bookkeeping. */
export function sameContent(one: KubeObject, other: KubeObject): boolean {
  if (one === other) return true;
  const { metadata: before } = one;
  const { metadata: after } = other;
  if (before.uid !== after.uid || before.creationTimestamp !== after.creationTimestamp) return false;
  if (!equal(before.annotations, after.annotations) || !equal(before.labels, after.labels)) return false;
  if (before.generation !== undefined && after.generation !== undefined && before.uid !== undefined)
    return before.generation === after.generation;
  return equal(contentOf(one), contentOf(other));
}

function contentOf(object: KubeObject): unknown {
  const {
    apiVersion: _version,
    kind: _kind,
    metadata: _metadata,
    status: _status,
    ...content
  } = object as KubeObject & {
    status?: unknown;
  };
  return content;
}
