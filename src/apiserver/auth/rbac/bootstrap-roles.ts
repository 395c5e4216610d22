import type { PolicyRule, Subject } from "../../../objects/rbac/types.ts";
import { AUTHENTICATED, MASTERS, UNAUTHENTICATED } from "../user.ts";

/** A ClusterRole that every cluster has: its rules, or the label of the roles that it is put together from. */
export interface BootstrapRole {
  readonly name: string;
  readonly rules?: readonly PolicyRule[];
  readonly aggregates?: string;
  /** The aggregates that it is a part of: `admin`, `edit`, `view`. */
  readonly partOf?: readonly string[];
  /** The users and groups that it is bound to. */
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
}

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];
const READ_WRITE = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

function rule(group: string | readonly string[], resources: string, verbs: readonly string[]): PolicyRule {
  return { apiGroups: [group].flat(), resources: resources.split(" "), verbs: [...verbs] };
}

function paths(urls: string): PolicyRule {
  return { nonResourceURLs: urls.split(" "), verbs: ["get"] };
}

const EVENTS = rule(["", "events.k8s.io"], "events", ["create", "patch", "update"]);
const REVIEWS = [
  rule("authentication.k8s.io", "tokenreviews", ["create"]),
  rule("authorization.k8s.io", "subjectaccessreviews", ["create"]),
];

/** What the roles of a namespace may read. */
const VIEW: readonly PolicyRule[] = [
  rule(
    "",
    "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers " +
      "replicationcontrollers/scale serviceaccounts services services/status",
    READ,
  ),
  rule(
    "",
    "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status " +
      "resourcequotas resourcequotas/status",
    READ,
  ),
  rule("", "namespaces", READ),
  rule("discovery.k8s.io", "endpointslices", READ),
  rule(
    "apps",
    "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets " +
      "replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
    READ,
  ),
  rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", READ),
  rule("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
  rule("policy", "poddisruptionbudgets poddisruptionbudgets/status", READ),
  rule("networking.k8s.io", "ingresses ingresses/status networkpolicies", READ),
];

/** What they may change besides. */
const EDIT: readonly PolicyRule[] = [
  rule("", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", READ),
  rule("", "serviceaccounts", ["impersonate"]),
  rule("", "pods pods/attach pods/exec pods/portforward pods/proxy", WRITE),
  rule("", "pods/eviction", ["create"]),
  rule(
    "",
    "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets " +
      "serviceaccounts services services/proxy",
    WRITE,
  ),
  rule("", "serviceaccounts/token", ["create"]),
  rule(
    "apps",
    "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets " +
      "statefulsets/scale",
    WRITE,
  ),
  rule("autoscaling", "horizontalpodautoscalers", WRITE),
  rule("batch", "cronjobs jobs", WRITE),
  rule("policy", "poddisruptionbudgets", WRITE),
  rule("networking.k8s.io", "ingresses networkpolicies", WRITE),
  rule("coordination.k8s.io", "leases", READ_WRITE),
];

const ADMIN: readonly PolicyRule[] = [
  rule("authorization.k8s.io", "localsubjectaccessreviews", ["create"]),
  rule("rbac.authorization.k8s.io", "rolebindings roles", READ_WRITE),
];

/** What kubelets do. */
const NODE: readonly PolicyRule[] = [
  ...REVIEWS,
  rule("", "services", READ),
  rule("", "nodes", ["create", "get", "list", "watch", "patch", "update"]),
  rule("", "nodes/status", ["patch", "update"]),
  EVENTS,
  rule("", "pods", ["create", "delete", ...READ]),
  rule("", "pods/status", ["patch", "update"]),
  rule("", "pods/eviction", ["create"]),
  rule("", "configmaps secrets", READ),
  rule("", "endpoints", ["get"]),
  rule("coordination.k8s.io", "leases", ["create", "delete", "get", "patch", "update"]),
  rule("", "serviceaccounts/token", ["create"]),
];

const PUBLIC = "/healthz /livez /readyz /version /version/";

/** The ClusterRoles of every cluster that have a use in this one (rbac/bootstrappolicy/policy.go). */
export const BOOTSTRAP_ROLES: readonly BootstrapRole[] = [
  {
    name: "cluster-admin",
    rules: [rule("*", "*", ["*"]), { nonResourceURLs: ["*"], verbs: ["*"] }],
    groups: [MASTERS],
  },
  {
    name: "system:discovery",
    rules: [paths(`/api /api/* /apis /apis/* /openapi /openapi/* ${PUBLIC}`)],
    groups: [AUTHENTICATED],
  },
  {
    name: "system:basic-user",
    rules: [
      rule("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", ["create"]),
      rule("authentication.k8s.io", "selfsubjectreviews", ["create"]),
    ],
    groups: [AUTHENTICATED],
  },
  { name: "system:public-info-viewer", rules: [paths(PUBLIC)], groups: [AUTHENTICATED, UNAUTHENTICATED] },
  {
    name: "system:monitoring",
    rules: [paths("/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")],
    groups: ["system:monitoring"],
  },
  {
    name: "system:service-account-issuer-discovery",
    rules: [paths("/.well-known/openid-configuration /openid/v1/jwks")],
    groups: ["system:serviceaccounts"],
  },
  { name: "admin", aggregates: "admin" },
  { name: "edit", aggregates: "edit", partOf: ["admin"] },
  { name: "view", aggregates: "view", partOf: ["edit"] },
  { name: "system:aggregate-to-admin", rules: ADMIN, partOf: ["admin"] },
  { name: "system:aggregate-to-edit", rules: EDIT, partOf: ["edit"] },
  { name: "system:aggregate-to-view", rules: VIEW, partOf: ["view"] },
  { name: "system:auth-delegator", rules: REVIEWS },
  { name: "system:node", rules: NODE, groups: ["system:nodes"] },
  {
    name: "system:node-proxier",
    rules: [
      rule("", "endpoints services", ["list", "watch"]),
      rule("", "nodes", READ),
      EVENTS,
      rule("discovery.k8s.io", "endpointslices", ["list", "watch"]),
      rule("networking.k8s.io", "servicecidrs", ["list", "watch"]),
    ],
    users: ["system:kube-proxy"],
  },
  {
    name: "system:kube-dns",
    rules: [rule("", "endpoints services", ["list", "watch"])],
  },
];

/** The subjects of a role's binding. */
export function subjectsOf({ users = [], groups = [] }: BootstrapRole): Subject[] {
  const apiGroup = "rbac.authorization.k8s.io";
  return [
    ...users.map((name): Subject => ({ apiGroup, kind: "User", name })),
    ...groups.map((name): Subject => ({ apiGroup, kind: "Group", name })),
  ];
}
