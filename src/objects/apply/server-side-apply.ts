import { isObject } from "../patch/json-value.ts";
import { type ApiError, badRequest } from "../status.ts";
import type { AnyObject } from "../types.ts";
import { applyConflict, ConflictsError, conflictingFields, conflictsOutside } from "./conflicts.ts";
import { difference, isEmpty } from "./field-set.ts";
import { allowedByLastApplied, withLastApplied } from "./last-applied.ts";
import { ItemError } from "./list-items.ts";
import type { ManagedKind } from "./managed-kind.ts";
import {
  identifierOf,
  type ManagedFieldsEntry,
  type ManagerName,
  type Managers,
  readManagers,
  writeManagers,
} from "./managers.ts";
import { FieldsError } from "./path-element.ts";
import { withoutMeta } from "./strip-meta.ts";
import { recordUpdate, withoutManagedFields } from "./update.ts";
import { takeApply } from "./updater.ts";
import { mismatchesText, validate } from "./validate.ts";

/** A configuration to apply. */
export interface ApplyRequest {
  /** The stored object; undefined when there is none yet. */
  readonly live: AnyObject | undefined;
  /** The parsed configuration, as the request has it. */
  readonly configuration: unknown;
  readonly manager: string;
  readonly force: boolean;
  /** Empty or absent for the object itself. */
  readonly subresource?: string | undefined;
  /** RFC 3339, seconds. */
  readonly now: string;
}

/** What applying came to. */
export interface ApplyResult {
  /**
   * The object with its new `metadata.managedFields`: still to be decoded and defaulted. Shares values with
   * the request's.
   */
  readonly object: AnyObject;
  readonly managedFields: readonly ManagedFieldsEntry[] | undefined;
  /** Whether anything but the owners differs from the live object. */
  readonly changed: boolean;
}

/**
 * Manager that owned all of an object that nobody was told the managers of, before something is applied to
 * it.
 */
const BEFORE_FIRST_APPLY = "before-first-apply";

/** Only this manager takes over fields that `kubectl apply` recorded in its annotation. */
const KUBECTL = "kubectl";

/**
 * Applies a configuration on the server (KEP-555; apimachinery pkg/util/managedfields). Changes nothing.
 * @throws ApiError 400 when the configuration does not fit the kind, 409 when others own what it changes
 */
export function serverSideApply(kind: ManagedKind, request: ApplyRequest): ApplyResult {
  const configuration = checkedConfiguration(kind, request.configuration);
  const live = request.live;
  const managers = readLiveManagers(live);
  const before = live === undefined ? kind.empty : withoutManagedFields(live);
  try {
    if (managers.size === 0 && live !== undefined) recordExisting(kind, before, managers, request);
    const { object } = applyWithTakeover(kind, before, configuration, managers, request);
    return resultOf(request, before, object, managers);
  } catch (error) {
    if (error instanceof ConflictsError) throw applyConflict(error.conflicts);
    if (error instanceof ItemError) throw mistypedLive(kind, before as AnyObject);
    throw error;
  }
}

function nameOf(kind: ManagedKind, request: ApplyRequest): ManagerName {
  const { manager, subresource = "" } = request;
  return {
    manager: manager === "" ? "unknown" : manager,
    operation: "Apply",
    apiVersion: kind.apiVersion,
    subresource,
  };
}

/** Fields that were there before anybody applied belong to a manager of their own. */
function recordExisting(kind: ManagedKind, before: object, managers: Managers, request: ApplyRequest): void {
  const name: ManagerName = {
    ...nameOf(kind, request),
    manager: BEFORE_FIRST_APPLY,
    operation: "Update",
  };
  recordUpdate(kind, kind.empty, before, managers, name, request.now);
}

