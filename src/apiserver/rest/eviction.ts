import { badRequest } from "../../objects/status.ts";
import type { Answer, Call } from "../http/call.ts";
import { jsonReply } from "../http/replies.ts";
import type { AnyObject } from "../../objects/types.ts";
import { admitted } from "../admission/write.ts";
import { deleteObject } from "../registry/delete.ts";
import { readObjectBody } from "./body.ts";
import { optionsOf } from "./delete-options.ts";
import { writeQuery } from "./options.ts";
import type { Target } from "./target.ts";

/** POST pods/<name>/eviction: a deletion; there are no disruption budgets that could refuse it. */
export async function evict(call: Call, { kind, namespace, name, context }: Target): Promise<Answer> {
  const { text } = await readObjectBody(call);
  let eviction: { metadata?: { name?: unknown }; deleteOptions?: Record<string, unknown> } | null;
  try {
    eviction = JSON.parse(text);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
  if ((eviction?.metadata?.name ?? "") !== name) {
    throw badRequest("name in URL does not match name in Eviction object");
  }
  const asked = eviction?.deleteOptions ?? {};
  if (asked === null || typeof asked !== "object") throw badRequest("deleteOptions must be an object");
  const { dryRun } = writeQuery(call, "create");
  const options = optionsOf(asked);
  const { warnings } = await admitted(context, {
    ...{ operation: "CREATE", kind, subresource: "eviction", namespace, name: name!, user: call.user },
    dryRun: dryRun || options.dryRun,
    objectKind: { apiVersion: "policy/v1", kind: "Eviction" },
    object: { apiVersion: "policy/v1", kind: "Eviction", ...eviction } as AnyObject,
  });
  await deleteObject(
    context,
    { kind, namespace, name: name! },
    { ...options, dryRun: dryRun || options.dryRun },
  );
  const done = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  return { ...jsonReply(done, 201), warnings };
}
