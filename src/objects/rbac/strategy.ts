import type { FieldError } from "../field-errors.ts";
import { pathSegmentName } from "../metadata/names.ts";
import type { KindRules } from "../strategy/rules.ts";
import { defaultBinding } from "./defaults.ts";
import type { ClusterRole, Role, RoleBinding } from "./types.ts";
import {
  roleRefStays,
  validateClusterRole,
  validateClusterRoleBinding,
  validateRole,
  validateRoleBinding,
} from "./validate.ts";

/** pkg/registry/rbac/*: any name that fits a path will do, and a PUT creates. */
const RBAC = {
  nameRule: pathSegmentName,
  createOnUpdate: true,
  unconditionalUpdate: true,
  checksMetadataOnUpdate: true,
} as const;

/** The rules of Roles. */
export const ROLE: KindRules<Role> = {
  ...RBAC,
  validate: validateRole,
  validateUpdate: (next) => twice(validateRole(next)),
};

/** The rules of ClusterRoles. */
export const CLUSTER_ROLE: KindRules<ClusterRole> = {
  ...RBAC,
  validate: validateClusterRole,
  validateUpdate: (next) => twice(validateClusterRole(next)),
};

/** The rules of RoleBindings. */
export const ROLE_BINDING: KindRules<RoleBinding> = {
  ...RBAC,
  default: defaultBinding,
  validate: validateRoleBinding,
  validateUpdate: (next, stored) => [...twice(validateRoleBinding(next)), ...roleRefStays(next, stored)],
};

/** The rules of ClusterRoleBindings. */
export const CLUSTER_ROLE_BINDING: KindRules<RoleBinding> = {
  ...RBAC,
  default: defaultBinding,
  validate: validateClusterRoleBinding,
  validateUpdate: (next, stored) => [
    ...twice(validateClusterRoleBinding(next)),
    ...roleRefStays(next, stored),
  ],
};

/** The real server checks an update as a creation and as an update, and a Status shows such causes twice. */
function twice(errors: FieldError[]): FieldError[] {
  return [...errors, ...errors];
}
