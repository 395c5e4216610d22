import { type ApiError, notFound } from "../../objects/status.ts";
import { requestToken } from "../auth/tokens/request.ts";
import type { Answer, Call } from "../http/call.ts";
import { verbOf } from "../http/paths.ts";
import { methodNotAllowed, resourceNotServed } from "../http/replies.ts";
import { serveStream } from "../streams/pods.ts";
import { bind } from "./binding.ts";
import { evict } from "./eviction.ts";
import { get } from "./get.ts";
import { serveScale } from "./scale.ts";
import type { Target } from "./target.ts";
import { patch, update } from "./write.ts";

type Serve = (call: Call, target: Target, verb: string) => Answer | Promise<Answer>;

const HANDLERS: Readonly<Record<string, Serve>> = {
  status: changed,
  ephemeralcontainers: changed,
  finalize: (call, target, verb) => only(verb, "update", () => update(call, target)),
  scale: serveScale,
  binding: (call, target, verb) => only(verb, "create", () => bind(call, target)),
  eviction: (call, target, verb) => only(verb, "create", () => evict(call, target)),
  token: (call, target, verb) => only(verb, "create", () => requestToken(call, target)),
  log: (call, target, verb) => only(verb, "get", () => serveStream(call, target)),
  exec: serveStream,
  attach: serveStream,
  portforward: serveStream,
};

/** Answers a request for a subresource. @throws ApiError 404 when the kind has none of this name */
export function serveSubresource(call: Call, target: Target): Answer | Promise<Answer> {
  const name = target.subresource!;
  const serve = target.kind.subresources.includes(name) ? HANDLERS[name] : undefined;
  if (serve === undefined) throw notServed(target);
  return serve(call, target, verbOf(call, target.name));
}

/** Of custom resources the object is what is not found. */
function notServed({ kind, name }: Target): ApiError {
  return kind.custom === undefined
    ? resourceNotServed()
    : notFound({ group: kind.group, kind: kind.plural }, name!);
}

function changed(call: Call, target: Target, verb: string): Answer | Promise<Answer> {
  if (verb === "get") return get(call, target);
  if (verb === "update") return update(call, target);
  if (verb === "patch") return patch(call, target);
  throw methodNotAllowed();
}

function only<T>(verb: string, wanted: string, serve: () => T): T {
  if (verb !== wanted) throw methodNotAllowed();
  return serve();
}
