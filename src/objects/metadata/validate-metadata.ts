import { type FieldError, forbidden, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import { sameJson } from "../patch/json-value.ts";
import { asErrors, dnsLabelProblems, labelErrors, qualifiedNameProblems } from "../service/formats.ts";
import type { ObjectMeta, OwnerReference } from "../types.ts";
import type { NameRule } from "./names.ts";

const IMMUTABLE = "field is immutable";
const MAX_ANNOTATIONS = 256 * 1024;

/** An error where a value is not what it was; empty values count as unset. */
export function immutable(field: string, next: unknown, stored: unknown): FieldError[] {
  return sameJson(emptyAsUnset(next), emptyAsUnset(stored)) ? [] : [invalid(field, next, IMMUTABLE)];
}

function emptyAsUnset(value: unknown): unknown {
  if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return null;
  return value;
}

/** Checks metadata that all kinds share, on creation (apimachinery api/validation/objectmeta.go). */
export function validateMetadata(
  metadata: ObjectMeta,
  namespaced: boolean,
  nameRule: NameRule,
): FieldError[] {
  const errors: FieldError[] = [];
  const { generateName = "", name = "" } = metadata;
  if (generateName !== "") {
    errors.push(...asErrors("metadata.generateName", generateName, nameRule(generateName, true)));
  }
  if (name === "") errors.push(required("metadata.name", "name or generateName is required"));
  else errors.push(...asErrors("metadata.name", name, nameRule(name, false)));
  return [
    ...errors,
    ...checkNamespace(metadata, namespaced),
    ...checkGeneration(metadata),
    ...checkCommon(metadata),
  ];
}

function checkNamespace({ namespace = "" }: ObjectMeta, namespaced: boolean): FieldError[] {
  if (!namespaced)
    return namespace === "" ? [] : [forbidden("metadata.namespace", "not allowed on this type")];
  if (namespace === "") return [required("metadata.namespace")];
  return asErrors("metadata.namespace", namespace, dnsLabelProblems(namespace));
}

function checkGeneration({ generation = 0 }: ObjectMeta): FieldError[] {
  return generation < 0
    ? [invalid("metadata.generation", generation, "must be greater than or equal to 0")]
    : [];
}

function checkCommon(metadata: ObjectMeta): FieldError[] {
  return [
    ...labelErrors("metadata.labels", metadata.labels ?? {}),
    ...checkAnnotations(metadata.annotations ?? {}),
    ...checkOwners(metadata.ownerReferences ?? []),
    ...checkFinalizers(metadata.finalizers ?? []),
    ...checkManagedFields(metadata.managedFields ?? []),
  ];
}

function checkAnnotations(annotations: Readonly<Record<string, string>>): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    errors.push(...asErrors("metadata.annotations", key, qualifiedNameProblems(key.toLowerCase())));
    size += key.length + Buffer.byteLength(value);
  }
  return size > MAX_ANNOTATIONS ? [...errors, tooLong("metadata.annotations", MAX_ANNOTATIONS)] : errors;
}

function checkOwners(owners: readonly OwnerReference[]): FieldError[] {
  const field = "metadata.ownerReferences";
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of owners) {
    errors.push(...checkOwner(field, owner));
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === undefined) controller = name;
    else {
      const detail =
        'Only one reference can have Controller set to true. Found "true" in references for ' +
        `${controller} and ${name}`;
      errors.push(invalid(field, owners, detail));
    }
  }
  return errors;
}

function checkOwner(field: string, owner: OwnerReference): FieldError[] {
  const errors: FieldError[] = [];
  if (!owner.apiVersion) errors.push(invalid(`${field}.apiVersion`, "", "version must not be empty"));
  for (const key of ["kind", "name", "uid"] as const) {
    if (!owner[key]) errors.push(invalid(`${field}.${key}`, "", "must not be empty"));
  }
  if (owner.apiVersion === "v1" && owner.kind === "Event") {
    errors.push(invalid(field, owner, "/v1, Kind=Event is disallowed from being an owner"));
  }
  return errors;
}

function checkFinalizers(finalizers: readonly string[]): FieldError[] {
  const field = "metadata.finalizers";
  const errors = finalizers.flatMap((name) => asErrors(field, name, qualifiedNameProblems(name)));
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(invalid(field, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  }
  return errors;
}

function checkManagedFields(entries: readonly unknown[]): FieldError[] {
  return entries.flatMap((entry, index) => {
    const { operation = "", fieldsType = "" } = entry as { operation?: string; fieldsType?: string };
    const field = `metadata.managedFields[${index}]`;
    const errors: FieldError[] = [];
    if (operation === "") errors.push(required(`${field}.operation`, "must not be empty"));
    else if (!["Apply", "Update"].includes(operation)) {
      errors.push(notSupported(`${field}.operation`, operation, ["Apply", "Update"]));
    }
    if (fieldsType !== "" && fieldsType !== "FieldsV1") {
      errors.push(invalid(`${field}.fieldsType`, fieldsType, "must be `FieldsV1`"));
    }
    return errors;
  });
}

/** Checks metadata on an update against the stored one. */
export function validateMetadataUpdate(next: ObjectMeta, stored: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  if (stored.deletionTimestamp !== undefined) errors.push(...checkNoNewFinalizers(next, stored));
  if ((next.generation ?? 0) < (stored.generation ?? 0)) {
    errors.push(invalid("metadata.generation", next.generation ?? 0, "must not be decremented"));
  }
  for (const key of IMMUTABLE_KEYS) errors.push(...immutable(`metadata.${key}`, next[key], stored[key]));
  return [
    ...errors,
    ...labelErrors("metadata.labels", next.labels ?? {}),
    ...checkAnnotations(next.annotations ?? {}),
    ...checkOwners(next.ownerReferences ?? []),
    ...checkManagedFields(next.managedFields ?? []),
  ];
}

const IMMUTABLE_KEYS = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

function checkNoNewFinalizers(next: ObjectMeta, stored: ObjectMeta): FieldError[] {
  const known = new Set(stored.finalizers);
  const added = [...new Set(next.finalizers)].filter((name) => !known.has(name)).sort();
  if (added.length === 0) return [];
  const list = `[]string{${added.map((name) => JSON.stringify(name)).join(", ")}}`;
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
  return [forbidden("metadata.finalizers", detail)];
}
