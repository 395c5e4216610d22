import { RBAC_GROUP, type RoleBinding } from "./types.ts";

/** API groups of a binding's role and subjects (pkg/apis/rbac/v1/defaults.go); namespaces are never filled in. */
export function defaultBinding(binding: RoleBinding): void {
  if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= RBAC_GROUP;
  for (const subject of binding.subjects ?? []) {
    if (subject.apiGroup !== undefined && subject.apiGroup !== "") continue;
    if (subject.kind === "User" || subject.kind === "Group") subject.apiGroup = RBAC_GROUP;
  }
}
