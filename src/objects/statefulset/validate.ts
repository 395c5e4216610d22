import { type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { immutable } from "../metadata/validate-metadata.ts";
import { sameJson } from "../patch/json-value.ts";
import { asErrors, dnsLabelProblems } from "../service/formats.ts";
import type { AnyVolume } from "../types.ts";
import { atMostAll, checkIntOrPercent, notNegative } from "../validation/int-or-percent.ts";
import { checkSelector, checkTemplate } from "../validation/workloads.ts";
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from "./types.ts";

// Checks of StatefulSets and ControllerRevisions (pkg/apis/apps/validation/validation.go).

const CLAIM_POLICIES = ["Delete", "Retain"];

/** Checks a StatefulSet to be created. */
export function validateStatefulSet(set: StatefulSet): FieldError[] {
  return [...validateSpec(set), ...checkServiceName(set)];
}

/** Checks a change of a StatefulSet: most of it stays as it was made. */
export function validateStatefulSetUpdate(next: StatefulSet, stored: StatefulSet): FieldError[] {
  const errors = validateSpec(next);
  if (sameJson(fixedPart(next), fixedPart(stored))) return errors;
  const detail =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', " +
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  return [...errors, forbidden("spec", detail)];
}

/** What of a StatefulSet cannot be changed. */
function fixedPart({ spec }: StatefulSet): unknown {
  const { replicas, ordinals, template, updateStrategy, revisionHistoryLimit, minReadySeconds, ...fixed } =
    spec;
  return { ...fixed, persistentVolumeClaimRetentionPolicy: null };
}

function validateSpec({ spec }: StatefulSet): FieldError[] {
  const claims = (spec.volumeClaimTemplates ?? []).map(asVolume);
  const { volumes = [] } = spec.template.spec;
  const own = volumes.filter(({ name }) => !claims.some((claim) => claim.name === name));
  const withClaims = { ...spec.template.spec, volumes: [...own, ...claims] };
  const template = claims.length === 0 ? spec.template : { ...spec.template, spec: withClaims };
  return [
    ...checkManagement(spec.podManagementPolicy),
    ...checkStrategy(spec.updateStrategy ?? {}),
    ...checkClaimPolicy(spec.persistentVolumeClaimRetentionPolicy ?? {}),
    ...notNegative("spec.replicas", spec.replicas),
    ...notNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...notNegative("spec.ordinals.start", spec.ordinals?.start),
    ...checkSelector(spec.selector, "statefulset"),
    ...checkTemplate(spec.selector, template, "StatefulSet"),
  ];
}

/** The volume that a claim becomes in each pod, for the mounts to find. */
function asVolume({ metadata }: { metadata: { name: string } }): AnyVolume {
  return { name: metadata.name, persistentVolumeClaim: { claimName: metadata.name } };
}

function checkManagement(policy: string | undefined): FieldError[] {
  if (!policy) return [required("spec.podManagementPolicy")];
  if (policy === "OrderedReady" || policy === "Parallel") return [];
  return [invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")];
}

function checkStrategy({ type, rollingUpdate }: NonNullable<StatefulSet["spec"]["updateStrategy"]>) {
  const field = "spec.updateStrategy";
  if (!type) return [required(field)];
  if (type === "OnDelete") {
    const detail = "only allowed for updateStrategy 'RollingUpdate'";
    return rollingUpdate === undefined ? [] : [invalid(`${field}.rollingUpdate`, rollingUpdate, detail)];
  }
  if (type !== "RollingUpdate") {
    return [invalid(field, { type, rollingUpdate }, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  return rollingUpdate === undefined ? [] : checkRolling(`${field}.rollingUpdate`, rollingUpdate);
}

function checkRolling(
  field: string,
  { partition, maxUnavailable }: { partition?: number; maxUnavailable?: number | string },
): FieldError[] {
  const errors = notNegative(`${field}.partition`, partition);
  if (maxUnavailable === undefined) return errors;
  const path = `${field}.maxUnavailable`;
  errors.push(...checkIntOrPercent(path, maxUnavailable));
  if (Number.parseInt(String(maxUnavailable), 10) === 0) {
    errors.push(invalid(path, maxUnavailable, "cannot be 0"));
  }
  return [...errors, ...atMostAll(path, maxUnavailable)];
}

function checkClaimPolicy(policy: { whenDeleted?: string; whenScaled?: string }): FieldError[] {
  const field = "spec.persistentVolumeClaimRetentionPolicy";
  return (["whenDeleted", "whenScaled"] as const).flatMap((name) => {
    const value = policy[name] ?? "Retain";
    return CLAIM_POLICIES.includes(value) ? [] : [notSupported(`${field}.${name}`, value, CLAIM_POLICIES)];
  });
}

/** A name that is no part of a domain name is refused where it is new only: there were times that took it. */
function checkServiceName({ spec: { serviceName = "" } }: StatefulSet): FieldError[] {
  if (serviceName === "") return [];
  return asErrors("spec.serviceName", serviceName, dnsLabelProblems(serviceName));
}

const COUNTS = [
  "replicas",
  "readyReplicas",
  "currentReplicas",
  "updatedReplicas",
  "availableReplicas",
] as const;

/** Checks what a controller says of a StatefulSet. */
export function validateStatefulSetStatus(next: StatefulSet, stored: StatefulSet): FieldError[] {
  const status: StatefulSetStatus = next.status ?? { replicas: 0 };
  const { collisionCount = 0 } = status;
  return [
    ...COUNTS.flatMap((name) => notNegative(`status.${name}`, status[name])),
    ...notNegative("status.observedGeneration", status.observedGeneration),
    ...notNegative("status.collisionCount", status.collisionCount),
    ...COUNTS.slice(1).flatMap((name) => notAbove(status, name, "replicas")),
    ...notAbove(status, "availableReplicas", "readyReplicas"),
    ...(collisionCount < (stored.status?.collisionCount ?? 0)
      ? [invalid("status.collisionCount", collisionCount, "cannot be decremented")]
      : []),
  ];
}

type Count = (typeof COUNTS)[number];

function notAbove(status: StatefulSetStatus, count: Count, limit: Count): FieldError[] {
  const value = status[count] ?? 0;
  if (value <= (status[limit] ?? 0)) return [];
  return [invalid(`status.${count}`, value, `cannot be greater than status.${limit}`)];
}

/** Checks a ControllerRevision. */
export function validateRevision({ data, revision }: ControllerRevision): FieldError[] {
  const errors = data === undefined ? [required("data", "data is mandatory")] : [];
  return [...errors, ...notNegative("revision", revision)];
}

/** Checks a change of a ControllerRevision: the number may change, the data not. */
export function validateRevisionUpdate(next: ControllerRevision, stored: ControllerRevision): FieldError[] {
  return [...validateRevision(next), ...immutable("data", next.data, stored.data)];
}
