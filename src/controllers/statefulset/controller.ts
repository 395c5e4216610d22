import type { Informer } from "../../client/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { ControllerRevision, StatefulSet } from "../../objects/statefulset/types.ts";
import { ApiError } from "../../objects/status.ts";
import type { Pod } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { claimDependents, followDependents } from "../runtime/dependents.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import { claimNames, ordinalOf } from "./identity.ts";
import { planStatefulSet, type StatefulPlan } from "./reconcile.ts";
import { beyondHistory, type Revisions, revisionsOf } from "./revisions.ts";

const SOURCE = "statefulset-controller";

/** Keeps the pods of every StatefulSet, each with a name of its own that stays. */
export function runStatefulSets(context: ControllerContext): void {
  new StatefulSets(context).follow();
}

class StatefulSets {
  readonly #context: ControllerContext;
  readonly #sets: Informer<StatefulSet>;
  readonly #pods: Informer<Pod>;
  readonly #revisions: Informer<ControllerRevision>;
  readonly #queue: WorkQueue;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.of(KINDS.StatefulSet);
    this.#pods = context.informers.of(KINDS.Pod);
    this.#revisions = context.informers.of(KINDS.ControllerRevision);
    this.#queue = context.queue({ name: "statefulset" }, (key) => this.#reconcile(key));
  }

  follow(): void {
    this.#sets.onChange(({ object }) => this.#queue.add(objectKey(object)));
    followDependents(this.#queue, KINDS.StatefulSet, this.#sets, this.#pods);
  }

  async #reconcile(key: string): Promise<void> {
    const set = this.#sets.get(key);
    if (set === undefined) return;
    const namespace = set.metadata.namespace ?? "";
    const { writer } = this.#context;
    const named = this.#pods.list(namespace).filter((pod) => ordinalOf(set, pod) !== undefined);
    const { owned: pods } = await claimDependents(writer, [KINDS.StatefulSet, set], [KINDS.Pod, named]);
    const all = this.#revisions.list(namespace);
    const kept = await claimDependents(writer, [KINDS.StatefulSet, set], [KINDS.ControllerRevision, all]);
    const revisions = await this.#keepRevision(set, revisionsOf(set, kept.owned, all));
    const plan = planStatefulSet(set, revisions, pods, Date.now());
    if (plan.recheck !== undefined) this.#queue.addAfter(key, plan.recheck + 50);
    const failures = await this.#carryOut(set, plan);
    await this.#writeStatus(set, plan);
    const old = beyondHistory(set, kept.owned, revisions, pods);
    await Promise.all(old.map((revision) => writer.delete(KINDS.ControllerRevision, revision)));
    if (failures.length > 0) throw failures[0];
  }

  /** Has the present template as a revision; one that is being deleted needs none. */
  async #keepRevision(set: StatefulSet, revisions: Revisions): Promise<Revisions> {
    const { write, update, current } = revisions;
    if (write === undefined || set.metadata.deletionTimestamp !== undefined) return revisions;
    const { writer } = this.#context;
    const written =
      write === "create"
        ? await writer.create<ControllerRevision>(KINDS.ControllerRevision, update)
        : await writer.update(KINDS.ControllerRevision, update);
    return { ...revisions, update: written, current: current === update ? written : current };
  }

  /** Returns what is worth another try. */
  async #carryOut(set: StatefulSet, plan: StatefulPlan): Promise<unknown[]> {
    const relabelled = plan.relabel.map(({ pod, patch }) =>
      this.#context.writer.patch(KINDS.Pod, pod, patch),
    );
    const results = await Promise.allSettled([
      ...relabelled,
      ...plan.create.map((pod) => this.#create(set, pod)),
      ...plan.delete.map((pod) => this.#delete(set, pod)),
    ]);
    return results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  }

  async #create(set: StatefulSet, pod: StatefulPlan["create"][number]): Promise<void> {
    const { name } = pod.metadata;
    const [claim] = claimNames(set, name);
    if (claim !== undefined) {
      this.#record(set, "FailedCreate", `create Claim ${claim} Pod ${name}`, NO_CLAIMS);
      return;
    }
    try {
      await this.#context.writer.create<Pod>(KINDS.Pod, pod);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      const isTaken = error instanceof ApiError && error.status.reason === "AlreadyExists";
      if (!isTaken) this.#record(set, "FailedCreate", `create Pod ${name}`, (error as Error).message);
      throw error;
    }
    this.#record(set, "SuccessfulCreate", `create Pod ${name}`);
  }

  async #delete(set: StatefulSet, pod: Pod): Promise<void> {
    const { name } = pod.metadata;
    try {
      await this.#context.writer.delete(KINDS.Pod, pod);
    } catch (error) {
      this.#record(set, "FailedDelete", `delete Pod ${name}`, (error as Error).message);
      throw error;
    }
    this.#record(set, "SuccessfulDelete", `delete Pod ${name}`);
  }

  /** In the words of StatefulPodControl. */
  #record(set: StatefulSet, reason: string, doing: string, failure?: string): void {
    const outcome = failure === undefined ? "successful" : `failed error: ${failure}`;
    const text = `${doing} in StatefulSet ${set.metadata.name} ${outcome}`;
    this.#context.events.record(SOURCE, set, failure === undefined ? "Normal" : "Warning", reason, text);
  }

  async #writeStatus(set: StatefulSet, { status: counted }: StatefulPlan): Promise<void> {
    const status = { ...set.status, ...counted };
    if (sameValue(withoutZeros(set.status), withoutZeros(status))) return;
    await this.#context.writer.update(KINDS.StatefulSet, { ...set, status }, { subresource: "status" });
  }
}

const NO_CLAIMS =
  "this cluster has no PersistentVolumeClaims: make a StatefulSet without volumeClaimTemplates, with a volume of the " +
  "pod template, such as an emptyDir, in their place";
