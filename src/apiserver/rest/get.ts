import { notFound } from "../../objects/status.ts";
import type { Answer, Call } from "../http/call.ts";
import { keyOf } from "../registry/keys.ts";
import { objectReply } from "./negotiate.ts";
import type { Target } from "./target.ts";

/** GET of one object (its `status` subresource shows the whole object too). */
export function get(call: Call, { kind, namespace, name, context }: Target): Answer {
  const entry = context.store.get(keyOf(kind, namespace, name!));
  if (entry === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name!);
  return objectReply(call, kind, entry.value);
}
