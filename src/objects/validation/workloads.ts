import { type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { matchesLabelSelector } from "../selectors/label-selector.ts";
import type { DaemonSet, Deployment, LabelSelector, PodTemplateSpec, ReplicaSet } from "../types.ts";
import { atMostAll, checkIntOrPercent, notNegative } from "./int-or-percent.ts";
import { validatePodSpec } from "./pod.ts";
import { validateLabelSelector } from "./selectors.ts";
import { validateMetadataOfTemplate } from "./template-metadata.ts";

// Checks of apps/v1 (pkg/apis/apps/validation/validation.go).

const TEMPLATE = "spec.template";

/** Checks a Deployment. */
export function validateDeployment({ spec }: Deployment): FieldError[] {
  return [
    ...notNegative("spec.replicas", spec.replicas),
    ...checkSelector(spec.selector, "deployment"),
    ...checkTemplate(spec.selector, spec.template),
    ...checkStrategy(spec.strategy ?? {}),
    ...notNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...notNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
    ...checkProgress(spec),
  ];
}

/** Checks a ReplicaSet. */
export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  return [
    ...notNegative("spec.replicas", spec.replicas),
    ...notNegative("spec.minReadySeconds", spec.minReadySeconds),
    // The real text says so here too.
    ...checkSelector(spec.selector, "deployment"),
    ...checkTemplate(spec.selector, spec.template),
  ];
}

/** Checks a DaemonSet. */
export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  return [
    ...checkSelector(spec.selector, "daemonset", false),
    ...checkTemplate(spec.selector, spec.template, "DaemonSet"),
    ...notNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...checkUpdateStrategy(spec.updateStrategy ?? {}),
    ...notNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
  ];
}

/** Checks the selector of a workload, which may not select everything; `kind` is named in the error. */
export function checkSelector(
  selector: LabelSelector | undefined,
  kind: string,
  isRequired = true,
): FieldError[] {
  if (selector === undefined) return isRequired ? [required("spec.selector")] : [];
  const errors = validateLabelSelector("spec.selector", selector);
  return isEmpty(selector)
    ? [...errors, invalid("spec.selector", selector, `empty selector is invalid for ${kind}`)]
    : errors;
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

/** Checks the template of pods that are to run for ever, and that the selector selects them. */
export function checkTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  kind: "ReplicaSet" | "DaemonSet" | "StatefulSet" = "ReplicaSet",
): FieldError[] {
  const errors: FieldError[] = [];
  const labels = template.metadata?.labels;
  // No selector selects nothing; an empty one is somebody else's error.
  const fits = selector !== undefined && (isEmpty(selector) || matchesLabelSelector(selector, labels ?? {}));
  if (!fits) {
    errors.push(
      invalid(`${TEMPLATE}.metadata.labels`, labels, "`selector` does not match template `labels`"),
    );
  }
  errors.push(
    ...validateMetadataOfTemplate(`${TEMPLATE}`, template),
    ...validatePodSpec(`${TEMPLATE}.spec`, template.spec),
  );
  const { restartPolicy = "Always" } = template.spec;
  if (restartPolicy !== "Always") {
    errors.push(notSupported(`${TEMPLATE}.spec.restartPolicy`, restartPolicy, ["Always"]));
  }
  if ((template.spec as { activeDeadlineSeconds?: number }).activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.push(forbidden(`${TEMPLATE}.spec.activeDeadlineSeconds`, detail));
  }
  return errors;
}

function checkStrategy(strategy: NonNullable<Deployment["spec"]["strategy"]>): FieldError[] {
  const field = "spec.strategy";
  switch (strategy.type) {
    case "Recreate":
      return strategy.rollingUpdate === undefined
        ? []
        : [forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")];
    case "RollingUpdate":
      return checkRolling(`${field}.rollingUpdate`, strategy.rollingUpdate);
    default:
      return [
        notSupported(field, { Type: strategy.type, RollingUpdate: null }, ["Recreate", "RollingUpdate"]),
      ];
  }
}

interface Rolling {
  readonly maxUnavailable?: number | string;
  readonly maxSurge?: number | string;
}

function checkRolling(field: string, rolling: Rolling | undefined): FieldError[] {
  if (rolling === undefined) return [required(field, "this should be defaulted and never be nil")];
  const { maxUnavailable = 0, maxSurge = 0 } = rolling;
  const errors = [
    ...checkIntOrPercent(`${field}.maxUnavailable`, maxUnavailable),
    ...checkIntOrPercent(`${field}.maxSurge`, maxSurge),
  ];
  if (numberOf(maxUnavailable) === 0 && numberOf(maxSurge) === 0) {
    errors.push(invalid(`${field}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0"));
  }
  return [...errors, ...atMostAll(`${field}.maxUnavailable`, maxUnavailable)];
}

function numberOf(value: number | string): number {
  return typeof value === "number" ? value : Number.parseInt(value, 10);
}

function checkProgress(spec: Deployment["spec"]): FieldError[] {
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  const field = "spec.progressDeadlineSeconds";
  if (deadline === undefined) return [];
  const errors = notNegative(field, deadline);
  return deadline > minReadySeconds
    ? errors
    : [...errors, invalid(field, deadline, "must be greater than minReadySeconds")];
}

function checkUpdateStrategy(strategy: NonNullable<DaemonSet["spec"]["updateStrategy"]>): FieldError[] {
  const field = "spec.updateStrategy";
  if (strategy.type === "OnDelete") return [];
  if (strategy.type !== "RollingUpdate") {
    return [notSupported(`${field}.type`, strategy.type, ["OnDelete", "RollingUpdate"])];
  }
  const rolling = strategy.rollingUpdate;
  if (rolling === undefined) return [required(`${field}.rollingUpdate`)];
  return checkRollingDaemon(`${field}.rollingUpdate`, rolling);
}

function checkRollingDaemon(field: string, { maxUnavailable = 0, maxSurge = 0 }: Rolling): FieldError[] {
  const errors = [
    ...checkIntOrPercent(`${field}.maxUnavailable`, maxUnavailable),
    ...checkIntOrPercent(`${field}.maxSurge`, maxSurge),
  ];
  const unavailable = numberOf(maxUnavailable) > 0;
  const surge = numberOf(maxSurge) > 0;
  if (unavailable && surge) {
    errors.push(invalid(`${field}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero"));
  }
  if (!unavailable && !surge) {
    errors.push(required(`${field}.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
  }
  return errors;
}
