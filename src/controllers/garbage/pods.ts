import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Node, Pod } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { isPodTerminal } from "../runtime/pods.ts";

const PERIOD = 20_000;
/** How long a node has to be missing before its pods go. */
const QUARANTINE = 40_000;
const MAX_TERMINATED = 12_500;

/**
 * The pods that nobody else clears away (pkg/controller/podgc): those on nodes that are gone, those being
 * deleted that never had a node, and the oldest of very many that have ended.
 * @param missing nodes that pods name but that do not exist, and since when (milliseconds since 1970)
 */
export function podsToCollect(
  pods: readonly Pod[],
  missing: ReadonlyMap<string, number>,
  now: number,
): Pod[] {
  const orphans = pods.filter(({ spec }) => {
    const since = missing.get(spec.nodeName ?? "");
    return since !== undefined && now - since >= QUARANTINE;
  });
  const unplaced = pods.filter(
    ({ spec, metadata }) => !spec.nodeName && metadata.deletionTimestamp !== undefined,
  );
  const ended = pods.filter(isPodTerminal);
  ended.sort((a, b) =>
    (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1,
  );
  const surplus = ended.slice(0, Math.max(0, ended.length - MAX_TERMINATED));
  return [...new Set([...orphans, ...unplaced, ...surplus])];
}

/** Clears such pods away every 20 seconds. */
export function runPodCollector(context: ControllerContext): void {
  const { informers, writer } = context;
  const pods = informers.of<Pod>(KINDS.Pod);
  const nodes = informers.of<Node>(KINDS.Node);
  let missing = new Map<string, number>();

  const queue = context.queue({ name: "pod-collector" }, async (key) => {
    const pod = pods.get(key);
    if (pod === undefined) return;
    if (!isPodTerminal(pod) && pod.spec.nodeName) {
      const status = { phase: "Failed", reason: "DeletionByPodGC", message: "PodGC: node no longer exists" };
      await writer.patch(
        KINDS.Pod,
        pod,
        { metadata: { uid: pod.metadata.uid }, status },
        { subresource: "status" },
      );
    }
    await writer.delete(KINDS.Pod, pod, { gracePeriodSeconds: 0 });
  });

  context.every(PERIOD, () => {
    const now = Date.now();
    const all = pods.list();
    const before = missing;
    missing = new Map();
    for (const { spec } of all) {
      const name = spec.nodeName;
      if (name && nodes.get(name) === undefined) missing.set(name, before.get(name) ?? now);
    }
    for (const pod of podsToCollect(all, missing, now)) queue.add(objectKey(pod));
  });
}
