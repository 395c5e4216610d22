import type { Kind } from "../../objects/kinds.ts";

const REFERENCE = "#/components/schemas/";
const STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const SCALE = "io.k8s.api.autoscaling.v1.Scale";
const PATCH = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
const DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** The operations of a custom resource: clients find by them what is served, and which options it takes. */
export function pathsOf(kind: Kind, schema: string): Record<string, object> {
  const { group, version, plural, namespaced } = kind;
  const root = `/apis/${group}/${version}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const list = `${schema.slice(0, schema.lastIndexOf("."))}.${kind.custom!.listKind}`;
  const everywhere = namespaced ? { [`${root}/${plural}`]: { get: listing(kind, list) } } : {};
  const one = `${collection}/{name}`;
  const common = namespaced ? [pathParameter("namespace")] : [];
  const named = [pathParameter("name"), ...common];
  const subresources = kind.subresources.map((name): [string, object] => [
    `${one}/${name}`,
    { ...changes(kind, name === "scale" ? SCALE : schema), parameters: named },
  ]);
  return {
    ...everywhere,
    [collection]: {
      get: listing(kind, list),
      post: operation(kind, "post", schema, { query: WRITE, body: schema, created: true }),
      delete: operation(kind, "deletecollection", STATUS, {
        query: [...LIST, ...DELETE],
        body: DELETE_OPTIONS,
      }),
      parameters: common,
    },
    [one]: {
      ...changes(kind, schema),
      delete: operation(kind, "delete", STATUS, { query: DELETE, body: DELETE_OPTIONS }),
      parameters: named,
    },
    ...Object.fromEntries(subresources),
  };
}

type Parameter = object;

function query(name: string, type = "string"): Parameter {
  return { name, in: "query", schema: { type, uniqueItems: true } };
}

function pathParameter(name: string): Parameter {
  return { name, in: "path", required: true, schema: { type: "string", uniqueItems: true } };
}

const WRITE = ["dryRun", "fieldManager", "fieldValidation"].map((name) => query(name));
const DELETE = [
  query("dryRun"),
  query("gracePeriodSeconds", "integer"),
  query("orphanDependents", "boolean"),
  query("propagationPolicy"),
];
const LIST = [
  query("allowWatchBookmarks", "boolean"),
  query("continue"),
  query("fieldSelector"),
  query("labelSelector"),
  query("limit", "integer"),
  query("resourceVersion"),
  query("resourceVersionMatch"),
  query("sendInitialEvents", "boolean"),
  query("timeoutSeconds", "integer"),
  query("watch", "boolean"),
];

function listing(kind: Kind, schema: string): object {
  return operation(kind, "list", schema, { query: LIST });
}

function changes(kind: Kind, schema: string): Record<string, object> {
  return {
    get: operation(kind, "get", schema, {}),
    put: operation(kind, "put", schema, { query: WRITE, body: schema, created: true }),
    patch: operation(kind, "patch", schema, { query: [...WRITE, query("force", "boolean")], patch: true }),
  };
}

interface Parts {
  readonly query?: readonly Parameter[];
  readonly body?: string;
  readonly patch?: boolean;
  readonly created?: boolean;
}

const PATCHES = [
  "application/apply-patch+yaml",
  "application/json-patch+json",
  "application/merge-patch+json",
];

function operation({ group, version, kind }: Kind, action: string, schema: string, parts: Parts): object {
  const answer = { description: "OK", content: content(["application/json", "application/yaml"], schema) };
  const body = parts.patch === true ? content(PATCHES, PATCH) : parts.body && content(["*/*"], parts.body);
  return {
    ...(parts.query === undefined ? {} : { parameters: parts.query }),
    ...(body ? { requestBody: { content: body } } : {}),
    responses: {
      "200": answer,
      ...(parts.created === true ? { "201": { ...answer, description: "Created" } } : {}),
    },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}

function content(types: readonly string[], schema: string): Record<string, object> {
  return Object.fromEntries(types.map((type) => [type, { schema: { $ref: REFERENCE + schema } }]));
}
