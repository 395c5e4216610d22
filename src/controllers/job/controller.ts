import type { Informer, ObjectChange } from "../../client/index.ts";
import { JOB_NAME_LABEL, type Job } from "../../objects/job/types.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Pod } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { claimDependents, followDependents } from "../runtime/dependents.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { controllerOf } from "../runtime/owners.ts";
import { createPod, deletePod } from "../runtime/pod-control.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import { isTracked, untrackPatch } from "./pods.ts";
import { type JobPlan, planJob } from "./reconcile.ts";

const SOURCE = "job-controller";
/** The name by which a Job asks for the controller that is built in. */
const OWN_NAME = "kubernetes.io/job-controller";

/** Runs the pods of every Job until enough of them have ended well, and takes Jobs away that are over for long. */
export function runJobs(context: ControllerContext): void {
  new Jobs(context).follow();
}

class Jobs {
  readonly #context: ControllerContext;
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;
  readonly #queue: WorkQueue;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#jobs = context.informers.of(KINDS.Job);
    this.#pods = context.informers.of(KINDS.Pod);
    this.#queue = context.queue({ name: "job" }, (key) => this.#reconcile(key));
  }

  follow(): void {
    this.#jobs.onChange(({ object }) => this.#queue.add(objectKey(object)));
    followDependents(this.#queue, KINDS.Job, this.#jobs, this.#pods);
    this.#pods.onChange((change) => this.#onOrphan(change));
  }

  /** A pod that lost its Job is nobody's to count. */
  #onOrphan({ object }: ObjectChange<Pod>): void {
    const name = object.metadata.labels?.[JOB_NAME_LABEL];
    if (name === undefined || !isTracked(object) || controllerOf(object) !== undefined) return;
    this.#queue.add(`${object.metadata.namespace}/${name}`);
  }

  async #reconcile(key: string): Promise<void> {
    const job = this.#jobs.get(key);
    await this.#releaseOrphans(key, job);
    const { managedBy = OWN_NAME } = job?.spec ?? {};
    if (job === undefined || managedBy !== OWN_NAME) return;
    const all = this.#pods.list(job.metadata.namespace ?? "");
    const { writer, events } = this.#context;
    const { owned } = await claimDependents(writer, [KINDS.Job, job], [KINDS.Pod, all]);
    const plan = planJob(job, owned, Date.now());
    if (plan.recheck !== undefined) this.#queue.addAfter(key, plan.recheck + 50);
    if (plan.expired && job.metadata.deletionTimestamp === undefined) {
      await writer.delete(KINDS.Job, job, { propagationPolicy: "Foreground" });
    }
    await this.#writeStatus(job, plan);
    for (const event of plan.events) events.record(SOURCE, job, ...event);
    await Promise.all(plan.release.map((pod) => writer.patch(KINDS.Pod, pod, untrackPatch(pod))));
    await this.#carryOut(job, plan);
  }

  async #releaseOrphans(key: string, job: Job | undefined): Promise<void> {
    const [namespace = "", name = ""] = key.split("/");
    const orphans = this.#pods.list(namespace).filter((pod) => {
      const owner = controllerOf(pod);
      const wasOurs =
        owner === undefined
          ? pod.metadata.labels?.[JOB_NAME_LABEL] === name && job === undefined
          : owner.kind === KINDS.Job.kind && owner.name === name && owner.uid !== job?.metadata.uid;
      return wasOurs && isTracked(pod);
    });
    await Promise.all(orphans.map((pod) => this.#context.writer.patch(KINDS.Pod, pod, untrackPatch(pod))));
  }

  async #carryOut(job: Job, plan: JobPlan): Promise<void> {
    const { context, control } = { context: this.#context, control: { source: SOURCE, owner: job } };
    const remove = async (pod: Pod): Promise<void> => {
      if (isTracked(pod)) await context.writer.patch(KINDS.Pod, pod, untrackPatch(pod));
      await deletePod(context, control, pod);
    };
    const results = await Promise.allSettled([
      ...plan.create.map((pod) => createPod(context, control, pod)),
      ...plan.remove.map(remove),
      ...plan.fail.map((pod) => deletePod(context, control, pod)),
    ]);
    for (const [index, result] of results.entries()) {
      if (result.status === "fulfilled" || isNamespaceTerminating(result.reason)) continue;
      const { message } = result.reason as Error;
      const [reason, doing] =
        index < plan.create.length ? ["FailedCreate", "creating"] : ["FailedDelete", "deleting"];
      context.events.record(SOURCE, job, "Warning", reason, `Error ${doing}: ${message}`);
      throw result.reason;
    }
  }

  async #writeStatus(job: Job, { status }: JobPlan): Promise<void> {
    if (sameValue(withoutZeros(job.status), withoutZeros(status))) return;
    await this.#context.writer.update(KINDS.Job, { ...job, status }, { subresource: "status" });
  }
}
