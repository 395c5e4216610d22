import type { Call } from "../http/call.ts";
import { isTrue, type ResourceRequest } from "../http/paths.ts";

/** What somebody wants to do to a resource; "" stands for none, or for all. */
export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** What somebody wants to do to a path that is no resource's. */
export interface PathAttributes {
  readonly verb: string;
  readonly path: string;
}

/** What a decision is about (apiserver's authorizer.Attributes). */
export type Attributes = ResourceAttributes | PathAttributes;

/** Whether the attributes are those of a resource. */
export function isResource(attributes: Attributes): attributes is ResourceAttributes {
  return "resource" in attributes;
}

type Asked = Pick<Call, "method" | "path" | "query">;

/** What a request asks for (apiserver's RequestInfoFactory). */
export function attributesOf(call: Asked, resource: ResourceRequest | undefined): Attributes {
  if (resource === undefined) return { verb: call.method.toLowerCase(), path: call.path };
  const { group, plural, namespace, subresource = "" } = resource;
  const verb = verbOf(call, resource);
  const isList = resource.name === undefined && (verb === "list" || verb === "watch");
  const name = resource.name ?? (isList ? nameSelected(call.query) : "");
  const isNamespace = group === "" && plural === "namespaces" && namespace === undefined;
  return {
    verb,
    group,
    resource: plural,
    subresource: subresource.split("/", 1)[0]!,
    // a namespace counts as one of its own objects, so that its roles can allow to read it
    namespace: isNamespace ? (resource.name ?? "") : (namespace ?? ""),
    name,
  };
}

const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

function verbOf({ method, query }: Asked, { name, watch }: ResourceRequest): string {
  if (watch === true) return "watch";
  const verb = VERBS[method] ?? "";
  if (name !== undefined) return verb;
  if (verb === "get") return isTrue(query.get("watch")) ? "watch" : "list";
  return verb === "delete" ? "deletecollection" : verb;
}

/** The one name that a list's field selector asks for, so that rules with resourceNames can allow it; else "". */
function nameSelected(query: URLSearchParams): string {
  const parts = (query.get("fieldSelector") ?? "").split(",");
  const names = parts.map((part) => /^metadata\.name==?([^=/%\\]+)$/.exec(part.trim())?.[1]);
  return names.find((name) => name !== undefined && name !== "." && name !== "..") ?? "";
}
