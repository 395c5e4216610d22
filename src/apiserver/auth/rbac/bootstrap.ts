import { type Kind, KINDS } from "../../../objects/kinds.ts";
import { type ClusterRole, RBAC_GROUP, type RoleBinding } from "../../../objects/rbac/types.ts";
import type { AnyObject } from "../../../objects/types.ts";
import type { Transaction } from "../../../store/contract.ts";
import type { ApiContext } from "../../context.ts";
import { encodeObject } from "../../registry/encoding.ts";
import { keyOf } from "../../registry/keys.ts";
import { createIn } from "../../registry/write.ts";
import { AGGREGATE_LABEL, aggregateIn } from "./aggregate.ts";
import { BOOTSTRAP_ROLES, type BootstrapRole, subjectsOf } from "./bootstrap-roles.ts";
import { uncovered } from "./cover.ts";

const LABELS = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate";

/**
 * Makes the ClusterRoles and ClusterRoleBindings that every cluster has. Those that are there get back what they lack
 * and keep what somebody added, unless their annotation `autoupdate` is "false" (rbac/reconciliation).
 */
export function bootstrapRoles(context: ApiContext, tx: Transaction<string>): void {
  for (const role of BOOTSTRAP_ROLES) {
    ensure<ClusterRole>(context, tx, KINDS.ClusterRole, roleObject(role), addMissingRules);
    if (subjectsOf(role).length === 0) continue;
    ensure<RoleBinding>(context, tx, KINDS.ClusterRoleBinding, bindingObject(role), addMissingSubjects);
  }
  aggregateIn(tx);
}

function roleObject(role: BootstrapRole): AnyObject & ClusterRole {
  const partOf = (role.partOf ?? []).map((name) => [`${AGGREGATE_LABEL}${name}`, "true"]);
  const labels = { ...LABELS, ...Object.fromEntries(partOf) };
  const matchLabels = { [`${AGGREGATE_LABEL}${role.aggregates}`]: "true" };
  const aggregation = { aggregationRule: { clusterRoleSelectors: [{ matchLabels }] } };
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: "ClusterRole",
    metadata: { annotations: { [AUTO_UPDATE]: "true" }, labels, name: role.name },
    ...(role.aggregates === undefined ? {} : aggregation),
    rules: structuredClone(role.rules ?? null) as ClusterRole["rules"],
  };
}

function bindingObject(role: BootstrapRole): AnyObject & RoleBinding {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { annotations: { [AUTO_UPDATE]: "true" }, labels: { ...LABELS }, name: role.name },
    roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name: role.name },
    subjects: subjectsOf(role),
  };
}

/** @param mend adds to the stored object what it lacks; false when it lacks nothing */
function ensure<T>(
  context: ApiContext,
  tx: Transaction<string>,
  kind: Kind,
  wanted: AnyObject & T,
  mend: (stored: T, wanted: T) => boolean,
): void {
  const key = keyOf(kind, undefined, wanted.metadata.name);
  const entry = tx.get(key);
  if (entry === undefined) {
    createIn(context, tx, { kind, namespace: undefined, dryRun: false }, wanted);
    return;
  }
  const stored = JSON.parse(entry.value) as AnyObject & T;
  if (stored.metadata.annotations?.[AUTO_UPDATE] === "false") return;
  if (mend(stored, wanted)) tx.put(key, encodeObject(kind, stored, tx.revision));
}

function addMissingRules(stored: ClusterRole, wanted: ClusterRole): boolean {
  if (wanted.aggregationRule !== undefined) return false;
  const missing = uncovered(stored.rules ?? [], wanted.rules ?? []);
  if (missing.length === 0) return false;
  stored.rules = [...(stored.rules ?? []), ...missing];
  return true;
}

function addMissingSubjects(stored: RoleBinding, wanted: RoleBinding): boolean {
  const present = stored.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter(
    ({ kind, name }) => !present.some((subject) => subject.kind === kind && subject.name === name),
  );
  if (missing.length === 0) return false;
  stored.subjects = [...present, ...missing];
  return true;
}
