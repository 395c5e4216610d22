import type { KubeObject, LabelSelector } from "../types.ts";

/** The API group of roles and bindings. */
export const RBAC_GROUP = "rbac.authorization.k8s.io";

/** What some verbs may do to some resources, or to some paths that are no resource's (`rbacv1.PolicyRule`). */
export interface PolicyRule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

/** Whom a binding speaks of (`rbacv1.Subject`). */
export interface Subject {
  kind: "User" | "Group" | "ServiceAccount";
  apiGroup?: string;
  name: string;
  /** Of a ServiceAccount. */
  namespace?: string;
}

/** The role that a binding grants; it cannot be changed. */
export interface RoleRef {
  apiGroup: string;
  kind: "Role" | "ClusterRole";
  name: string;
}

/** A Role (rbac.authorization.k8s.io/v1). */
export interface Role extends KubeObject {
  rules: PolicyRule[] | null;
}

/** A ClusterRole (rbac.authorization.k8s.io/v1). */
export interface ClusterRole extends Role {
  /** Where it is set, the rules are those of all ClusterRoles that one of the selectors matches. */
  aggregationRule?: { clusterRoleSelectors?: LabelSelector[] };
}

/** A RoleBinding, or outside of namespaces a ClusterRoleBinding. */
export interface RoleBinding extends KubeObject {
  subjects?: Subject[];
  roleRef: RoleRef;
}
