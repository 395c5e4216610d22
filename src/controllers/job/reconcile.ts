import type { Job, JobCondition, JobStatus } from "../../objects/job/types.ts";
import { conditionOf, hasCondition } from "../../objects/conditions.ts";
import { formatTime } from "../../objects/time.ts";
import type { Pod } from "../../objects/types.ts";
import { isPodReady, isPodTerminal } from "../runtime/pods.ts";
import { type JobReplicas, jobReplicas } from "./replicas.ts";
import { isTracked } from "./pods.ts";
import { countPods, type Tally } from "./tracking.ts";

/** What one sync of a Job does, in this order: the status is written before pods that it counts are let go. */
export interface JobPlan {
  readonly status: JobStatus;
  /** Pods whose end is counted. */
  readonly release: readonly Pod[];
  readonly create: JobReplicas["create"];
  /** Pods that are let go and deleted, and count as nothing. */
  readonly remove: readonly Pod[];
  /** Pods that are deleted, and count as failed. */
  readonly fail: readonly Pod[];
  /** What is told of the Job by Events: type, reason, text. */
  readonly events: readonly (readonly ["Normal" | "Warning", string, string])[];
  /** The Job has been over for as long as it may stay. */
  readonly expired: boolean;
  /** Milliseconds until there is something to do if nothing happens. */
  readonly recheck?: number;
}

const NOTHING = { create: [], remove: [], fail: [], events: [], expired: false } as const;

/** One sync of a Job (pkg/controller/job syncJob, pkg/controller/ttlafterfinished). */
export function planJob(job: Job, pods: readonly Pod[], now: number): JobPlan {
  const { status = {} } = job;
  const end = ["Complete", "Failed"].find((type) => hasCondition(job, type));
  if (end !== undefined) {
    const release = pods.filter((pod) => isTracked(pod) && isPodTerminal(pod));
    return { ...NOTHING, status, release, ...expiry(job, end, now) };
  }
  return new Sync(job, pods, now).plan();
}

function expiry({ spec, status }: Job, end: string, now: number): Pick<JobPlan, "expired" | "recheck"> {
  const { ttlSecondsAfterFinished: ttl } = spec;
  const condition = conditionOf(status?.conditions, end);
  const since = Date.parse(condition?.lastTransitionTime ?? "");
  if (ttl === undefined || Number.isNaN(since)) return { expired: false };
  const left = since + ttl * 1000 - now;
  return left > 0 ? { expired: false, recheck: left } : { expired: true };
}

/** When a Job was started: it starts anew when it is resumed, and so does the time that it may take. */
function startOf(job: Job, now: number): string | undefined {
  const { startTime } = job.status ?? {};
  if (job.spec.suspend === true) return startTime;
  if (startTime !== undefined && !hasCondition(job, "Suspended")) return startTime;
  return formatTime(new Date(now));
}

type Verdict = readonly [type: "SuccessCriteriaMet" | "FailureTarget", reason: string, message: string];

class Sync {
  readonly #job: Job;
  readonly #pods: readonly Pod[];
  readonly #now: number;
  readonly #active: readonly Pod[];
  readonly #events: ["Normal" | "Warning", string, string][] = [];
  #conditions: JobCondition[];
  readonly #startTime: string | undefined;

  constructor(job: Job, pods: readonly Pod[], now: number) {
    this.#job = job;
    this.#pods = pods;
    this.#now = now;
    this.#conditions = [...(job.status?.conditions ?? [])];
    this.#active = pods.filter((pod) => !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined);
    this.#startTime = startOf(job, now);
  }

