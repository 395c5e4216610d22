import { isObject } from "../patch/json-value.ts";
import { type FieldSet, inOrder, readFields } from "./field-set.ts";
import { compareText } from "./go-text.ts";
import { FieldsError } from "./path-element.ts";

/** An entry of `metadata.managedFields` (metav1.ManagedFieldsEntry). */
export interface ManagedFieldsEntry {
  readonly apiVersion?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: FieldSet;
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly time?: string;
}

/** Who wrote, how, and over which subresource (empty for the object itself). */
export interface ManagerName {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
}

/** A manager and what it owns. `time` is when it last changed something: RFC 3339, seconds. */
export interface Manager extends ManagerName {
  readonly set: FieldSet;
  readonly time?: string | undefined;
}

/** The managers of an object by their identifiers. */
export type Managers = Map<string, Manager>;

/**
 * What tells managers apart: everything but what they own and when; who applies is the same in every version
 * (apimachinery managedfields.go, BuildManagerIdentifier). The text is one that sorts as the original.
 */
export function identifierOf({ manager, operation, apiVersion, subresource }: ManagerName): string {
  return JSON.stringify({
    ...(manager === "" ? {} : { manager }),
    operation,
    ...(operation === "Apply" || apiVersion === "" ? {} : { apiVersion }),
    ...(subresource === "" ? {} : { subresource }),
  });
}

/**
 * Reads `metadata.managedFields`.
 * @throws FieldsError when an entry is not valid
 */
export function readManagers(entries: unknown): Managers {
  const managers: Managers = new Map();
  if (!Array.isArray(entries)) return managers;
  entries.forEach((entry: unknown, index) => {
    const manager = readManager(isObject(entry) ? entry : {}, index);
    managers.set(identifierOf(manager), manager);
  });
  return managers;
}

function readManager(entry: ManagedFieldsEntry, index: number): Manager {
  const { operation, apiVersion = "", fieldsType = "" } = entry;
  if (operation !== "Apply" && operation !== "Update") {
    throw new FieldsError("operation must be `Apply` or `Update`");
  }
  if (apiVersion === "") throw new FieldsError("apiVersion must not be empty");
  if (fieldsType === "") throw new FieldsError(`missing fieldsType in managed fields entry ${index}`);
  if (fieldsType !== "FieldsV1") {
    throw new FieldsError(
      `invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`,
    );
  }
  return {
    manager: entry.manager ?? "",
    operation,
    apiVersion,
    subresource: entry.subresource ?? "",
    set: readFields(entry.fieldsV1),
    time: entry.time,
  };
}

/**
 * Whether `metadata.managedFields` of a request asks to forget all managers: an empty list, or one empty
 * entry.
 */
export function asksForReset(entries: unknown): boolean {
  if (!Array.isArray(entries)) return false;
  if (entries.length === 0) return true;
  const [first] = entries as unknown[];
  return entries.length === 1 && isObject(first) && Object.keys(first).length === 0;
}

/** What `metadata.managedFields` becomes: undefined when there are no managers. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()].sort(compareManagers).map(writeManager);
}

function writeManager({
  manager,
  operation,
  apiVersion,
  subresource,
  set,
  time,
}: Manager): ManagedFieldsEntry {
  return {
    apiVersion,
    fieldsType: "FieldsV1",
    fieldsV1: inOrder(set),
    ...(manager === "" ? {} : { manager }),
    operation,
    ...(subresource === "" ? {} : { subresource }),
    ...(time === undefined ? {} : { time }),
  };
}

function compareManagers(a: Manager, b: Manager): number {
  if (a.operation !== b.operation) return a.operation < b.operation ? -1 : 1;
  return (
    secondsOf(a.time) - secondsOf(b.time) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** A time as seconds of the epoch; none counts as its start. */
export function secondsOf(time: string | undefined): number {
  const moment = time === undefined ? 0 : Date.parse(time);
  return Number.isNaN(moment) ? 0 : Math.floor(moment / 1000);
}
