import { KINDS, type Kind } from "../../objects/kinds.ts";
import { ApiError, forbiddenRequest, notFound } from "../../objects/status.ts";
import type { Namespace } from "../../objects/types.ts";
import type { Transaction } from "../../store/contract.ts";
import { keyOf } from "./keys.ts";

/** The namespaces that every cluster has. */
export const SYSTEM_NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"] as const;
/** Those that may not be deleted (admission plugin NamespaceLifecycle). */
const IMMORTAL = new Set(["default", "kube-system", "kube-public"]);

/**
 * Lets an object be created in its namespace only while that exists and is not going away (admission plugin
 * NamespaceLifecycle).
 * @throws ApiError 404 or 403
 */
export function requireLiveNamespace(
  tx: Transaction<string>,
  kind: Kind,
  namespace: string,
  name: string,
): void {
  const entry = tx.get(keyOf(KINDS.Namespace, undefined, namespace));
  if (entry === undefined) throw notFound({ group: "", kind: "namespaces" }, namespace);
  if (!entry.value.includes('"deletionTimestamp"')) return;
  const stored = JSON.parse(entry.value) as Namespace;
  if (stored.metadata.deletionTimestamp !== undefined) throw terminating(kind, namespace, name);
}

function terminating(kind: Kind, namespace: string, name: string): ApiError {
  const message = `namespace ${namespace} is being terminated`;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const error = forbiddenRequest({ group: kind.group, kind: kind.plural }, name, why);
  const causes = [{ reason: "NamespaceTerminating", message, field: "metadata.namespace" }];
  return new ApiError({ ...error.status, details: { ...error.status.details, causes } });
}

/** @throws ApiError 403 for the namespaces that a cluster cannot be without */
export function refuseImmortal(kind: Kind, name: string): void {
  if (kind.kind !== "Namespace" || !IMMORTAL.has(name)) return;
  throw forbiddenRequest({ group: "", kind: "namespaces" }, name, "this namespace may not be deleted");
}
