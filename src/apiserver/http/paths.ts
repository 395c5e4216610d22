import type { Call } from "./call.ts";

/** The parts of a path below /api/v1 or /apis/<group>/<version>. */
export interface ResourceRequest {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace?: string;
  readonly name?: string;
  /** `status`, or several parts: `proxy/a/b`. */
  readonly subresource?: string;
  /** The deprecated form /api/v1/watch/…. */
  readonly watch?: boolean;
}

const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);

/**
 * Reads the path of a resource (apiserver's RequestInfoFactory); undefined when it is none.
 * @throws URIError when a part is not valid percent-encoding
 */
export function parseResourcePath(path: string): ResourceRequest | undefined {
  const parts = path.split("/").slice(1);
  if (parts.at(-1) === "") parts.pop();
  const root = parts.shift();
  const group = root === "api" ? "" : root === "apis" ? decodeURIComponent(parts.shift() ?? "") : undefined;
  const version = parts.shift();
  if (group === undefined || (root === "apis" && group === "") || version === undefined) return undefined;
  const watch = parts[0] === "watch" && parts.length > 1;
  if (watch) parts.shift();
  if (parts.length === 0 || parts.some((part) => part === "")) return undefined;
  const place = placeOf(parts.map(decodeURIComponent));
  return place === undefined ? undefined : { group, version, ...place, ...(watch ? { watch } : {}) };
}

type Place = Pick<ResourceRequest, "plural" | "namespace" | "name" | "subresource">;

function placeOf(parts: readonly string[]): Place | undefined {
  const [first, second, third] = parts;
  if (first === "namespaces" && third !== undefined && !NAMESPACE_SUBRESOURCES.has(third)) {
    return { namespace: second!, ...resourceOf(parts.slice(2)) };
  }
  return first === undefined ? undefined : resourceOf(parts);
}

function resourceOf(parts: readonly string[]): Omit<Place, "namespace"> {
  const [plural, name, ...rest] = parts;
  return {
    plural: plural!,
    ...(name === undefined ? {} : { name }),
    ...(rest.length === 0 ? {} : { subresource: rest.join("/") }),
  };
}

/** The API verb of a request: `list`, `watch`, `deletecollection` and so on. */
export function verbOf(call: Call, name: string | undefined): string {
  switch (call.method) {
    case "GET":
    case "HEAD":
      if (name !== undefined) return "get";
      return isTrue(call.query.get("watch")) ? "watch" : "list";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return name === undefined ? "deletecollection" : "delete";
    default:
      return call.method.toLowerCase();
  }
}

/** Whether a query parameter means yes (Go's conversion of bool parameters: only these mean no). */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}
