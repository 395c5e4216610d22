/**
 * What the registry needs to know about kinds, in one place. Simple forms for now of what the objects room does in
 * full; each is replaced by its function as it comes.
 */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { apiVersionOf, type Kind } from "../objects/kinds.ts";
import { badRequest, invalidObject } from "../objects/status.ts";
import type { AnyObject } from "../objects/types.ts";

export { decodeBody, decodeValue, parseKubernetesYaml } from "../objects/schema/body.ts";
export type { FieldValidation } from "../objects/schema/decode.ts";

const ALPHANUMERIC = "bcdfghjklmnpqrstvwxz2456789";

export function admitNames(kind: Kind, object: AnyObject, url: { namespace?: string; name?: string }): void {
  object.metadata ??= { name: "" };
  const { metadata } = object;
  if (kind.namespaced) {
    if ((metadata.namespace ?? "") === "") metadata.namespace = url.namespace ?? "";
    else if (metadata.namespace !== url.namespace) {
      throw badRequest(
        "the namespace of the provided object does not match the namespace sent on the request",
      );
    }
  } else delete metadata.namespace;
  if (url.name === undefined) return;
  if ((metadata.name ?? "") === "") metadata.name = url.name;
  else if (metadata.name !== url.name) {
    const text = `the name of the object (${metadata.name}) does not match the name on the URL (${url.name})`;
    throw badRequest(text);
  }
}

export function defaultObject(_kind: Kind, _object: AnyObject): void {}

export function fillSystemMetadata(object: AnyObject, { now, uid }: { now: Date; uid?: string }): void {
  const { metadata } = object;
  metadata.uid = uid ?? randomUUID();
  metadata.creationTimestamp = `${now.toISOString().slice(0, 19)}Z`;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  if ((metadata.name ?? "") === "" && (metadata.generateName ?? "") !== "") {
    metadata.name = `${metadata.generateName!.slice(0, 58)}${randomSuffix()}`;
  }
}

function randomSuffix(): string {
  const at = (): string => ALPHANUMERIC[Math.floor(Math.random() * ALPHANUMERIC.length)]!;
  return at() + at() + at() + at() + at();
}

export function beforeCreate(kind: Kind, object: AnyObject): string[] {
  if ((object.metadata.name ?? "") === "") {
    throw invalidObject({ group: kind.group, kind: kind.kind }, "", [
      {
        field: "metadata.name",
        reason: "FieldValueRequired",
        message: "Required value: name or generateName is required",
      },
    ]);
  }
  if (kind.subresources.includes("status") && kind.kind !== "Node") delete object["status"];
  if (kind.kind === "Namespace") {
    object["spec"] = { finalizers: ["kubernetes"] };
    object["status"] = { phase: "Active" };
    object.metadata.labels = {
      ...object.metadata.labels,
      "kubernetes.io/metadata.name": object.metadata.name,
    };
  }
  if (kind.kind === "Pod") object["status"] = { phase: "Pending", qosClass: "BestEffort" };
  if (kind.group === "apps") object.metadata.generation = 1;
  return [];
}

export function beforeUpdate(kind: Kind, next: AnyObject, old: AnyObject, subresource?: string): string[] {
  if (subresource === "status") {
    const status = next["status"];
    for (const key of Object.keys(next)) if (key !== "metadata") delete next[key];
    Object.assign(next, structuredClone(old), { metadata: next.metadata });
    next["status"] = status;
  } else if (kind.subresources.includes("status")) next["status"] = old["status"];
  const changed = !isDeepStrictEqual(next["spec"], old["spec"]);
  if (old.metadata.generation !== undefined)
    next.metadata.generation = old.metadata.generation + (changed ? 1 : 0);
  return [];
}

export function sameObject(a: AnyObject, b: AnyObject): boolean {
  return isDeepStrictEqual(a, b);
}

export interface Patch {
  readonly type: "json" | "merge" | "strategic";
  readonly text: string;
  readonly mode: "Strict" | "Warn" | "Ignore";
}

export function applyPatch(
  _kind: Kind,
  stored: AnyObject,
  patch: Patch,
): { object: AnyObject; warnings: string[] } {
  if (patch.type === "json") throw badRequest("JSON patches are not served yet");
  const merge = (target: unknown, source: unknown): unknown => {
    if (source === null || typeof source !== "object" || Array.isArray(source)) return source;
    const result: Record<string, unknown> =
      target !== null && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
    for (const [key, value] of Object.entries(source)) {
      if (value === null) delete result[key];
      else result[key] = merge(result[key], value);
    }
    return result;
  };
  return { object: merge(structuredClone(stored), JSON.parse(patch.text)) as AnyObject, warnings: [] };
}

export interface Selector {
  matches(object: AnyObject): boolean;
}

export function parseLabelSelector(text: string): Selector {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const one = (part: string): ((labels: Record<string, string>) => boolean) => {
    const set = /^(\S+)\s+(in|notin)\s+\((.*)\)$/.exec(part);
    if (set) {
      const values = set[3]!.split(",").map((value) => value.trim());
      return (labels) => values.includes(labels[set[1]!] ?? "") === (set[2] === "in");
    }
    const equal = /^([^!=]+)(!=|==|=)(.*)$/.exec(part);
    if (equal) return (labels) => (labels[equal[1]!.trim()] === equal[3]!.trim()) === (equal[2] !== "!=");
    return part.startsWith("!") ? (labels) => !(part.slice(1) in labels) : (labels) => part in labels;
  };
  const tests = text === "" ? [] : parts.map(one);
  return { matches: (object) => tests.every((test) => test(object.metadata.labels ?? {})) };
}

export function parseFieldSelector(_kind: Kind, text: string): Selector {
  const parts = text === "" ? [] : text.split(",");
  const tests = parts.map((part) => {
    const match = /^([^!=]+)(!=|==|=)(.*)$/.exec(part);
    if (match === null) throw badRequest(`invalid field selector: ${part}`);
    const path = match[1]!.split(".");
    return (object: AnyObject): boolean => {
      const value = path.reduce<unknown>(
        (at, key) => (at as Record<string, unknown> | undefined)?.[key],
        object,
      );
      return (String(value ?? "") === match[3]) === (match[2] !== "!=");
    };
  });
  return { matches: (object) => tests.every((test) => test(object)) };
}

export interface TableOptions {
  readonly now: Date;
  readonly includeObject?: "None" | "Metadata" | "Object";
}

export function tableOf(_kind: Kind, objects: readonly AnyObject[], _options: TableOptions): AnyObject {
  const column = (name: string): object => ({
    name,
    type: "string",
    format: "",
    description: "",
    priority: 0,
  });
  const rows = objects.map((object) => ({
    cells: [object.metadata.name, object.metadata.creationTimestamp],
    object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata },
  }));
  const columnDefinitions = [column("Name"), column("Created At")];
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: {},
    columnDefinitions,
    rows,
  } as unknown as AnyObject;
}

/** Checks a body's apiVersion and kind. */
export function isOfKind(kind: Kind, object: AnyObject): boolean {
  return object.kind === kind.kind && object.apiVersion === apiVersionOf(kind);
}
