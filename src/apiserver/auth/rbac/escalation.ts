import { KINDS } from "../../../objects/kinds.ts";
import { sameJson } from "../../../objects/index.ts";
import {
  type ClusterRole,
  type PolicyRule,
  RBAC_GROUP,
  type RoleBinding,
  type RoleRef,
} from "../../../objects/rbac/types.ts";
import { forbiddenRequest, notFound } from "../../../objects/status.ts";
import type { AnyObject } from "../../../objects/types.ts";
import type { Produce } from "../../registry/write.ts";
import type { Target } from "../../rest/target.ts";
import { aggregate, type Authorizer } from "../authorizer.ts";
import type { User } from "../user.ts";
import { describeRules, quoted, uncovered } from "./cover.ts";

/** Everything. */
const FULL: readonly PolicyRule[] = [
  { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
  { nonResourceURLs: ["*"], verbs: ["*"] },
];

/**
 * Keeps users from giving rights that they do not have: who writes a role or a binding must hold all that it grants, or
 * may `escalate` that role or `bind` the role bound (pkg/registry/rbac/*\/policybased).
 * @param next decoded and defaulted
 * @throws ApiError 403, or 404 when the role bound does not exist
 */
export function guardRights(user: User, target: Target, next: AnyObject, stored?: AnyObject): void {
  const { authorizer } = target.context.access;
  if (target.kind.group !== RBAC_GROUP || authorizer.isMaster(user)) return;
  if (stored !== undefined && grantsTheSame(next, stored)) return;
  if (target.kind === KINDS.Role || target.kind === KINDS.ClusterRole) {
    guardRole(user, target, next as unknown as ClusterRole, stored as unknown as ClusterRole | undefined);
  } else guardBinding(user, target, next as unknown as RoleBinding);
}

/** An update that {@link guardRights} looks at before anything of it happens. */
export function guarded(user: User, target: Target, produce: Produce): Produce {
  if (target.kind.group !== RBAC_GROUP) return produce;
  return (stored) => {
    const made = produce(stored === undefined ? undefined : structuredClone(stored));
    guardRights(user, target, made.object, stored);
    return made;
  };
}

/** Whether an update touches owners and finalizers only, as garbage collection does. */
function grantsTheSame(next: AnyObject, stored: AnyObject): boolean {
  const content = ({ metadata, ...rest }: AnyObject): object => {
    return { ...rest, labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} };
  };
  return sameJson(content(next), content(stored));
}

function guardRole(user: User, target: Target, next: ClusterRole, stored: ClusterRole | undefined): void {
  const { kind, namespace = "", context } = target;
  const { authorizer } = context.access;
  const attributes = { group: kind.group, resource: kind.plural, subresource: "", namespace };
  if (authorizer.allows(user, { ...attributes, verb: "escalate", name: target.name ?? "" })) return;
  const name = next.metadata.name ?? "";
  const why = whyMore(authorizer, user, namespace, next.rules ?? []);
  if (why !== undefined) throw forbiddenRequest({ group: kind.group, kind: kind.plural }, name, why);
  if (next.aggregationRule === undefined && stored?.aggregationRule === undefined) return;
  if (whyMore(authorizer, user, namespace, FULL) === undefined) return;
  const needed = "must have cluster-admin privileges to use the aggregationRule";
  throw forbiddenRequest({ group: kind.group, kind: kind.plural }, name, needed);
}

function guardBinding(user: User, { kind, namespace = "", context }: Target, next: RoleBinding): void {
  const { authorizer } = context.access;
  const { roleRef } = next;
  const resource = resourceOf(roleRef);
  if (resource === undefined) return;
  const bind = { verb: "bind", group: roleRef.apiGroup, resource, subresource: "", namespace };
  if (authorizer.allows(user, { ...bind, name: roleRef.name })) return;
  const rules = authorizer.rulesOf(roleRef, namespace);
  if (rules === undefined) throw notFound({ group: RBAC_GROUP, kind: resource }, roleRef.name);
  const why = whyMore(authorizer, user, namespace, rules);
  const name = next.metadata.name ?? "";
  if (why !== undefined) throw forbiddenRequest({ group: kind.group, kind: kind.plural }, name, why);
}

/** Undefined for what is no role: validation will say so. */
function resourceOf({ kind }: RoleRef): string | undefined {
  if (kind === "ClusterRole") return KINDS.ClusterRole.plural;
  return kind === "Role" ? KINDS.Role.plural : undefined;
}

/** Why these rules are more than a user has; undefined when they are not. */
function whyMore(
  authorizer: Authorizer,
  user: User,
  namespace: string,
  wanted: readonly PolicyRule[],
): string | undefined {
  const held = authorizer.rulesFor(user, namespace);
  const missing = uncovered(held.rules, wanted);
  if (missing.length === 0) return undefined;
  const who = `user ${JSON.stringify(user.name)} (groups=${quoted(user.groups)})`;
  const errors = held.errors.length === 0 ? "" : `; resolution errors: [${aggregate(held.errors)}]`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${describeRules(missing)}${errors}`;
}
