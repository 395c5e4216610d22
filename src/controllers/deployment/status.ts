import { conditionOf } from "../../objects/conditions.ts";
import type { Condition, Deployment, ReplicaSet } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";
import { fencesOf, replicasOf } from "./replica-sets.ts";

type Status = NonNullable<Deployment["status"]>;

/** A deadline of this many seconds is none (math.MaxInt32). */
const NO_DEADLINE = 2147483647;

/**
 * The status of a Deployment (pkg/controller/deployment, calculateStatus and syncRolloutStatus), and in how
 * many milliseconds it has to be looked at again for its deadline.
 * @param created whether the new ReplicaSet was made in this sync
 */
export function deploymentStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  now: number,
  created = false,
): { status: Status; recheck?: number } {
  const conditions = [...(deployment.status?.conditions ?? [])];
  const status: Status = { ...counts(deployment, newSet, oldSets), conditions };
  setCondition(conditions, availability(deployment, status), now);
  const deadline = deployment.spec.progressDeadlineSeconds ?? NO_DEADLINE;
  if (deadline === NO_DEADLINE) removeCondition(conditions, "Progressing");
  else judgeProgress(deployment, status, newSet, now, created);
  const failure = [newSet, ...oldSets].map((set) => conditionOf(set?.status?.conditions, "ReplicaFailure"));
  const [first] = failure.filter((condition) => condition !== undefined);
  if (first === undefined) removeCondition(conditions, "ReplicaFailure");
  else setCondition(conditions, first, now);
  const recheck = untilDeadline(deployment, status, now);
  return recheck === undefined ? { status } : { status, recheck };
}

function counts(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): Status {
  const all = [...oldSets, ...(newSet ? [newSet] : [])];
  const sum = (field: "replicas" | "readyReplicas" | "availableReplicas"): number =>
    all.reduce((total, set) => total + (set.status?.[field] ?? 0), 0);
  const replicas = sum("replicas");
  const availableReplicas = sum("availableReplicas");
  const wanted = all.reduce((total, set) => total + replicasOf(set), 0);
  return {
    ...deployment.status,
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas,
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sum("readyReplicas"),
    availableReplicas,
    unavailableReplicas: Math.max(0, wanted - availableReplicas),
  };
}

function availability(deployment: Deployment, status: Status): Condition {
  const enough =
    (status.availableReplicas ?? 0) >= replicasOf(deployment) - fencesOf(deployment).maxUnavailable;
  return enough
    ? {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
}

function judgeProgress(
  deployment: Deployment,
  status: Status,
  newSet: ReplicaSet | undefined,
  now: number,
  created: boolean,
): void {
  const conditions = status.conditions as Condition[];
  const present = conditionOf(conditions, "Progressing");
  if (deployment.spec.paused === true) {
    setPaused(conditions, present, now);
    return;
  }
  if (present?.reason === "DeploymentPaused") {
    setCondition(conditions, progressing("Unknown", "DeploymentResumed", "Deployment is resumed"), now);
  }
  if (newSet !== undefined && (created || present === undefined)) {
    const [reason, verb] = created ? ["NewReplicaSetCreated", "Created"] : ["FoundNewReplicaSet", "Found"];
    const message = `${verb} new replica set "${newSet.metadata.name}"`;
    setCondition(conditions, progressing("True", reason, message), now);
  }
  if (status.replicas === status.updatedReplicas && present?.reason === "NewReplicaSetAvailable") return;
  const subject =
    newSet === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newSet.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    setCondition(conditions, progressing("True", "NewReplicaSetAvailable", message), now);
  } else if (hasProgressed(deployment, status)) {
    // The time of the last update counts for the deadline, so that it moves with each progress.
    removeCondition(conditions, "Progressing");
    const next = progressing("True", "ReplicaSetUpdated", `${subject} is progressing.`);
    const since = present?.status === "True" ? present.lastTransitionTime : undefined;
    setCondition(conditions, next, now, since);
  } else if (hasTimedOut(deployment, present, now)) {
    const message = `${subject} has timed out progressing.`;
    setCondition(conditions, progressing("False", "ProgressDeadlineExceeded", message), now);
  }
}

function setPaused(conditions: Condition[], present: Condition | undefined, now: number): void {
  if (present?.reason === "ProgressDeadlineExceeded") return;
  setCondition(conditions, progressing("Unknown", "DeploymentPaused", "Deployment is paused"), now);
}

function progressing(status: string, reason: string, message: string): Condition {
  return { type: "Progressing", status, reason, message };
}

/** Whether all pods are of the new template and available (DeploymentComplete). */
export function isComplete(deployment: Deployment, status: Status): boolean {
  const wanted = replicasOf(deployment);
  return (
    status.updatedReplicas === wanted &&
    status.replicas === wanted &&
    status.availableReplicas === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(deployment: Deployment, status: Status): boolean {
  const before = deployment.status ?? {};
  const old = (of: Status): number => (of.replicas ?? 0) - (of.updatedReplicas ?? 0);
  return (
    (status.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(status) < old(before) ||
    (status.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: Deployment, present: Condition | undefined, now: number): boolean {
  if (present === undefined || present.reason === "NewReplicaSetAvailable") return false;
  if (present.reason === "ProgressDeadlineExceeded") return true;
  return deadlineOf(deployment, present) <= now;
}

function deadlineOf(deployment: Deployment, condition: Condition): number {
  const since = Date.parse(condition.lastUpdateTime ?? condition.lastTransitionTime ?? "");
  return since + (deployment.spec.progressDeadlineSeconds ?? NO_DEADLINE) * 1000;
}

function untilDeadline(deployment: Deployment, status: Status, now: number): number | undefined {
  const condition = conditionOf(status.conditions, "Progressing");
  if (condition === undefined || isComplete(deployment, status) || deployment.spec.paused) return undefined;
  if (condition.reason === "ProgressDeadlineExceeded" || condition.reason === "NewReplicaSetAvailable")
    return undefined;
  return Math.max(1000, deadlineOf(deployment, condition) - now + 1000);
}

/** Sets a condition unless it says the same already; the transition time changes with the status only. */
function setCondition(conditions: Condition[], next: Condition, now: number, since?: string): void {
  const index = conditions.findIndex(({ type }) => type === next.type);
  const present = conditions[index];
  if (present?.status === next.status && present.reason === next.reason) return;
  const time = formatTime(new Date(now));
  const kept = present?.status === next.status ? present.lastTransitionTime : undefined;
  const condition = { ...next, lastUpdateTime: time, lastTransitionTime: since ?? kept ?? time };
  if (index < 0) conditions.push(condition);
  else conditions[index] = condition;
}

function removeCondition(conditions: Condition[], type: string): void {
  const index = conditions.findIndex((condition) => condition.type === type);
  if (index >= 0) conditions.splice(index, 1);
}
