import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { DaemonSet, Node, Pod } from "../../objects/types.ts";
import { isNamespaceTerminating } from "../endpointslice/controller.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { matchesSelector } from "../runtime/labels.ts";
import { adoptPatch, claim, controllerOf, controllerReference, releasePatch } from "../runtime/owners.ts";
import { planDaemonSet } from "./reconcile.ts";

const SOURCE = "daemonset-controller";

/** Keeps one pod of every DaemonSet on each node that it is meant for. */
export function runDaemonSets(context: ControllerContext): void {
  const { informers, writer, events } = context;
  const sets = informers.of<DaemonSet>(KINDS.DaemonSet);
  const pods = informers.of<Pod>(KINDS.Pod);
  const nodes = informers.of<Node>(KINDS.Node);

  const queue = context.queue({ name: "daemonset" }, async (key) => {
    const set = sets.get(key);
    if (set === undefined) return;
    const claimed = claim(set, set.spec.selector, pods.list(set.metadata.namespace ?? ""));
    const reference = controllerReference(KINDS.DaemonSet, set);
    await Promise.all([
      ...claimed.adopted.map((pod) => writer.patch(KINDS.Pod, pod, adoptPatch(pod, reference))),
      ...claimed.released.map((pod) => writer.patch(KINDS.Pod, pod, releasePatch(pod, set.metadata.uid))),
    ]);
    const plan = planDaemonSet(set, nodes.list(), claimed.owned, Date.now());
    if (plan.recheck !== undefined) queue.addAfter(key, plan.recheck + 50);
    await carryOut(set, plan.create, plan.delete);
    if (sameValue(withoutZeros(set.status), withoutZeros(plan.status))) return;
    const status = { ...set.status, ...plan.status };
    await writer.update(KINDS.DaemonSet, { ...set, status }, { subresource: "status" });
  });

  async function carryOut(
    set: DaemonSet,
    create: readonly Omit<Pod, "apiVersion" | "kind">[],
    remove: readonly Pod[],
  ): Promise<void> {
    const creating = create.map(async (wanted) => {
      const pod = await writer.create<Pod>(KINDS.Pod, wanted);
      events.record(SOURCE, set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    });
    const deleting = remove.map(async (pod) => {
      await writer.delete(KINDS.Pod, pod);
      events.record(SOURCE, set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    });
    for (const result of await Promise.allSettled([...creating, ...deleting])) {
      if (result.status === "fulfilled" || isNamespaceTerminating(result.reason)) continue;
      events.record(
        SOURCE,
        set,
        "Warning",
        "FailedCreate",
        `Error creating: ${(result.reason as Error).message}`,
      );
      throw result.reason;
    }
  }

  sets.onChange(({ object }) => queue.add(objectKey(object)));
  pods.onChange(({ object, previous }) => {
    for (const owner of new Set([controllerOf(object), previous && controllerOf(previous)])) {
      if (owner?.kind === "DaemonSet") queue.add(`${object.metadata.namespace}/${owner.name}`);
    }
    if (controllerOf(object) !== undefined) return;
    for (const set of sets.list(object.metadata.namespace ?? "")) {
      if (matchesSelector(set.spec.selector, object.metadata.labels)) queue.add(objectKey(set));
    }
  });
  nodes.onChange(({ type, object, previous }) => {
    if (
      type === "updated" &&
      sameValue([object.spec, object.metadata.labels], [previous?.spec, previous?.metadata.labels])
    )
      return;
    for (const set of sets.list()) queue.add(objectKey(set));
  });
}
