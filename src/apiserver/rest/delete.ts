import { ApiError } from "../../objects/status.ts";
import type { Answer, Call } from "../http/call.ts";
import { jsonReply } from "../http/replies.ts";
import { deleteAdmitted } from "../admission/write.ts";
import { keepsDependents } from "../registry/delete.ts";
import { decodeObject } from "../registry/encoding.ts";
import { isReturnedWhenDeleted } from "../registry/facts.ts";
import { prefixOf } from "../registry/keys.ts";
import { readDeleteOptions } from "./delete-options.ts";
import { readListOptions } from "./list-options.ts";
import { listReply, objectReply } from "./negotiate.ts";
import { selectionOf } from "./selection.ts";
import type { Target } from "./target.ts";

/** DELETE of one object. */
export async function remove(call: Call, { kind, namespace, name, context }: Target): Promise<Answer> {
  const options = await readDeleteOptions(call);
  const deleted = await deleteAdmitted(context, call.user, { kind, namespace, name: name! }, options);
  const keeps = keepsDependents(kind) && options.propagation === undefined;
  const warnings = keeps ? [KEPT, ...deleted.warnings] : deleted.warnings;
  // only the old parameter is told that the deletion goes on, for the sake of old clients (handlers/delete.go)
  const status = !deleted.gone && options.cascades === true ? 202 : 200;
  if (!deleted.gone || isReturnedWhenDeleted(kind)) {
    return objectReply(call, kind, deleted.text, { status, warnings });
  }
  const details = {
    name: name!,
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.plural,
    uid: deleted.uid,
  };
  const reply = jsonReply({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
  return { ...reply, warnings };
}

const KEPT =
  "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set " +
  "propagationPolicy=Orphan to suppress this warning";

/** DELETE of a collection: each selected object as if it were deleted alone. */
export async function removeCollection(call: Call, { kind, namespace, context }: Target): Promise<Answer> {
  readListOptions(call, false);
  const selection = selectionOf(call, kind);
  const options = await readDeleteOptions(call);
  const range = context.store.range(prefixOf(kind, namespace));
  const chosen = range.entries
    .map(({ value }) => ({ value, object: decodeObject(value) }))
    .filter(({ object }) => selection === undefined || selection(object));
  const deletions = chosen.map(({ object: { metadata } }) =>
    deleteAdmitted(
      context,
      call.user,
      { kind, namespace: metadata.namespace, name: metadata.name },
      options,
    ).catch(ignoreGone),
  );
  await Promise.all(deletions);
  const texts = chosen.map(({ value }) => value);
  return listReply(call, kind, texts, { resourceVersion: String(context.store.revision) });
}

/** Somebody else was faster. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof ApiError) || error.code !== 404) throw error;
}
