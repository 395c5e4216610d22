import { EVICTION } from "../../objects/kinds.ts";
import { badRequest } from "../../objects/status.ts";
import type { Answer, Call } from "../http/call.ts";
import { jsonReply } from "../http/replies.ts";
import type { AnyObject, Pod } from "../../objects/types.ts";
import { admitted } from "../admission/write.ts";
import { deleteOne } from "../registry/delete.ts";
import { spendDisruption } from "../registry/disruption.ts";
import { decodeObject } from "../registry/encoding.ts";
import { keyOf } from "../registry/keys.ts";
import { readPlain } from "./body.ts";
import { type DeleteOptions, optionsOf } from "./delete-options.ts";
import { writeQuery } from "./options.ts";
import type { Target } from "./target.ts";

interface Asked {
  readonly metadata?: { readonly name?: unknown };
  readonly deleteOptions?: Record<string, unknown>;
}

/** POST pods/<name>/eviction: a deletion that a PodDisruptionBudget may refuse. */
export async function evict(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, name, context } = target;
  const eviction = (await readPlain(call, EVICTION)) as Asked | null | undefined;
  if ((eviction?.metadata?.name ?? "") !== name) {
    throw badRequest("name in URL does not match name in Eviction object");
  }
  const asked = eviction?.deleteOptions ?? {};
  if (asked === null || typeof asked !== "object") throw badRequest("deleteOptions must be an object");
  const { dryRun } = writeQuery(call, "create");
  const given = optionsOf(asked);
  const options = { ...given, dryRun: dryRun || given.dryRun };
  const { warnings } = await admitted(context, {
    ...{ operation: "CREATE", kind, subresource: "eviction", namespace, name: name!, user: call.user },
    dryRun: options.dryRun,
    objectKind: { apiVersion: "policy/v1", kind: "Eviction" },
    object: { apiVersion: "policy/v1", kind: "Eviction", ...eviction } as AnyObject,
  });
  await deleteWithinBudget(target, options);
  const done = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  return { ...jsonReply(done, 201), warnings };
}

/** Both in one transaction: a deletion that is refused after all costs the budget nothing. */
function deleteWithinBudget(
  { kind, namespace, name, context }: Target,
  options: DeleteOptions,
): Promise<unknown> {
  return context.store.transact((tx) => {
    const entry = tx.get(keyOf(kind, namespace, name!));
    const pod = entry && (decodeObject(entry.value) as Pod);
    if (pod !== undefined) spendDisruption(tx, pod, context.now(), options.dryRun);
    return deleteOne(context, tx, { kind, namespace, name: name! }, options);
  });
}
