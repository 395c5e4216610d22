import type { Definition } from "./types.ts";

/** Static defaults of a definition (apiextensions v1/defaults.go). */
export function defaultDefinition({ spec }: Definition): void {
  if (spec === undefined) return;
  const { names } = spec;
  if (names?.kind) {
    names.singular ||= names.kind.toLowerCase();
    names.listKind ||= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: "None" };
}
