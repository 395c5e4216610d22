import { notFound } from "../../objects/status.ts";
import type { Answer, Call } from "../http/call.ts";
import { keyOf } from "../registry/keys.ts";
import { readVersion, tooLarge } from "./list-options.ts";
import { objectReply } from "./negotiate.ts";
import type { Target } from "./target.ts";

/** GET of one object (its `status` subresource shows the whole object too). */
export function get(call: Call, { kind, namespace, name, context }: Target): Answer {
  const version = readVersion(call.query.get("resourceVersion") ?? "") ?? 0;
  if (version > context.store.revision) throw tooLarge(version, context.store.revision);
  const entry = context.store.get(keyOf(kind, namespace, name!));
  if (entry === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name!);
  return objectReply(call, kind, entry.value);
}
