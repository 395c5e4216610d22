import type { Kind } from "../kinds.ts";
import type { Definition, DefinitionVersion, PrinterColumn, ScalePaths } from "./definition/types.ts";
import type { Schema } from "./schema.ts";

/** What a kind that a CustomResourceDefinition describes has beyond other kinds; one version of it. */
export interface CustomVersion {
  readonly schema: Schema;
  readonly columns: readonly PrinterColumn[] | undefined;
  /** Fields beside name and namespace that can be selected by: `.spec.color`. */
  readonly selectable: readonly string[];
  readonly scale: ScalePaths | undefined;
  readonly hasStatus: boolean;
  readonly listKind: string;
  readonly otherVersions: readonly string[];
  /** The warning that goes with every answer. */
  readonly deprecation: string | undefined;
  /** Objects of an older revision were written under another schema: pruning and defaults are done when they are read. */
  readonly since: number;
  /** The definition is being deleted: nothing new is taken. */
  readonly isTerminating: boolean;
}

/** As the real server lists them for custom resources. */
const VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/**
 * The kinds that a definition describes: one for each version that is served, best version first.
 * @param since the revision of the store from which objects were written under this very schema
 */
export function customKinds(definition: Definition, since: number): Kind[] {
  const { spec, status, metadata } = definition;
  const names = status?.acceptedNames?.kind ? status.acceptedNames : spec.names;
  const served = spec.versions.filter((version) => version.served);
  served.sort((a, b) => compareVersions(a.name, b.name));
  return served.map((version) => ({
    group: spec.group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: spec.scope === "Namespaced",
    subresources: subresourcesOf(version),
    verbs: metadata.deletionTimestamp === undefined ? VERBS : VERBS.filter((verb) => verb !== "create"),
    custom: customVersion(definition, version, since),
  }));
}

function subresourcesOf({ subresources }: DefinitionVersion): string[] {
  return [
    ...(subresources?.status === undefined ? [] : ["status"]),
    ...(subresources?.scale === undefined ? [] : ["scale"]),
  ];
}

function customVersion(definition: Definition, version: DefinitionVersion, since: number): CustomVersion {
  const { spec, metadata } = definition;
  const { schema, subresources } = version;
  return {
    schema: schema?.openAPIV3Schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    columns: version.additionalPrinterColumns,
    selectable: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath),
    scale: subresources?.scale,
    hasStatus: subresources?.status !== undefined,
    listKind: spec.names.listKind ?? `${spec.names.kind}List`,
    otherVersions: spec.versions.map(({ name }) => name).filter((name) => name !== version.name),
    deprecation: deprecationText(definition, version),
    since,
    isTerminating: metadata.deletionTimestamp !== undefined,
  };
}

function deprecationText({ spec }: Definition, version: DefinitionVersion): string | undefined {
  if (version.deprecated !== true) return undefined;
  const { deprecationWarning } = version;
  if (deprecationWarning !== undefined) return deprecationWarning;
  const better = spec.versions
    .filter(
      (other) => other.served && other.deprecated !== true && compareVersions(other.name, version.name) < 0,
    )
    .sort((a, b) => compareVersions(a.name, b.name))[0];
  const text = `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
  return better === undefined ? text : `${text}; use ${spec.group}/${better.name} ${spec.names.kind}`;
}

const VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** Orders versions, best first: v2, v1, v1beta2, v1alpha1, then all others by name (apimachinery version/helpers.go). */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [VERSION.exec(a), VERSION.exec(b)];
  if (left === null || right === null) {
    if (left !== null) return -1;
    if (right !== null) return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const rank = (match: RegExpExecArray): number => (match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0);
  const byRank = rank(right) - rank(left);
  if (byRank !== 0) return byRank;
  return Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0);
}
