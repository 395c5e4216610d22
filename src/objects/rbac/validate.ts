import { type FieldError, invalid, notSupported, required } from "../field-errors.ts";
import { pathSegmentName } from "../metadata/names.ts";
import { dnsSubdomainProblems } from "../service/formats.ts";
import { validateLabelSelector } from "../validation/selectors.ts";
import { sameJson } from "../patch/json-value.ts";
import {
  type ClusterRole,
  type PolicyRule,
  RBAC_GROUP,
  type Role,
  type RoleBinding,
  type Subject,
} from "./types.ts";

// pkg/apis/rbac/validation/validation.go

/** Checks a Role. */
export function validateRole({ rules }: Role): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => validateRule(rule, true, `rules[${index}]`));
}

/** Checks a ClusterRole: its rules may name paths, and the selectors of its aggregation must be well-formed. */
export function validateClusterRole({ rules, aggregationRule }: ClusterRole): FieldError[] {
  const errors = (rules ?? []).flatMap((rule, index) => validateRule(rule, false, `rules[${index}]`));
  if (aggregationRule === undefined) return errors;
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  const field = "aggregationRule.clusterRoleSelectors";
  if (selectors.length > 0) {
    return [...errors, ...selectors.flatMap((one, at) => validateLabelSelector(`${field}[${at}]`, one))];
  }
  return [
    ...errors,
    required(field, "at least one clusterRoleSelector required if aggregationRule is non-nil"),
  ];
}

function validateRule(rule: PolicyRule, namespaced: boolean, field: string): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs: urls = [] } = rule;
  const errors: FieldError[] = [];
  if ((verbs ?? []).length === 0) {
    errors.push(required(`${field}.verbs`, "verbs must contain at least one value"));
  }
  if (urls.length > 0) {
    const bad = (detail: string): FieldError => invalid(`${field}.nonResourceURLs`, urls, detail);
    if (namespaced) errors.push(bad("namespaced rules cannot apply to non-resource URLs"));
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      errors.push(bad("rules cannot apply to both regular resources and non-resource URLs"));
    }
    return errors;
  }
  if (apiGroups.length === 0) {
    errors.push(required(`${field}.apiGroups`, "resource rules must supply at least one api group"));
  }
  if (resources.length === 0) {
    errors.push(required(`${field}.resources`, "resource rules must supply at least one resource"));
  }
  return errors;
}

/** Checks a RoleBinding. */
export function validateRoleBinding(binding: RoleBinding): FieldError[] {
  return validateBinding(binding, ["Role", "ClusterRole"], true);
}

/** Checks a ClusterRoleBinding: its role is a ClusterRole, and ServiceAccounts need their namespace. */
export function validateClusterRoleBinding(binding: RoleBinding): FieldError[] {
  return validateBinding(binding, ["ClusterRole"], false);
}

function validateBinding(
  { roleRef, subjects }: RoleBinding,
  kinds: string[],
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP) {
    errors.push(notSupported("roleRef.apiGroup", roleRef.apiGroup ?? "", [RBAC_GROUP]));
  }
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported("roleRef.kind", roleRef.kind ?? "", kinds));
  if (!roleRef.name) errors.push(required("roleRef.name"));
  else {
    const problems = pathSegmentName(roleRef.name, false);
    errors.push(...problems.map((problem) => invalid("roleRef.name", roleRef.name, problem)));
  }
  const each = (subjects ?? []).flatMap((subject, at) =>
    validateSubject(subject, namespaced, `subjects[${at}]`),
  );
  return [...errors, ...each];
}

function validateSubject(subject: Subject, namespaced: boolean, field: string): FieldError[] {
  const { kind, name = "", apiGroup = "", namespace = "" } = subject;
  const errors = name === "" ? [required(`${field}.name`)] : [];
  if (kind === "ServiceAccount") {
    const problems = name === "" ? [] : dnsSubdomainProblems(name);
    errors.push(...problems.map((problem) => invalid(`${field}.name`, name, problem)));
    if (apiGroup !== "") errors.push(notSupported(`${field}.apiGroup`, apiGroup, [""]));
    if (!namespaced && namespace === "") errors.push(required(`${field}.namespace`));
  } else if (kind === "User" || kind === "Group") {
    if (name === "") {
      errors.push(invalid(`${field}.name`, name, `${kind.toLowerCase()} name cannot be empty`));
    }
    if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${field}.apiGroup`, apiGroup, [RBAC_GROUP]));
  } else {
    errors.push(notSupported(`${field}.kind`, kind ?? "", ["ServiceAccount", "User", "Group"]));
  }
  return errors;
}

/** A binding's role stays what it is. */
export function roleRefStays(next: RoleBinding, stored: RoleBinding): FieldError[] {
  if (sameJson(next.roleRef, stored.roleRef)) return [];
  // printed from the server's internal type, whose fields are named as in Go
  const { apiGroup, kind, name } = next.roleRef;
  return [invalid("roleRef", { APIGroup: apiGroup, Kind: kind, Name: name }, "cannot change roleRef")];
}
