import type { FieldError } from "../field-errors.ts";
import type { Kind } from "../kinds.ts";
import { pathSegmentName } from "../metadata/names.ts";
import { validateMetadata, validateMetadataUpdate } from "../metadata/validate-metadata.ts";
import { invalidObject } from "../status.ts";
import type { AnyObject, KubeObject } from "../types.ts";
import { rulesOf } from "./registry.ts";
import type { KindRules } from "./rules.ts";

// The common order of work of a write (apiserver registry/rest/create.go and update.go).

/** Fills in the static defaults of a kind. */
export function defaultObject(kind: Kind, object: AnyObject): void {
  rulesOf(kind).default?.(object);
}

/** Drops what a client may not set in a new object, such as its status. */
function prepareForCreate(kind: Kind, object: AnyObject): void {
  delete object.metadata.deletionTimestamp;
  delete object.metadata.deletionGracePeriodSeconds;
  rulesOf(kind).prepareForCreate?.(object);
}

/** Checks a new object; name and metadata first. */
function validateCreate(kind: Kind, object: AnyObject): FieldError[] {
  return [...metadataErrors(kind, object), ...(rulesOf(kind).validate?.(object) ?? [])];
}

/**
 * The checks of metadata alone: for callers that do the rest by themselves, as the allocation of Services does.
 * @param stored the old object on updates
 */
export function metadataErrors(
  kind: Kind,
  object: KubeObject,
  stored?: KubeObject,
  subresource?: string,
): FieldError[] {
  const { nameRule, checksMetadataOnUpdate } = rulesOf(kind);
  const own = () => validateMetadata(object.metadata, kind.namespaced, nameRule);
  if (stored === undefined) return own();
  const update = validateMetadataUpdate(object.metadata, stored.metadata);
  // The real server runs some checks twice, and a Status shows their causes twice.
  return [
    ...validateMetadata(object.metadata, kind.namespaced, pathSegmentName),
    ...update,
    ...update,
    ...(checksMetadataOnUpdate === true && subresource !== "status" ? own() : []),
  ];
}

/**
 * Prepares and checks a new object whose defaults and system metadata are filled in.
 * @returns warnings for the client
 * @throws ApiError 422 with all causes
 */
export function beforeCreate(kind: Kind, object: AnyObject): string[] {
  prepareForCreate(kind, object);
  rejectIf(kind, object, validateCreate(kind, object));
  return rulesOf(kind).warnings?.(object) ?? [];
}

/**
 * Takes over from the stored object what an update may not change: status (or all but status, for that subresource),
 * generation, times.
 */
export function prepareForUpdate(kind: Kind, next: AnyObject, stored: AnyObject, subresource?: string): void {
  const rules = rulesOf(kind);
  const { metadata } = next;
  const old = stored.metadata;
  if (old.generation === undefined) delete metadata.generation;
  else metadata.generation = old.generation;
  if (subresource === "status") rules.prepareForStatus?.(next, stored);
  else if (subresource === "ephemeralcontainers") rules.prepareForPart?.(next, stored);
  else if (subresource === undefined) rules.prepareForUpdate?.(next, stored);
  if (!metadata.uid && old.uid !== undefined) metadata.uid = old.uid;
  if (old.creationTimestamp !== undefined) metadata.creationTimestamp = old.creationTimestamp;
  if (old.deletionTimestamp !== undefined) metadata.deletionTimestamp = old.deletionTimestamp;
  if (old.deletionGracePeriodSeconds !== undefined) {
    metadata.deletionGracePeriodSeconds ??= old.deletionGracePeriodSeconds;
  }
}

/** Checks an update of an object or of its status. */
function validateUpdate(kind: Kind, next: AnyObject, stored: AnyObject, subresource?: string): FieldError[] {
  const rules = rulesOf(kind);
  const own = checkOf(rules, subresource)?.(next, stored) ?? [];
  return [...metadataErrors(kind, next, stored, subresource), ...own];
}

function checkOf(rules: KindRules<AnyObject>, subresource?: string): KindRules<AnyObject>["validateUpdate"] {
  if (subresource === "status") return rules.validateStatus;
  return subresource === "ephemeralcontainers" ? rules.validatePart : rules.validateUpdate;
}

/**
 * Prepares and checks an update.
 * @param next decoded, with its defaults filled in; changed in place
 * @returns warnings for the client
 * @throws ApiError 422 with all causes
 */
export function beforeUpdate(kind: Kind, next: AnyObject, stored: AnyObject, subresource?: string): string[] {
  prepareForUpdate(kind, next, stored, subresource);
  rejectIf(kind, next, validateUpdate(kind, next, stored, subresource));
  return subresource === undefined ? (rulesOf(kind).warnings?.(next, stored) ?? []) : [];
}

function rejectIf(kind: Kind, object: AnyObject, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(kind, object.metadata.name ?? "", errors);
}

/** Whether a PUT to a name that does not exist creates the object. */
export function createsOnUpdate(kind: Kind): boolean {
  return rulesOf(kind).createOnUpdate;
}

/** Whether an update without a resourceVersion is taken. */
export function takesUnconditionalUpdates(kind: Kind): boolean {
  return rulesOf(kind).unconditionalUpdate;
}
