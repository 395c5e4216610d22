import type { Informer } from "../../client/index.ts";
import type { PodDisruptionBudget } from "../../objects/disruption/types.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { StatefulSet } from "../../objects/statefulset/types.ts";
import type { Deployment, Pod, ReplicaSet } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { matchesSelector } from "../runtime/labels.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import { type Assessment, assess } from "./reconcile.ts";

const SOURCE = "controllermanager";

/** Keeps the status of every PodDisruptionBudget, which evictions are granted by (pkg/controller/disruption). */
export function runDisruptionBudgets(context: ControllerContext): void {
  const { informers, writer, events } = context;
  const budgets = informers.of<PodDisruptionBudget>(KINDS.PodDisruptionBudget);
  const pods = informers.of<Pod>(KINDS.Pod);
  const replicaSets = informers.of<ReplicaSet>(KINDS.ReplicaSet);
  const deployments = informers.of<Deployment>(KINDS.Deployment);
  const statefulSets = informers.of<StatefulSet>(KINDS.StatefulSet);
  const scales = {
    replicaSet: (key: string) => replicaSets.get(key),
    statefulSet: (key: string) => statefulSets.get(key),
    deployment: (key: string) => deployments.get(key),
  };

  const queue = context.queue({ name: "disruption" }, async (key) => {
    const budget = budgets.get(key);
    if (budget === undefined || budget.metadata.deletionTimestamp !== undefined) return;
    const selected = pods
      .list(budget.metadata.namespace ?? "")
      .filter(({ metadata }) => matchesSelector(budget.spec.selector, metadata.labels));
    const assessment = assess(budget, selected, scales, Date.now());
    if (assessment.recheck !== undefined) queue.addAfter(key, assessment.recheck + 50);
    if (sameValue(withoutZeros(budget.status), withoutZeros(assessment.status))) return;
    const next = { ...budget, status: assessment.status };
    await writer.update(KINDS.PodDisruptionBudget, next, { subresource: "status" });
    const warning = warningOf(budget, assessment);
    if (warning !== undefined) events.record(SOURCE, budget, "Warning", ...warning);
  });

  budgets.onChange(({ object }) => queue.add(objectKey(object)));
  pods.onChange(({ object, previous }) => {
    for (const { spec, metadata } of budgets.list(object.metadata.namespace ?? "")) {
      const labels = [object.metadata.labels, (previous ?? object).metadata.labels];
      if (labels.some((one) => matchesSelector(spec.selector, one))) queue.add(objectKey({ metadata }));
    }
  });
  followScale(queue, budgets, replicaSets);
  followScale(queue, budgets, deployments);
  followScale(queue, budgets, statefulSets);
}

/** Shares of pods are others when what scales them comes, goes or is scaled; which budgets that concerns, pods would say. */
function followScale<T extends Deployment | ReplicaSet | StatefulSet>(
  queue: WorkQueue,
  budgets: Informer<PodDisruptionBudget>,
  scaled: Informer<T>,
): void {
  scaled.onChange(({ object, previous }) => {
    if (object.spec.replicas === previous?.spec.replicas) return;
    for (const budget of budgets.list(object.metadata.namespace ?? "")) queue.add(objectKey(budget));
  });
}

function warningOf(
  { spec }: PodDisruptionBudget,
  { failure, unmanaged }: Assessment,
): [string, string] | undefined {
  if (failure !== undefined) {
    const text = `Failed to calculate the number of expected pods: ${failure}`;
    return ["CalculateExpectedPodCountFailed", text];
  }
  if (unmanaged.length === 0) return undefined;
  const text =
    `Pods selected by this PodDisruptionBudget (selector: ${JSON.stringify(spec.selector)}) were found to be unmanaged. ` +
    "As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. " +
    'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
  return ["UnmanagedPods", text];
}
