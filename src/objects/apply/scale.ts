import { type MergeSchema, mergeTypeOfCustomResource } from "./compile.ts";
import { difference, hasPath, isEmpty, setOf } from "./field-set.ts";
import type { ManagedKind } from "./managed-kind.ts";
import { type ManagedFieldsEntry, type Managers, readManagers, writeManagers } from "./managers.ts";
import type { PathElement } from "./path-element.ts";

const REPLICAS: readonly PathElement[] = ["f:spec", "f:replicas"];

const API_VERSION = "autoscaling/v1";
let managed: ManagedKind | undefined;

/** What field management needs of `autoscaling/v1` Scale objects; the subresource is `scale`. */
export function managedScale(): ManagedKind {
  managed ??= {
    group: "autoscaling",
    version: "v1",
    kind: "Scale",
    apiVersion: API_VERSION,
    type: mergeTypeOfCustomResource(SCHEMA),
    otherVersions: [],
    empty: { metadata: {}, spec: {}, status: { replicas: 0 } },
    filter: () => undefined,
  };
  return managed;
}

const SCHEMA: MergeSchema = {
  type: "object",
  properties: {
    spec: { type: "object", properties: { replicas: { type: "integer" } } },
    status: {
      type: "object",
      properties: { replicas: { type: "integer" }, selector: { type: "string" } },
    },
  },
};

/** Where objects have their number of replicas: by default in `spec.replicas`. */
export interface ScaledKind {
  readonly apiVersion: string;
  readonly replicas?: readonly PathElement[];
}

/** The managers of an object's Scale: whoever owns the number of replicas (apimachinery scalehandler.go). */
export function scaleManagedFields(kind: ScaledKind, entries: unknown): ManagedFieldsEntry[] | undefined {
  const result: Managers = new Map();
  const path = kind.replicas ?? REPLICAS;
  for (const [identifier, manager] of readManagers(entries)) {
    if (manager.apiVersion !== kind.apiVersion || !hasPath(manager.set, path)) continue;
    result.set(identifier, { ...manager, apiVersion: API_VERSION, set: setOf(REPLICAS) });
  }
  return writeManagers(result);
}

/**
 * The managers of an object after a write of its Scale: those of the Scale own the number of replicas,
 * others no more. `entries` are the object's managers before, `scaleEntries` those of the written Scale.
 */
export function parentManagedFields(
  kind: ScaledKind,
  entries: unknown,
  scaleEntries: unknown,
): ManagedFieldsEntry[] | undefined {
  const parents = readManagers(entries);
  const scales = readManagers(scaleEntries);
  const path = kind.replicas ?? REPLICAS;
  const result: Managers = new Map();
  for (const [identifier, manager] of parents) {
    if (manager.apiVersion !== kind.apiVersion) continue;
    const isStolen = hasPath(manager.set, path) && !scales.delete(identifier);
    const set = isStolen ? difference(manager.set, setOf(path)) : manager.set;
    if (!isEmpty(set)) result.set(identifier, { ...manager, set });
  }
  for (const [identifier, manager] of scales) {
    if (!hasPath(manager.set, REPLICAS)) continue;
    const time = parents.get(identifier)?.time;
    result.set(identifier, { ...manager, apiVersion: kind.apiVersion, set: setOf(path), time });
  }
  return writeManagers(result);
}
