import type { PolicyRule, RoleRef, Subject } from "../../objects/rbac/types.ts";
import type { Attributes } from "./attributes.ts";
import { isResource } from "./attributes.ts";
import { type Binding, type Policy, subjectOf } from "./rbac/policy.ts";
import { ruleAllows } from "./rbac/rules.ts";
import { MASTERS, type User } from "./user.ts";

/** Whether something is allowed, and why or why not; "" where nothing more is to be said. */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** The rules that hold for a user, and what kept others from being found. */
export interface HeldRules {
  readonly rules: readonly PolicyRule[];
  readonly errors: readonly string[];
}

/** Paths that everybody may ask for, so that health can be told before any role is there (--authorization-always-allow-paths). */
const ALWAYS_ALLOWED = new Set(["/healthz", "/livez", "/readyz"]);

/** Decides who may do what: the group system:masters everything, others what their roles say (RBAC). */
export class Authorizer {
  readonly #policy: Policy;

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** Whether a user may do something. */
  allows(user: User, wanted: Attributes): boolean {
    return isAlwaysAllowed(wanted) || this.isMaster(user) || this.#grantOf(user, wanted) !== undefined;
  }

  /** Whether a user may do something, with the real server's reasons. */
  decide(user: User, wanted: Attributes): Decision {
    if (isAlwaysAllowed(wanted) || this.isMaster(user)) return { allowed: true, reason: "" };
    const binding = this.#grantOf(user, wanted);
    if (binding !== undefined) {
      return { allowed: true, reason: `RBAC: allowed by ${describe(binding, user)}` };
    }
    const { errors } = this.rulesFor(user, isResource(wanted) ? wanted.namespace : "");
    return { allowed: false, reason: errors.length === 0 ? "" : `RBAC: ${aggregate(errors)}` };
  }

  /** All rules that hold for a user in a namespace, the cluster's included. */
  rulesFor(user: User, namespace: string): HeldRules {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    for (const binding of this.#policy.bindingsOf(user, namespace)) {
      const found = this.#policy.rulesOf(binding.roleRef, binding.namespace);
      if (found === undefined) errors.push(roleNotFound(binding));
      else rules.push(...found);
    }
    return { rules, errors };
  }

  /** The rules of a role; undefined when there is no such role. */
  rulesOf(role: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#policy.rulesOf(role, namespace);
  }

  /** Whether a user may do everything, roles or not. */
  isMaster(user: User): boolean {
    return user.groups.includes(MASTERS);
  }

  #grantOf(user: User, wanted: Attributes): Binding | undefined {
    const namespace = isResource(wanted) ? wanted.namespace : "";
    for (const binding of this.#policy.bindingsOf(user, namespace)) {
      const rules = this.#policy.rulesOf(binding.roleRef, binding.namespace);
      if (rules?.some((rule) => ruleAllows(rule, wanted))) return binding;
    }
    return undefined;
  }
}

function isAlwaysAllowed(wanted: Attributes): boolean {
  return !isResource(wanted) && ALWAYS_ALLOWED.has(wanted.path);
}

function roleNotFound({ roleRef }: Binding): string {
  return `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(roleRef.name)} not found`;
}

/** Several errors as Go's aggregate prints them. */
export function aggregate(errors: readonly string[]): string {
  const distinct = [...new Set(errors)];
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(", ")}]`;
}

function describe(binding: Binding, user: User): string {
  const { name, namespace, roleRef } = binding;
  const kind = namespace === "" ? "ClusterRoleBinding" : "RoleBinding";
  const own = namespace === "" ? name : `${name}/${namespace}`;
  const role = `${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
  return `${kind} ${JSON.stringify(own)} of ${role} to ${describeSubject(subjectOf(binding, user), namespace)}`;
}

function describeSubject(subject: Subject | undefined, bindingNamespace: string): string {
  if (subject === undefined) return "nobody";
  const { kind, name, namespace } = subject;
  const text = kind === "ServiceAccount" ? `${name}/${namespace || bindingNamespace}` : name;
  return `${kind} ${JSON.stringify(text)}`;
}
