import { deprecationOf } from "../../objects/index.ts";
import { isReview, serveReview } from "../auth/reviews/serve.ts";
import type { ApiContext } from "../context.ts";
import { verbsOf } from "../discovery/verbs.ts";
import { type Answer, type Call, STREAMED } from "../http/call.ts";
import { isTrue, type ResourceRequest, verbOf } from "../http/paths.ts";
import { methodNotAllowed, pageNotFound, resourceNotServed } from "../http/replies.ts";
import { remove, removeCollection } from "./delete.ts";
import { isReportedEvent, serveReportedEvents } from "./events.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { serveSubresource } from "./subresources.ts";
import type { Target } from "./target.ts";
import { watch } from "./watch.ts";
import { create, patch, update } from "./write.ts";

/** Answers a request for a resource. @throws ApiError */
export function serveResource(
  call: Call,
  context: ApiContext,
  request: ResourceRequest,
): Answer | Promise<Answer> {
  const { group, version, plural, namespace, name, subresource } = request;
  const kind = context.resources.find(group, version, plural);
  if (kind === undefined) return notServed(context, request);
  const target: Target = { context, kind, namespace, name, subresource };
  if (!kind.namespaced && namespace !== undefined) throw resourceNotServed();
  if (isReview(kind)) return serveReview(call, target);
  if (kind.namespaced && namespace === undefined && name !== undefined) throw resourceNotServed();
  if (subresource !== undefined) return serveSubresource(call, target);
  if (isReportedEvent(kind)) return serveReportedEvents(call, target, verbAsked(call, request));
  const answer =
    name === undefined ? serveCollection(call, target, request) : serveObject(call, target, request);
  const deprecation = deprecationOf(kind);
  return deprecation === undefined ? answer : withWarning(answer, deprecation);
}

/** The verb of a request, `watch` in all of its forms; "" for one that collections or objects do not know. */
function verbAsked(call: Call, { namespace, name, watch: watched }: ResourceRequest): string {
  const verb = verbOf(call, name);
  const isRead = verb === "get" || verb === "list";
  if (isRead && (watched === true || isTrue(call.query.get("watch")))) return "watch";
  if (verb === "create") return name === undefined && namespace !== undefined ? verb : "";
  return verb === "deletecollection" && namespace === undefined ? "" : verb;
}

async function withWarning(answer: Answer | Promise<Answer>, text: string): Promise<Answer> {
  const reply = await answer;
  return reply === STREAMED ? reply : { ...reply, warnings: [text, ...(reply.warnings ?? [])] };
}

/** A group that is not known at all is answered by the server's mux, not by the API. */
function notServed({ resources }: ApiContext, { group }: ResourceRequest): Answer {
  const isKnown = group === "" || resources.groupVersions().some((served) => served.group === group);
  if (!isKnown) return pageNotFound();
  throw resourceNotServed();
}

function serveCollection(
  call: Call,
  target: Target,
  { watch: watched }: ResourceRequest,
): Answer | Promise<Answer> {
  const verb = verbOf(call, undefined);
  requireVerb(target, watched === true ? "watch" : verb);
  if (verb === "watch" || (verb === "list" && watched === true)) return watch(call, target);
  if (verb === "list") return list(call, target);
  if (verb === "create" && (target.namespace !== undefined || !target.kind.namespaced))
    return create(call, target);
  if (verb === "deletecollection" && (target.namespace !== undefined || !target.kind.namespaced))
    return removeCollection(call, target);
  throw methodNotAllowed();
}

function serveObject(
  call: Call,
  target: Target,
  { watch: watched }: ResourceRequest,
): Answer | Promise<Answer> {
  const verb = verbOf(call, target.name);
  requireVerb(target, verb);
  switch (verb) {
    case "get":
      return watched === true || isTrue(call.query.get("watch")) ? watch(call, target) : get(call, target);
    case "update":
      return update(call, target);
    case "patch":
      return patch(call, target);
    case "delete":
      return remove(call, target);
    default:
      throw methodNotAllowed();
  }
}

function requireVerb({ kind }: Target, verb: string): void {
  if (!verbsOf(kind).includes(verb)) throw methodNotAllowed();
  // what can only be created is a question, answered elsewhere and never stored
  if (!verbsOf(kind).includes("get")) throw resourceNotServed();
}