  plan(): JobPlan {
    const isOver = hasCondition(this.#job, "FailureTarget");
    const tally = countPods(this.#job, this.#pods, isOver);
    const verdict = this.#verdict(tally);
    const hasFailed = verdict?.[0] === "FailureTarget";
    const isLeft = this.#job.metadata.deletionTimestamp !== undefined;
    const goes = verdict === undefined && !isLeft;
    const replicas = goes ? this.#manage(tally) : { create: [], remove: [] };
    if (verdict !== undefined) this.#setCondition(verdict[0], "True", verdict[1], verdict[2]);
    const completionTime = verdict && this.#finish(verdict, tally);
    const status = this.#status(tally, completionTime);
    const recheck = this.#recheck(replicas.wait);
    return {
      ...{ ...NOTHING, status, release: tally.release, create: replicas.create, remove: replicas.remove },
      fail: hasFailed ? this.#active : [],
      events: this.#events,
      ...(recheck === undefined ? {} : { recheck }),
    };
  }

  /** Whether the Job has come to an end, and why. */
  #verdict(tally: Tally): Verdict | undefined {
    const { spec } = this.#job;
    for (const type of ["FailureTarget", "SuccessCriteriaMet"] as const) {
      const held = this.#conditions.find((item) => item.type === type && item.status === "True");
      if (held !== undefined) return [type, held.reason ?? "", held.message ?? ""];
    }
    if (tally.failed > (spec.backoffLimit ?? 6) || this.#restartsTooOften()) {
      return ["FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit"];
    }
    const deadline = this.#deadline();
    if (deadline !== undefined && deadline <= this.#now) {
      return ["FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline"];
    }
    const enough = spec.completions === undefined ? tally.succeeded > 0 : tally.succeeded >= spec.completions;
    if (!enough || this.#active.length > 0) return undefined;
    return ["SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"];
  }

  /** Containers that start again within their pods count, too (pastBackoffLimitOnFailure). */
  #restartsTooOften(): boolean {
    const { backoffLimit = 6, template } = this.#job.spec;
    if (template.spec.restartPolicy !== "OnFailure") return false;
    const restarts = this.#active.flatMap(({ status }) =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
        ({ restartCount }) => restartCount,
      ),
    );
    const sum = restarts.reduce((total, count) => total + count, 0);
    return backoffLimit === 0 ? sum > 0 : sum >= backoffLimit;
  }

  #deadline(): number | undefined {
    const { activeDeadlineSeconds: seconds, suspend } = this.#job.spec;
    if (seconds === undefined || suspend === true || this.#startTime === undefined) return undefined;
    return Date.parse(this.#startTime) + seconds * 1000;
  }

  #manage(tally: Tally): JobReplicas {
    const isSuspended = this.#job.spec.suspend === true;
    const before = hasCondition(this.#job, "Suspended");
    if (isSuspended && !before) {
      this.#setCondition("Suspended", "True", "JobSuspended", "Job suspended");
      this.#events.push(["Normal", "Suspended", "Job suspended"]);
    }
    if (!isSuspended && before) {
      this.#setCondition("Suspended", "False", "JobResumed", "Job resumed");
      this.#events.push(["Normal", "Resumed", "Job resumed"]);
    }
    return jobReplicas(this.#job, this.#pods, tally, this.#now);
  }

  /** Once no pod is left to wait for or to count; returns the time of a completion. */
  #finish([type, reason, message]: Verdict, { counts }: Tally): string | undefined {
    const { succeeded = [], failed = [] } = counts.uncountedTerminatedPods ?? {};
    const isCounted = succeeded.length + failed.length === 0;
    if (!isCounted || this.#active.length > 0 || this.#leaving() > 0) return undefined;
    if (type === "SuccessCriteriaMet") {
      this.#setCondition("Complete", "True", reason, message);
      this.#events.push(["Normal", "Completed", "Job completed"]);
      return formatTime(new Date(this.#now));
    }
    this.#setCondition("Failed", "True", reason, message);
    this.#events.push(["Warning", reason, message]);
    return undefined;
  }

  #setCondition(type: string, status: string, reason: string, message: string): void {
    const present = conditionOf(this.#conditions, type);
    if (present?.status === status) return;
    const time = formatTime(new Date(this.#now));
    const condition = { type, status, lastProbeTime: time, lastTransitionTime: time, reason, message };
    const others = this.#conditions.filter((item) => item !== present);
    this.#conditions = [...others, condition];
  }

  /** Pods that are being deleted and have not ended. */
  #leaving(): number {
    return this.#pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod))
      .length;
  }

  #status({ counts }: Tally, completionTime: string | undefined): JobStatus {
    return {
      ...this.#job.status,
      ...(this.#conditions.length > 0 ? { conditions: this.#conditions } : {}),
      ...(this.#startTime === undefined ? {} : { startTime: this.#startTime }),
      ...(completionTime === undefined ? {} : { completionTime }),
      active: this.#active.length,
      ready: this.#active.filter(isPodReady).length,
      terminating: this.#leaving(),
      ...counts,
    };
  }

  #recheck(wait: number | undefined): number | undefined {
    const deadline = this.#deadline();
    const times = [wait, deadline === undefined ? undefined : deadline - this.#now].filter(
      (time) => time !== undefined && time > 0,
    );
    return times.length === 0 ? undefined : Math.min(...(times as number[]));
  }
}
