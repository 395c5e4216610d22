import type { Informer, ObjectChange } from "../../client/index.ts";
import { conditionOf } from "../../objects/conditions.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject, Node, Pod } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue } from "../runtime/equal.ts";
import { isPodTerminal } from "../runtime/pods.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import { chooseNode } from "./choose.ts";

const SOURCE = "default-scheduler";

/**
 * Gives every pod a node. Pods are looked at one after the other, each with those in mind that are about to
 * be bound; the binding itself does not hold up the next one. Pods without a fitting node are tried again
 * when a node or the room on one changes.
 */
export function runScheduler(context: ControllerContext): void {
  new Scheduler(context).follow();
}

class Scheduler {
  readonly #context: ControllerContext;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #queue: WorkQueue;
  /** Nodes of pods whose binding is under way. */
  readonly #assumed = new Map<string, string>();
  readonly #stranded = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#pods = context.informers.of(KINDS.Pod);
    this.#nodes = context.informers.of(KINDS.Node);
    this.#queue = context.queue({ name: "scheduler", workers: 1 }, (key) => this.#place(key));
  }

  follow(): void {
    this.#pods.onChange((change) => this.#onPod(change));
    this.#nodes.onChange(({ object, previous }) => {
      if (previous === undefined || !sameValue(relevant(object), relevant(previous))) this.#retryStranded();
    });
  }

  #onPod({ type, object, previous }: ObjectChange<Pod>): void {
    if (type !== "deleted" && isPending(object)) {
      // A change of its status alone, as by a report of ours, is no reason to look again.
      if (previous === undefined || !sameValue(object.spec, previous.spec))
        this.#queue.add(objectKey(object));
    } else this.#stranded.delete(objectKey(object));
    const leftNode = type === "deleted" || (isPodTerminal(object) && previous && !isPodTerminal(previous));
    if (object.spec.nodeName && leftNode) this.#retryStranded();
    // A pod that wants company may have waited for this one.
    if (object.spec.nodeName && previous !== undefined && !previous.spec.nodeName) this.#retryStranded();
  }

  #retryStranded(): void {
    for (const key of [...this.#stranded]) this.#queue.add(key);
  }

  async #place(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    this.#stranded.delete(key);
    if (pod === undefined || !isPending(pod) || this.#assumed.has(key)) return;
    const choice = chooseNode(pod, this.#nodes.list(), this.#placedPods());
    if ("node" in choice) {
      this.#assumed.set(key, choice.node);
      void this.#bind(key, pod, choice.node);
      return;
    }
    this.#stranded.add(key);
    await this.#reportUnschedulable(pod, choice.message);
  }

  #placedPods(): Pod[] {
    const placed: Pod[] = [];
    for (const pod of this.#pods.list()) {
      const nodeName = pod.spec.nodeName || this.#assumed.get(objectKey(pod));
      if (nodeName === undefined) continue;
      placed.push(pod.spec.nodeName ? pod : { ...pod, spec: { ...pod.spec, nodeName } });
    }
    return placed;
  }

  async #bind(key: string, pod: Pod, node: string): Promise<void> {
    const { client, informers, events, signal } = this.#context;
    try {
      await client.create(KINDS.Pod, bindingOf(pod, node), { subresource: "binding" });
      await informers.until(
        KINDS.Pod,
        key,
        (now) => now === undefined || Boolean((now as Pod).spec.nodeName),
      );
      this.#assumed.delete(key);
      events.record(SOURCE, pod, "Normal", "Scheduled", `Successfully assigned ${key} to ${node}`);
    } catch (error) {
      this.#assumed.delete(key);
      const gone = error instanceof ApiError && (error.code === 404 || error.code === 409);
      if (!gone && !signal.aborted) this.#queue.addAfter(key, 100);
    }
  }

  async #reportUnschedulable(pod: Pod, message: string): Promise<void> {
    const { writer, events } = this.#context;
    const present = conditionOf(pod.status?.conditions, "PodScheduled");
    events.record(SOURCE, pod, "Warning", "FailedScheduling", message);
    if (present?.status === "False" && present.message === message) return;
    const condition = { type: "PodScheduled", status: "False", reason: "Unschedulable", message };
    const since = present?.status === "False" ? present.lastTransitionTime : undefined;
    const lastTransitionTime = since ?? formatTime(new Date());
    const patch = { status: { conditions: [{ ...condition, lastTransitionTime, lastProbeTime: null }] } };
    await writer.patch(KINDS.Pod, pod, patch, { type: "strategic", subresource: "status" });
  }
}

function bindingOf({ metadata: { name, namespace, uid } }: Pod, node: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name, namespace, uid },
    target: { apiVersion: "v1", kind: "Node", name: node },
  } as KubeObject;
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
