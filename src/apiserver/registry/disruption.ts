import type { DisruptionStatus, PodDisruptionBudget } from "../../objects/disruption/types.ts";
import { DISRUPTION_ALLOWED, withAllowance } from "../../objects/disruption/allowance.ts";
import { matchesLabelSelector } from "../../objects/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError, forbiddenRequest } from "../../objects/status.ts";
import { formatTime } from "../../objects/time.ts";
import type { Pod, Status } from "../../objects/types.ts";
import type { Transaction } from "../../store/contract.ts";
import { decodeObject, encodeObject } from "./encoding.ts";
import { keyOf, prefixOf } from "./keys.ts";

const BUDGET = KINDS.PodDisruptionBudget;
const SUBJECT = { group: BUDGET.group, kind: "poddisruptionbudget" };
/** Evictions granted that the controller has not seen yet; beyond, it is taken for dead (MaxDisruptedPodSize). */
const MAX_UNSEEN = 2000;
/** Seconds after which asking again makes sense, where the controller has to catch up first. */
const RETRY_AFTER = 10;

/**
 * Takes a pod's eviction out of the budget that protects it, if one does (pkg/registry/core/pod/storage/eviction.go).
 * @throws ApiError 429 where the budget allows none now, 403 where it is out of order, 500 where there are several
 */
export function spendDisruption(tx: Transaction<string>, pod: Pod, now: Date, dryRun: boolean): void {
  if (isOutOfAction(pod)) return;
  const [budget, ...more] = budgetsOf(tx, pod);
  if (budget === undefined) return;
  if (more.length > 0) throw severalBudgets();
  if (isUnhealthyAndFree(pod, budget)) return;
  const status = spend(budget, pod.metadata.name, now);
  if (dryRun) return;
  tx.put(
    keyOf(BUDGET, budget.metadata.namespace, budget.metadata.name),
    encodeObject(BUDGET, { ...budget, status }, tx.revision),
  );
}

/** A pod that serves nobody any longer, or not yet, disturbs nobody by going. */
function isOutOfAction({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp !== undefined ||
    ["Succeeded", "Failed", "Pending"].includes(status?.phase ?? "Pending")
  );
}

function budgetsOf(tx: Transaction<string>, { metadata }: Pod): PodDisruptionBudget[] {
  return tx
    .range(prefixOf(BUDGET, metadata.namespace ?? ""))
    .map(({ value }) => decodeObject(value) as PodDisruptionBudget)
    .filter(({ spec }) => matchesLabelSelector(spec.selector, metadata.labels ?? {}));
}

/** Whether the pod is none of those that the budget counts on (KEP-3017). */
function isUnhealthyAndFree(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status === "True") return false;
  if (spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function spend({ metadata, status }: PodDisruptionBudget, podName: string, now: Date): DisruptionStatus {
  const { name, generation = 0 } = metadata;
  if (status === undefined || (status.observedGeneration ?? 0) < generation) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`, RETRY_AFTER);
  }
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_UNSEEN) {
    const why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
    throw forbiddenRequest(SUBJECT, name, why);
  }
  if (status.disruptionsAllowed < 0) {
    throw forbiddenRequest(SUBJECT, name, "pdb disruptions allowed is negative");
  }
  if (status.disruptionsAllowed === 0) throw refused(whyNone(name, status));
  const disruptedPods = { ...status.disruptedPods, [podName]: formatTime(now) };
  const next = { ...status, disruptionsAllowed: status.disruptionsAllowed - 1, disruptedPods };
  return next.disruptionsAllowed === 0 ? withAllowance(next, now) : next;
}

function whyNone(name: string, { conditions, desiredHealthy, currentHealthy }: DisruptionStatus): string {
  const allowed = conditions?.find(({ type }) => type === DISRUPTION_ALLOWED);
  return allowed?.reason === "SyncFailed"
    ? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${allowed.message}`
    : `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
}

function refused(message: string, retryAfterSeconds?: number): ApiError {
  const details: NonNullable<Status["details"]> = {
    causes: [{ reason: "DisruptionBudget", message }],
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
  return new ApiError({
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    reason: "TooManyRequests",
    details,
    code: 429,
  });
}

function severalBudgets(): ApiError {
  const message =
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
  return new ApiError({ message, code: 500 });
}