function applyWithTakeover(
  kind: ManagedKind,
  before: object,
  configuration: object,
  managers: Managers,
  request: ApplyRequest,
): { readonly object: object | undefined } {
  const saved = new Map(managers);
  try {
    return applyOnce(kind, before, configuration, managers, request, request.force);
  } catch (error) {
    if (!(error instanceof ConflictsError) || request.manager !== KUBECTL) throw error;
    const allowed = allowedByLastApplied(kind, before);
    if (allowed === undefined) throw error;
    if (!isEmpty(difference(conflictingFields(error.conflicts), allowed))) {
      throw new ConflictsError(conflictsOutside(error.conflicts, allowed));
    }
    managers.clear();
    for (const [identifier, manager] of saved) managers.set(identifier, manager);
    return applyOnce(kind, before, configuration, managers, request, true);
  }
}

function applyOnce(
  kind: ManagedKind,
  before: object,
  configuration: object,
  managers: Managers,
  request: ApplyRequest,
  force: boolean,
): { readonly object: object | undefined } {
  const name = nameOf(kind, request);
  const scope = { kind, filter: kind.filter(name.subresource) };
  const applied = takeApply(scope, before, configuration, managers, name, force);
  const identifier = identifierOf(name);
  const manager = managers.get(identifier);
  if (manager !== undefined) {
    const set = withoutMeta(manager.set);
    const time = applied.object === undefined ? manager.time : request.now;
    if (isEmpty(set)) managers.delete(identifier);
    else managers.set(identifier, { ...manager, set, time });
  }
  return applied;
}

function resultOf(
  request: ApplyRequest,
  before: object,
  object: object | undefined,
  managers: Managers,
): ApplyResult {
  const applied = (object ?? before) as AnyObject;
  const next =
    request.manager === KUBECTL ? withLastApplied(applied, request.configuration as object) : applied;
  const managedFields = writeManagers(managers);
  const metadata = { ...next.metadata };
  if (managedFields === undefined) delete metadata.managedFields;
  else metadata.managedFields = managedFields;
  return { object: { ...next, metadata }, managedFields, changed: next !== before };
}

function readLiveManagers(live: AnyObject | undefined): Managers {
  try {
    return readManagers(live?.metadata.managedFields);
  } catch (error) {
    if (error instanceof FieldsError) throw badRequest(`failed to decode managed fields: ${error.message}`);
    throw error;
  }
}

/** The configuration, if it is one of the kind. */
function checkedConfiguration(kind: ManagedKind, value: unknown): object {
  const configuration = isObject(value) ? value : {};
  const found = kindText(configuration);
  const wanted = gvkText(kind.group, kind.version, kind.kind);
  if (found !== wanted) throw badRequest(`invalid object type: ${found}`);
  const metadata = isObject(configuration["metadata"]) ? configuration["metadata"] : {};
  if (Array.isArray(metadata["managedFields"])) throw badRequest("metadata.managedFields must be nil");
  const mismatches = validate(configuration, kind.type);
  if (mismatches.length > 0) throw mistyped(metadata, found, mismatchesText(mismatches));
  return configuration;
}

/** The real server answers these with 500; what is wrong is the request. */
function mistyped(metadata: Record<string, unknown>, found: string, why: string): ApiError {
  const [namespace, name] = [textOf(metadata["namespace"]), textOf(metadata["name"])];
  return badRequest(`failed to create typed patch object (${namespace}/${name}; ${found}): ${why}`);
}

/** A stored object with list items that cannot be told apart: it takes no configurations. */
function mistypedLive(kind: ManagedKind, live: AnyObject): ApiError {
  const gvk = gvkText(kind.group, kind.version, kind.kind);
  const why = mismatchesText(validate(live, kind.type, true));
  const { metadata } = live;
  return badRequest(
    `failed to create typed live object (${metadata.namespace ?? ""}/${metadata.name}; ${gvk}): ${why}`,
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The group, version and kind of a configuration as Go prints them: `apps/v1, Kind=Deployment`. */
function kindText(configuration: Record<string, unknown>): string {
  const parts = textOf(configuration["apiVersion"]).split("/");
  if (parts.length > 2) return gvkText("", "", "");
  const [group, version] = parts.length === 2 ? parts : ["", parts[0]];
  return gvkText(group ?? "", version ?? "", textOf(configuration["kind"]));
}

function gvkText(group: string, version: string, kind: string): string {
  return `${group}/${version}, Kind=${kind}`;
}
