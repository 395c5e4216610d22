import { readFileSync } from "node:fs";
import type { Kind } from "../kinds.ts";

/** The part of an OpenAPI v3 schema that decoding and patching read. */
export interface OpenApiSchema {
  readonly type?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly $ref?: string;
  readonly allOf?: readonly OpenApiSchema[];
  readonly oneOf?: readonly OpenApiSchema[];
  readonly items?: OpenApiSchema;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly required?: readonly string[];
  readonly "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
}

/** The schemas of one group and version by their full names. */
export interface SchemaDocument {
  readonly schemas: Readonly<Record<string, OpenApiSchema>>;
}

const documents = new Map<string, SchemaDocument>();

/** Kinds that are only bodies of subresources; their schemas are in the document of the resource. */
const BODIES = new Set(["authentication.k8s.io/v1/TokenRequest"]);

/** The document that describes a kind. */
export function documentOfKind(kind: Pick<Kind, "group" | "version" | "kind">): SchemaDocument {
  const isBody = BODIES.has(`${kind.group}/${kind.version}/${kind.kind}`);
  return documentOf(isBody ? "" : kind.group, kind.version);
}

/** The document of a group and version as the server publishes it; read once, when first asked for. */
export function documentOf(group: string, version: string): SchemaDocument {
  const name = group === "" ? `api__${version}` : `apis__${group}__${version}`;
  let document = documents.get(name);
  if (document === undefined) {
    const file = new URL(`../../../data/openapi/${name}.json`, import.meta.url);
    const parsed = JSON.parse(readFileSync(file, "utf8")) as { components: SchemaDocument };
    document = { schemas: parsed.components.schemas };
    documents.set(name, document);
  }
  return document;
}

/**
 * The full name of a kind's schema in its document, such as `io.k8s.api.core.v1.Pod`.
 * @throws Error when the documents do not describe the kind
 */
export function schemaNameOf(
  document: SchemaDocument,
  kind: Pick<Kind, "group" | "version" | "kind">,
): string {
  for (const [name, schema] of Object.entries(document.schemas)) {
    const gvks = schema["x-kubernetes-group-version-kind"] ?? [];
    if (
      gvks.some((gvk) => gvk.kind === kind.kind && gvk.group === kind.group && gvk.version === kind.version)
    ) {
      return name;
    }
  }
  throw new Error(`no schema for ${kind.kind} in ${kind.group || "core"}/${kind.version}`);
}
