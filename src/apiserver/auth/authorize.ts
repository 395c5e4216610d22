import { ApiError } from "../../objects/status.ts";
import type { Call } from "../http/call.ts";
import { type ResourceRequest, verbOf } from "../http/paths.ts";
import { isAuthenticated } from "./user.ts";

/** What everybody may read (the ClusterRole system:public-info-viewer). */
const PUBLIC = /^\/(healthz|livez|readyz)(\/|$)|^\/version\/?$/;

/** @throws ApiError 403 unless the user may do what the request asks for */
export function authorize(call: Call, resource: ResourceRequest | undefined): void {
  if (isAuthenticated(call.user)) return;
  if (PUBLIC.test(call.path) && (call.method === "GET" || call.method === "HEAD")) return;
  if (resource === undefined) {
    const message = `forbidden: User "${call.user.name}" cannot ${call.method.toLowerCase()} path "${call.path}"`;
    throw new ApiError({ message, reason: "Forbidden", details: {} as never, code: 403 });
  }
  throw resourceForbidden(call, resource);
}

function resourceForbidden(
  call: Call,
  { group, plural, namespace, name, subresource }: ResourceRequest,
): ApiError {
  const verb = verbOf(call, name);
  const full = subresource === undefined ? plural : `${plural}/${subresource}`;
  const scope = namespace === undefined ? " at the cluster scope" : ` in the namespace "${namespace}"`;
  const qualified = group === "" ? plural : `${plural}.${group}`;
  const object = name === undefined ? qualified : `${qualified} "${name}"`;
  const why = `User "${call.user.name}" cannot ${verb} resource "${full}" in API group "${group}"${scope}`;
  return new ApiError({
    message: `${object} is forbidden: ${why}`,
    reason: "Forbidden",
    details: { ...(name === undefined ? {} : { name }), ...(group === "" ? {} : { group }), kind: plural },
    code: 403,
  });
}
