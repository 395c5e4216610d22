import type { Call } from "../http/call.ts";
import type { ResourceRequest } from "../http/paths.ts";
import { attributesOf, isResource } from "./attributes.ts";
import type { Authorizer } from "./authorizer.ts";
import { forbidden } from "./forbidden.ts";

/** Streams that let a user act inside of a pod: reading alone does not allow them, since a WebSocket begins as a GET. */
const STREAMS = new Set(["attach", "exec", "portforward"]);

/** @throws ApiError 403 unless the request's user may do what it asks for */
export function authorize(
  call: Pick<Call, "method" | "path" | "query" | "user">,
  resource: ResourceRequest | undefined,
  authorizer: Authorizer,
): void {
  const { user } = call;
  const wanted = attributesOf(call, resource);
  if (!authorizer.allows(user, wanted)) throw forbidden(user, wanted, authorizer.decide(user, wanted).reason);
  if (!isResource(wanted) || wanted.verb !== "get") return;
  if (wanted.group !== "" || wanted.resource !== "pods" || !STREAMS.has(wanted.subresource)) return;
  // feature AuthorizePodWebsocketUpgradeCreatePermission
  const create = { ...wanted, verb: "create" };
  if (!authorizer.allows(user, create)) throw forbidden(user, create, authorizer.decide(user, create).reason);
}
