import { createHash } from "node:crypto";
import type { Schema } from "../../objects/crd/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import { documentOf } from "../../objects/schema/documents.ts";
import type { Resources } from "../registry/resources.ts";
import { pathsOf } from "./openapi-paths.ts";

const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
const REFERENCE = "#/components/schemas/";

interface Document {
  readonly body: Buffer;
  readonly hash: string;
}

/** Documents by the first of their kinds, which changes with every definition. */
const documents = new WeakMap<
  Resources,
  Map<string, { readonly kinds: readonly Kind[]; readonly document: Document }>
>();

/**
 * The OpenAPI v3 document of a group and version of custom resources by its path (`apis/<group>/<version>`); undefined
 * when no custom resource is in it. Made when asked for, and again when a definition has changed.
 */
export function customDocument(resources: Resources, path: string): Document | undefined {
  const kinds = resources
    .all()
    .filter((kind) => kind.custom !== undefined && path === `apis/${kind.group}/${kind.version}`);
  if (kinds.length === 0) return undefined;
  let known = documents.get(resources);
  if (known === undefined) {
    known = new Map();
    documents.set(resources, known);
  }
  const made = known.get(path);
  if (
    made !== undefined &&
    made.kinds.length === kinds.length &&
    made.kinds.every((kind, at) => kind === kinds[at])
  ) {
    return made.document;
  }
  const document = makeDocument(kinds);
  known.set(path, { kinds, document });
  return document;
}

function makeDocument(kinds: readonly Kind[]): Document {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, unknown> = {};
  for (const kind of kinds) {
    const name = schemaName(kind);
    schemas[name] = objectSchema(kind);
    schemas[`${nameStart(kind)}.${kind.custom!.listKind}`] = listSchema(kind, name);
    Object.assign(paths, pathsOf(kind, name));
  }
  const { group, version } = kinds[0]!;
  const info = { title: "Kubernetes CRD Swagger", version: "v0.1.0" };
  const components = { schemas: sorted({ ...schemas, ...metaSchemas() }) };
  const body = Buffer.from(JSON.stringify({ openapi: "3.0.0", info, paths: sorted(paths), components }));
  const hash = createHash("sha256").update(`${group}/${version}`).update(body).digest("hex").toUpperCase();
  return { body, hash };
}

/** `io.k8s.networking.gateway.v1`: the group backwards, and the version. */
function nameStart({ group, version }: Kind): string {
  return `${group.split(".").reverse().join(".")}.${version}`;
}

function schemaName(kind: Kind): string {
  return `${nameStart(kind)}.${kind.kind}`;
}

function gvkOf({ group, version }: Kind, kind: string): object {
  return { "x-kubernetes-group-version-kind": [{ group, kind, version }] };
}

const API_VERSION = {
  type: "string",
  description:
    "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized " +
    "schemas to the latest internal value, and may reject unrecognized values. More info: " +
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
};
const KIND = {
  type: "string",
  description:
    "Kind is a string value representing the REST resource this object represents. Servers may infer this from the " +
    "endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: " +
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
};

function objectSchema(kind: Kind): object {
  const { schema } = kind.custom!;
  const metadata = {
    description:
      "Standard object's metadata. More info: " +
      "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    allOf: [{ $ref: `${REFERENCE}${META}.ObjectMeta` }],
  };
  const properties = { ...(schema.properties ?? {}), apiVersion: API_VERSION, kind: KIND, metadata };
  return { ...published(schema), properties, ...gvkOf(kind, kind.kind) };
}

/** The root of a schema; everything below it is published as it is. */
function published(schema: Schema): object {
  const { properties: _, ...root } = schema;
  return { type: "object", ...root };
}

function listSchema(kind: Kind, name: string): object {
  const { listKind } = kind.custom!;
  return {
    description: `${listKind} is a list of ${kind.kind}`,
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: API_VERSION,
      items: {
        description: `List of ${kind.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: "array",
        items: { $ref: REFERENCE + name },
      },
      kind: KIND,
      metadata: {
        description:
          "Standard list metadata. More info: " +
          "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
        allOf: [{ $ref: `${REFERENCE}${META}.ListMeta` }],
      },
    },
    ...gvkOf(kind, listKind),
  };
}

/** The common types that the documents of built-in kinds have as well. */
function metaSchemas(): Record<string, unknown> {
  const { schemas } = documentOf("", "v1");
  const names = Object.keys(schemas).filter(
    (name) => name.startsWith(`${META}.`) || name.includes("runtime.RawExtension"),
  );
  return Object.fromEntries(names.map((name) => [name, schemas[name]]));
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
