import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Pod, ReplicaSet } from "../../objects/types.ts";
import { isNamespaceTerminating } from "../endpointslice/controller.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { matchesSelector } from "../runtime/labels.ts";
import { adoptPatch, claim, controllerOf, controllerReference, releasePatch } from "../runtime/owners.ts";
import { podFromTemplate } from "../runtime/pod-template.ts";
import { planReplicas, replicaSetStatus, siblingPods } from "./reconcile.ts";

const SOURCE = "replicaset-controller";

/** Keeps the number of pods of every ReplicaSet. */
export function runReplicaSets(context: ControllerContext): void {
  const { informers, writer, events } = context;
  const sets = informers.of<ReplicaSet>(KINDS.ReplicaSet);
  const pods = informers.of<Pod>(KINDS.Pod);

  const queue = context.queue({ name: "replicaset", workers: 8 }, async (key) => {
    const set = sets.get(key);
    if (set === undefined) return;
    const namespace = set.metadata.namespace ?? "";
    const all = pods.list(namespace);
    const claimed = claim(set, set.spec.selector, all);
    await Promise.all([
      ...claimed.adopted.map((pod) =>
        writer.patch(KINDS.Pod, pod, adoptPatch(pod, controllerReference(KINDS.ReplicaSet, set))),
      ),
      ...claimed.released.map((pod) => writer.patch(KINDS.Pod, pod, releasePatch(pod, set.metadata.uid))),
    ]);
    const siblings = siblingPods(set, claimed.owned, sets.list(namespace), all);
    const plan = planReplicas(set, claimed.owned, siblings, Date.now());
    const failure = await carryOut(set, plan.create, plan.delete);
    const ids = new Set(claimed.adopted.map(({ metadata }) => metadata.uid));
    const owned = pods
      .list(namespace)
      .filter((pod) => controllerOf(pod)?.uid === set.metadata.uid || ids.has(pod.metadata.uid));
    await writeStatus(key, set, owned, failure);
    if (failure !== undefined && !failure.final) throw new Error(failure.message);
  });

  interface Failure {
    readonly reason: string;
    readonly message: string;
    /** Retrying is of no use. */
    readonly final: boolean;
  }

  async function carryOut(
    set: ReplicaSet,
    create: number,
    remove: readonly Pod[],
  ): Promise<Failure | undefined> {
    const createOne = async (): Promise<void> => {
      const pod = await writer.create<Pod>(
        KINDS.Pod,
        podFromTemplate(KINDS.ReplicaSet, set, set.spec.template),
      );
      events.record(SOURCE, set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    };
    const deleting = remove.map(async (pod) => {
      await writer.delete(KINDS.Pod, pod);
      events.record(SOURCE, set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    });
    const results = await Promise.allSettled([...(await createBatch(create, createOne)), ...deleting]);
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return undefined;
    const { message } = failed.reason as Error;
    const final = isNamespaceTerminating(failed.reason);
    const doing = create > 0 ? "Create" : "Delete";
    if (!final) {
      const text = `Error ${create > 0 ? "creating" : "deleting"}: ${message}`;
      events.record(SOURCE, set, "Warning", `Failed${doing}`, text);
    }
    return { reason: `Failed${doing}`, message, final };
  }

  async function writeStatus(
    key: string,
    set: ReplicaSet,
    owned: readonly Pod[],
    failure?: Failure,
  ): Promise<void> {
    const shown = failure === undefined ? undefined : { reason: failure.reason, message: failure.message };
    const { status, recheck } = replicaSetStatus(set, owned, Date.now(), shown);
    if (recheck !== undefined) queue.addAfter(key, recheck + 50);
    if (sameValue(withoutZeros(set.status), withoutZeros(status))) return;
    await writer.update(KINDS.ReplicaSet, { ...set, status }, { subresource: "status" });
  }

  sets.onChange(({ object }) => queue.add(objectKey(object)));
  pods.onChange(({ object, previous }) => {
    const owners = new Set([controllerOf(object), previous && controllerOf(previous)]);
    for (const owner of owners) {
      if (owner?.kind === "ReplicaSet") queue.add(`${object.metadata.namespace}/${owner.name}`);
    }
    if (controllerOf(object) !== undefined) return;
    for (const set of sets.list(object.metadata.namespace ?? "")) {
      if (matchesSelector(set.spec.selector, object.metadata.labels)) queue.add(objectKey(set));
    }
  });
}

/** Starts with one pod: where that is refused, the others would be too. */
async function createBatch(count: number, createOne: () => Promise<void>): Promise<Promise<void>[]> {
  if (count === 0) return [];
  const first = createOne();
  const [result] = await Promise.allSettled([first]);
  if (result.status === "rejected") return [first];
  return [first, ...Array.from({ length: count - 1 }, createOne)];
}
