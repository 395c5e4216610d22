import { ApiError } from "../status.ts";
import { type FieldSet, hasPath, paths, setOf } from "./field-set.ts";
import { compareText, goQuote } from "./go-text.ts";
import type { Manager } from "./managers.ts";
import { type PathElement, pathText } from "./path-element.ts";

/** A field that a configuration wants otherwise than its manager. */
export interface Conflict {
  /** Of the manager; conflicts are told in the order of identifiers. */
  readonly identifier: string;
  readonly manager: Manager;
  readonly path: readonly PathElement[];
}

/** What stands in the way of applying a configuration. */
export class ConflictsError extends Error {
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(conflictsText(conflicts));
    this.conflicts = conflicts;
  }
}

/** All conflicts with one manager. */
export function conflictsWith(identifier: string, manager: Manager, fields: FieldSet): Conflict[] {
  return [...paths(fields)].map((path) => ({ identifier, manager, path }));
}

/** The conflicts whose fields are not in a set. */
export function conflictsOutside(conflicts: readonly Conflict[], set: FieldSet): Conflict[] {
  return conflicts.filter(({ path }) => !hasPath(set, path));
}

/** The fields of conflicts. */
export function conflictingFields(conflicts: readonly Conflict[]): FieldSet {
  return setOf(...conflicts.map(({ path }) => path));
}

/** 409: `Apply failed with 1 conflict: conflict with "bob": .data.k1` (apimachinery conflict.go). */
export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${managerText(manager)}`,
    field: pathText(path),
  }));
  return new ApiError({
    message: conflictsText(conflicts),
    reason: "Conflict",
    details: { causes },
    code: 409,
  });
}

function conflictsText(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${managerText(first.manager)}: ${pathText(first.path)}`;
  }
  const lines: string[] = [];
  const identifiers = [...new Set(conflicts.map(({ identifier }) => identifier))].sort(compareText);
  for (const identifier of identifiers) {
    const own = conflicts.filter((conflict) => conflict.identifier === identifier);
    lines.push(`conflicts with ${managerText(own[0]?.manager)}:`);
    for (const { path } of own) lines.push(`- ${pathText(path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}

/** `"bob"`, `"kubelet" with subresource "status" using v1`. */
function managerText(manager: Manager | undefined): string {
  if (manager === undefined) return "";
  const { manager: name, operation, apiVersion, subresource } = manager;
  const via = subresource === "" ? "" : ` with subresource ${goQuote(subresource)}`;
  return `${goQuote(name)}${via}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}
