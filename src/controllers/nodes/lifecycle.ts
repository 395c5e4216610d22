import { conditionOf, hasCondition } from "../../objects/conditions.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Lease, Node, Pod } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue } from "../runtime/equal.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import {
  afterStandstill,
  evictionTime,
  type SignOfLife,
  signOfLife,
  taintsFor,
  unknownConditions,
  unreadyPodConditions,
} from "./health.ts";

const SOURCE = "node-controller";
const LEASE_NAMESPACE = "kube-node-lease";
const MONITOR_PERIOD = 5000;
const DEFAULT_GRACE = 50_000;

/**
 * Watches over the nodes' health: one that gives no sign of life becomes NotReady, is tainted, and its pods
 * count as not ready at once and go when their tolerations end.
 */
export function runNodeLifecycle(context: ControllerContext): void {
  const { informers } = context;
  const nodes = informers.of<Node>(KINDS.Node);
  const leases = informers.of<Lease>(KINDS.Lease);
  const pods = informers.of<Pod>(KINDS.Pod);
  const grace = context.options.nodeMonitorGracePeriod ?? DEFAULT_GRACE;
  const { markSilent, taint, markPods } = nodeWriter(context);
  const evictions = evictionQueue(context);
  let signs = new Map<string, SignOfLife>();
  let looked = Date.now();
  /** Not only at the monitor's ticks: what waited while this process stood still may come before the next of them. */
  const look = (): number => {
    const now = Date.now();
    signs = afterStandstill(signs, looked, now, MONITOR_PERIOD) ?? signs;
    looked = now;
    return now;
  };

  const queue = context.queue({ name: "node-lifecycle" }, async (key) => {
    let node = nodes.get(key);
    if (node === undefined) return;
    const now = look();
    const sign = signOfLife(node, leases.get(`${LEASE_NAMESPACE}/${key}`), signs.get(key), now);
    signs.set(key, sign);
    if (now - sign.seen > grace) node = await markSilent(node, now);
    await taint(node, now);
    if (isReady(node)) return;
    await markPods(podsOn(node), now);
  });

  function podsOn(node: Node): Pod[] {
    return pods.list().filter(({ spec }) => spec.nodeName === node.metadata.name);
  }

  nodes.onChange(({ type, object, previous }) => {
    const key = objectKey(object);
    if (type === "deleted") return void signs.delete(key);
    const concerns = (node: Node): unknown => [
      node.spec,
      conditionOf(node.status?.conditions, "Ready")?.status,
    ];
    if (previous === undefined || !sameValue(concerns(object), concerns(previous))) queue.add(key);
    if (!sameValue(object.spec.taints, previous?.spec.taints))
      for (const pod of podsOn(object)) evictions.add(objectKey(pod));
  });
  pods.onChange(({ type, object, previous }) => {
    if (type !== "deleted" && object.spec.nodeName && !previous?.spec.nodeName)
      evictions.add(objectKey(object));
  });
  context.every(MONITOR_PERIOD, () => {
    look();
    for (const node of nodes.list()) queue.add(objectKey(node));
  });
}

function isReady(node: Node): boolean {
  return hasCondition(node, "Ready");
}

/** What is written of a node that is silent or not ready, and of the pods on it. */
function nodeWriter({ writer, events }: ControllerContext) {
  async function markSilent(node: Node, now: number): Promise<Node> {
    const conditions = unknownConditions(node, formatTime(new Date(now)));
    if (conditions === undefined) return node;
    const text = `Node ${node.metadata.name} status is now: NodeNotReady`;
    events.record(SOURCE, node, "Normal", "NodeNotReady", text);
    const status = { ...node.status, conditions };
    return writer.update(KINDS.Node, { ...node, status }, { subresource: "status" });
  }

  async function taint(node: Node, now: number): Promise<void> {
    const taints = taintsFor(node, formatTime(new Date(now)));
    if (taints === undefined) return;
    await writer.patch(KINDS.Node, node, { spec: { taints: taints.length > 0 ? taints : null } });
  }

  async function markPods(all: readonly Pod[], now: number): Promise<void> {
    for (const pod of all) {
      const conditions = unreadyPodConditions(pod, formatTime(new Date(now)));
      if (conditions === undefined) continue;
      await writer.update(
        KINDS.Pod,
        { ...pod, status: { ...pod.status, conditions } },
        { subresource: "status" },
      );
    }
  }

  return { markSilent, taint, markPods };
}

/** Pods by key, that go when their tolerations of the node's taints end. */
function evictionQueue(context: ControllerContext): WorkQueue {
  const { informers, writer, events } = context;
  const nodes = informers.of<Node>(KINDS.Node);
  const pods = informers.of<Pod>(KINDS.Pod);
  const evictions = context.queue({ name: "taint-eviction" }, async (key) => {
    const pod = pods.get(key);
    const node = pod && nodes.get(pod.spec.nodeName ?? "");
    if (pod === undefined || node === undefined || pod.metadata.deletionTimestamp) return;
    const due = evictionTime(pod, node, Date.now());
    if (due === undefined) return;
    if (due > Date.now()) return evictions.addAfter(key, Math.min(due - Date.now(), 3_600_000));
    const text = `Marking for deletion Pod ${key}`;
    events.record("taint-eviction-controller", pod, "Normal", "TaintManagerEviction", text);
    await writer.delete(KINDS.Pod, pod);
  });
  return evictions;
}
