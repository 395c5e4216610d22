import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Node, Pod } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue } from "../runtime/equal.ts";
import { conditionOf, isPodTerminal } from "../runtime/pods.ts";
import { timestamp } from "../runtime/time.ts";
import { chooseNode } from "./choose.ts";

const SOURCE = "default-scheduler";

/**
 * Gives every pod a node. Pods are looked at one after the other, each with those in mind that are about to
 * be bound; the binding itself does not hold up the next one. Pods without a fitting node are tried again
 * when a node or the room on one changes.
 */
export function runScheduler(context: ControllerContext): void {
  const { client, informers, writer, events, signal } = context;
  const pods = informers.of<Pod>(KINDS.Pod);
  const nodes = informers.of<Node>(KINDS.Node);
  /** Nodes of pods whose binding is under way. */
  const assumed = new Map<string, string>();
  const stranded = new Set<string>();

  const queue = context.queue({ name: "scheduler", workers: 1 }, async (key) => {
    const pod = pods.get(key);
    stranded.delete(key);
    if (pod === undefined || !isPending(pod) || assumed.has(key)) return;
    const choice = chooseNode(pod, nodes.list(), placedPods());
    if ("node" in choice) {
      assumed.set(key, choice.node);
      void bind(key, pod, choice.node);
      return;
    }
    stranded.add(key);
    await reportUnschedulable(pod, choice.message);
  });

  function placedPods(): Pod[] {
    const placed: Pod[] = [];
    for (const pod of pods.list()) {
      const nodeName = pod.spec.nodeName || assumed.get(objectKey(pod));
      if (nodeName === undefined) continue;
      placed.push(pod.spec.nodeName ? pod : { ...pod, spec: { ...pod.spec, nodeName } });
    }
    return placed;
  }

  async function bind(key: string, pod: Pod, node: string): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid },
      target: { apiVersion: "v1", kind: "Node", name: node },
    };
    try {
      await client.create(KINDS.Pod, binding, { subresource: "binding" });
      await informers.until(
        KINDS.Pod,
        key,
        (now) => now === undefined || Boolean((now as Pod).spec.nodeName),
      );
      assumed.delete(key);
      events.record(
        SOURCE,
        pod,
        "Normal",
        "Scheduled",
        `Successfully assigned ${namespace}/${name} to ${node}`,
      );
    } catch (error) {
      assumed.delete(key);
      const gone = error instanceof ApiError && (error.code === 404 || error.code === 409);
      if (!gone && !signal.aborted) queue.addAfter(key, 100);
    }
  }

  async function reportUnschedulable(pod: Pod, message: string): Promise<void> {
    const present = conditionOf(pod.status?.conditions, "PodScheduled");
    events.record(SOURCE, pod, "Warning", "FailedScheduling", message);
    if (present?.status === "False" && present.message === message) return;
    const condition = { type: "PodScheduled", status: "False", reason: "Unschedulable", message };
    const since = present?.status === "False" ? present.lastTransitionTime : undefined;
    const lastTransitionTime = since ?? timestamp(Date.now());
    const patch = { status: { conditions: [{ ...condition, lastTransitionTime, lastProbeTime: null }] } };
    await writer.patch(KINDS.Pod, pod, patch, { type: "strategic", subresource: "status" });
  }

  function retryStranded(): void {
    for (const key of [...stranded]) queue.add(key);
  }

  pods.onChange(({ type, object, previous }) => {
    if (type !== "deleted" && isPending(object)) {
      // A change of its status alone, as by the report above, is no reason to look again.
      if (previous === undefined || !sameValue(object.spec, previous.spec)) queue.add(objectKey(object));
    } else stranded.delete(objectKey(object));
    const leftNode = type === "deleted" || (isPodTerminal(object) && previous && !isPodTerminal(previous));
    if (object.spec.nodeName && leftNode) retryStranded();
    // A pod that wants company may have waited for this one.
    if (object.spec.nodeName && previous !== undefined && !previous.spec.nodeName) retryStranded();
  });
  nodes.onChange(({ object, previous }) => {
    if (previous === undefined || !sameValue(relevant(object), relevant(previous))) retryStranded();
  });
}

function relevant(node: Node): unknown {
  return [node.spec, node.metadata.labels, node.status?.allocatable];
}

/** Whether a pod waits for this scheduler. */
function isPending(pod: Pod): boolean {
  const { nodeName, schedulerName = SOURCE } = pod.spec;
  const gates = (pod.spec as { schedulingGates?: unknown[] }).schedulingGates ?? [];
  return (
    !nodeName &&
    schedulerName === SOURCE &&
    gates.length === 0 &&
    !isPodTerminal(pod) &&
    pod.metadata.deletionTimestamp === undefined
  );
}
