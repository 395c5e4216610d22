import type { Informer } from "../../client/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Pod, ReplicaSet } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { claimDependents, followDependents } from "../runtime/dependents.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { controllerOf } from "../runtime/owners.ts";
import { createPod, deletePod } from "../runtime/pod-control.ts";
import { podFromTemplate } from "../runtime/pod-template.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import { planReplicas, replicaSetStatus, siblingPods } from "./reconcile.ts";

const SOURCE = "replicaset-controller";

/** Keeps the number of pods of every ReplicaSet. */
export function runReplicaSets(context: ControllerContext): void {
  new ReplicaSets(context).follow();
}

/** Why pods could not be created or deleted, as the status tells it. */
interface Failure {
  readonly reason: string;
  readonly message: string;
  /** Retrying is of no use. */
  readonly final: boolean;
}

class ReplicaSets {
  readonly #context: ControllerContext;
  readonly #sets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #queue: WorkQueue;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.of(KINDS.ReplicaSet);
    this.#pods = context.informers.of(KINDS.Pod);
    this.#queue = context.queue({ name: "replicaset", workers: 8 }, (key) => this.#reconcile(key));
  }

  follow(): void {
    this.#sets.onChange(({ object }) => this.#queue.add(objectKey(object)));
    followDependents(this.#queue, KINDS.ReplicaSet, this.#sets, this.#pods);
  }

  async #reconcile(key: string): Promise<void> {
    const set = this.#sets.get(key);
    if (set === undefined) return;
    const namespace = set.metadata.namespace ?? "";
    const all = this.#pods.list(namespace);
    const { writer } = this.#context;
    const claimed = await claimDependents(writer, [KINDS.ReplicaSet, set], [KINDS.Pod, all]);
    const siblings = siblingPods(set, claimed.owned, this.#sets.list(namespace), all);
    const plan = planReplicas(set, claimed.owned, siblings, Date.now());
    const failure = await this.#carryOut(set, plan.create, plan.delete);
    const ids = new Set(claimed.adopted.map(({ metadata }) => metadata.uid));
    const owned = this.#pods
      .list(namespace)
      .filter((pod) => controllerOf(pod)?.uid === set.metadata.uid || ids.has(pod.metadata.uid));
    await this.#writeStatus(key, set, owned, failure);
    if (failure !== undefined && !failure.final) throw new Error(failure.message);
  }

  async #carryOut(set: ReplicaSet, create: number, remove: readonly Pod[]): Promise<Failure | undefined> {
    const control = { source: SOURCE, owner: set };
    const createOne = async (): Promise<void> =>
      createPod(this.#context, control, podFromTemplate(KINDS.ReplicaSet, set, set.spec.template));
    const deleting = remove.map((pod) => deletePod(this.#context, control, pod));
    const results = await Promise.allSettled([...(await createBatch(create, createOne)), ...deleting]);
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return undefined;
    const { message } = failed.reason as Error;
    const final = isNamespaceTerminating(failed.reason);
    const doing = create > 0 ? "Create" : "Delete";
    if (!final) {
      const text = `Error ${create > 0 ? "creating" : "deleting"}: ${message}`;
      this.#context.events.record(SOURCE, set, "Warning", `Failed${doing}`, text);
    }
    return { reason: `Failed${doing}`, message, final };
  }

  async #writeStatus(key: string, set: ReplicaSet, owned: readonly Pod[], failure?: Failure): Promise<void> {
    const shown = failure === undefined ? undefined : { reason: failure.reason, message: failure.message };
    const { status, recheck } = replicaSetStatus(set, owned, Date.now(), shown);
    if (recheck !== undefined) this.#queue.addAfter(key, recheck + 50);
    if (sameValue(withoutZeros(set.status), withoutZeros(status))) return;
    await this.#context.writer.update(KINDS.ReplicaSet, { ...set, status }, { subresource: "status" });
  }
}

/** Starts with one pod: where that is refused, the others would be too. */
async function createBatch(count: number, createOne: () => Promise<void>): Promise<Promise<void>[]> {
  if (count === 0) return [];
  const first = createOne();
  const [result] = await Promise.allSettled([first]);
  if (result.status === "rejected") return [first];
  return [first, ...Array.from({ length: count - 1 }, createOne)];
}
