import type { RoleBinding, Subject } from "../rbac/types.ts";
import { AGE, ageOf, column, type Layout, NAME, wide } from "./table.ts";

/** Rows of RoleBindings. */
export const ROLE_BINDINGS = bindings(
  "roleBinding",
  "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the " +
    "RoleRef cannot be resolved, the Authorizer must return an error.",
);

/** Rows of ClusterRoleBindings. */
export const CLUSTER_ROLE_BINDINGS = bindings(
  "clusterRoleBinding",
  "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the " +
    "Authorizer must return an error.",
);

function bindings(kind: string, aboutRole: string): Layout<RoleBinding> {
  return {
    columns: [
      NAME,
      column("Role", aboutRole),
      AGE,
      wide("Users", `Users in the ${kind}`),
      wide("Groups", `Groups in the ${kind}`),
      wide("ServiceAccounts", `ServiceAccounts in the ${kind}`),
    ],
    cells: (binding, now) => {
      const { roleRef, subjects = [] } = binding;
      return [
        binding.metadata.name,
        `${roleRef.kind}/${roleRef.name}`,
        ageOf(binding, now),
        namesOf(subjects, "User"),
        namesOf(subjects, "Group"),
        namesOf(subjects, "ServiceAccount"),
      ];
    },
  };
}

function namesOf(subjects: readonly Subject[], kind: Subject["kind"]): string {
  const wanted = subjects.filter((subject) => subject.kind === kind);
  const nameOf = ({ namespace = "", name }: Subject) =>
    kind === "ServiceAccount" ? `${namespace}/${name}` : name;
  return wanted.map(nameOf).join(", ");
}
