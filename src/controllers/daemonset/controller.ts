import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { ControllerRevision } from "../../objects/statefulset/types.ts";
import type { DaemonSet, Node, Pod } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { claimDependents, followDependents } from "../runtime/dependents.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { createPod, deletePod } from "../runtime/pod-control.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import { beyondHistory, type DaemonHistory, historyOf } from "./history.ts";
import { planDaemonSet } from "./reconcile.ts";

const SOURCE = "daemonset-controller";

/** Keeps one pod of every DaemonSet on each node that it is meant for. */
export function runDaemonSets(context: ControllerContext): void {
  const { informers, writer, events } = context;
  const sets = informers.of<DaemonSet>(KINDS.DaemonSet);
  const pods = informers.of<Pod>(KINDS.Pod);
  const nodes = informers.of<Node>(KINDS.Node);
  const revisions = informers.of<ControllerRevision>(KINDS.ControllerRevision);

  const queue = context.queue({ name: "daemonset" }, async (key) => {
    const set = sets.get(key);
    if (set === undefined) return;
    const all = pods.list(set.metadata.namespace ?? "");
    const { owned } = await claimDependents(writer, [KINDS.DaemonSet, set], [KINDS.Pod, all]);
    const history = await keepHistory(set);
    const plan = planDaemonSet(set, nodes.list(), owned, Date.now(), history?.hash);
    if (plan.recheck !== undefined) queue.addAfter(key, plan.recheck + 50);
    await carryOut(set, plan.create, plan.delete);
    const collisionCount = history?.collisionCount;
    await writeStatus(set, { ...plan.status, ...(collisionCount && { collisionCount }) });
    const surplus = history === undefined ? [] : beyondHistory(set, history, owned);
    await Promise.all(surplus.map((revision) => writer.delete(KINDS.ControllerRevision, revision)));
  });

  /** Has the present template as a revision; a DaemonSet that is being deleted needs none. */
  async function keepHistory(set: DaemonSet): Promise<DaemonHistory | undefined> {
    if (set.metadata.deletionTimestamp !== undefined) return undefined;
    const all = revisions.list(set.metadata.namespace ?? "");
    const owner = [KINDS.DaemonSet, set] as const;
    const { owned } = await claimDependents(writer, owner, [KINDS.ControllerRevision, all]);
    const history = historyOf(set, owned, all);
    if (history.write === "create") await writer.create(KINDS.ControllerRevision, history.current);
    if (history.write === "renumber") await writer.update(KINDS.ControllerRevision, history.current);
    return history;
  }

  async function writeStatus(set: DaemonSet, counted: NonNullable<DaemonSet["status"]>): Promise<void> {
    const status = { ...set.status, ...counted };
    if (sameValue(withoutZeros(set.status), withoutZeros(status))) return;
    await writer.update(KINDS.DaemonSet, { ...set, status }, { subresource: "status" });
  }

  async function carryOut(
    set: DaemonSet,
    create: readonly Omit<Pod, "apiVersion" | "kind">[],
    remove: readonly Pod[],
  ): Promise<void> {
    const control = { source: SOURCE, owner: set };
    const creating = create.map((wanted) => createPod(context, control, wanted));
    const deleting = remove.map((pod) => deletePod(context, control, pod));
    for (const result of await Promise.allSettled([...creating, ...deleting])) {
      if (result.status === "fulfilled" || isNamespaceTerminating(result.reason)) continue;
      const text = `Error creating: ${(result.reason as Error).message}`;
      events.record(SOURCE, set, "Warning", "FailedCreate", text);
      throw result.reason;
    }
  }

  sets.onChange(({ object }) => queue.add(objectKey(object)));
  followDependents(queue, KINDS.DaemonSet, sets, pods);
  nodes.onChange(({ type, object, previous }) => {
    if (
      type === "updated" &&
      sameValue([object.spec, object.metadata.labels], [previous?.spec, previous?.metadata.labels])
    )
      return;
    for (const set of sets.list()) queue.add(objectKey(set));
  });
}
