import type { CustomVersion } from "../crd/custom-kind.ts";
import { apiVersionOf, type Kind } from "../kinds.ts";
import { emptyStruct, typeOfKind } from "../schema/types.ts";
import { type MergeSchema, mergeTypeOfCustomResource, mergeTypeOfKind } from "./compile.ts";
import type { MergeType } from "./merge-type.ts";
import { type FieldFilter, filterOfKind, keepOutside } from "./reset-fields.ts";

/** All that field management needs to know about a kind. */
export interface ManagedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly type: MergeType;
  /** Other apiVersions that the kind is served in; entries of managers in any other are dropped. */
  readonly otherVersions: readonly string[];
  /** An object of the kind with nothing set, as it is decoded from `{}`. */
  readonly empty: object;
  /**
   * What a write over a subresource (empty for the object itself) can own; undefined when it can own
   * everything.
   */
  filter(subresource: string): FieldFilter | undefined;
}

const managedKinds = new WeakMap<object, ManagedKind>();

/** What field management needs of a built-in kind. @throws Error when no document describes the kind */
export function managedKind(kind: Kind): ManagedKind {
  let managed = managedKinds.get(kind);
  if (managed === undefined) {
    managed = kind.custom === undefined ? builtInKind(kind) : customKind(kind, kind.custom);
    managedKinds.set(kind, managed);
  }
  return managed;
}

function customKind({ group, version, kind }: Kind, custom: CustomVersion): ManagedKind {
  const { schema, hasStatus, otherVersions } = custom;
  return managedCustomResource({
    group,
    version,
    kind,
    schema: schema as MergeSchema,
    hasStatus,
    otherVersions,
  });
}

function builtInKind(kind: Kind): ManagedKind {
  const type = typeOfKind(kind);
  return {
    group: kind.group,
    version: kind.version,
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    type: mergeTypeOfKind(kind),
    otherVersions: [],
    empty: emptyStruct(type),
    filter: (subresource) => filterOfKind(kind, subresource),
  };
}

/** A version of a custom resource as its CustomResourceDefinition has it. */
export interface CustomResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The version's `openAPIV3Schema`. */
  readonly schema?: MergeSchema;
  /** `spec.preserveUnknownFields` of the definition. */
  readonly preservesUnknown?: boolean;
  /** Whether the version has the status subresource. */
  readonly hasStatus: boolean;
  /** The names of the definition's other versions. */
  readonly otherVersions?: readonly string[];
}

/**
 * What field management needs of a custom resource; to be kept for as long as the definition stays the
 * same.
 */
export function managedCustomResource(resource: CustomResource): ManagedKind {
  const { group, version, kind, schema, preservesUnknown, hasStatus, otherVersions = [] } = resource;
  const apiVersion = `${group}/${version}`;
  return {
    group,
    version,
    kind,
    apiVersion,
    type: mergeTypeOfCustomResource(schema, preservesUnknown),
    otherVersions: otherVersions.map((other) => `${group}/${other}`),
    empty: { apiVersion, kind },
    filter: (subresource) => {
      if (subresource === "status") return keepOutside(["spec"]);
      return subresource === "" && hasStatus ? keepOutside(["status"]) : undefined;
    },
  };
}
