import type { CustomVersion } from "./crd/custom-kind.ts";

/** A kind of object that the API serves, as discovery describes it. */
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Subresources with an object of this kind as their body: `status`, and others that are named in discovery. */
  readonly subresources: readonly string[];
  /** What can be done with its objects, where that is not everything: a review can only be created. */
  readonly verbs?: readonly string[];
  /** What its CustomResourceDefinition says; built-in kinds have none. */
  readonly custom?: CustomVersion;
}

type KindSpec = Partial<Kind> & Pick<Kind, "kind" | "plural">;

function core(spec: KindSpec): Kind {
  return kind("", "v1", spec);
}

function apps(spec: KindSpec): Kind {
  return kind("apps", "v1", { categories: ["all"], subresources: ["status", "scale"], ...spec });
}

function rbac(spec: KindSpec): Kind {
  return kind("rbac.authorization.k8s.io", "v1", spec);
}

/** A question that is answered at once and never stored. */
function review(group: string, spec: KindSpec): Kind {
  return kind(group, "v1", { namespaced: false, verbs: ["create"], ...spec });
}

function kind(group: string, version: string, spec: KindSpec): Kind {
  return {
    group,
    version,
    singular: spec.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    subresources: [],
    ...spec,
  };
}

/** The built-in kinds by name. */
export const KINDS = {
  Namespace: core({
    kind: "Namespace",
    plural: "namespaces",
    shortNames: ["ns"],
    namespaced: false,
    subresources: ["finalize", "status"],
  }),
  Node: core({
    kind: "Node",
    plural: "nodes",
    shortNames: ["no"],
    namespaced: false,
    subresources: ["status"],
  }),
  Pod: core({
    kind: "Pod",
    plural: "pods",
    shortNames: ["po"],
    categories: ["all"],
    subresources: [
      "status",
      "binding",
      "eviction",
      "exec",
      "attach",
      "log",
      "portforward",
      "ephemeralcontainers",
    ],
  }),
  Service: core({
    kind: "Service",
    plural: "services",
    shortNames: ["svc"],
    categories: ["all"],
    subresources: ["status"],
  }),
  Endpoints: core({ kind: "Endpoints", plural: "endpoints", shortNames: ["ep"], singular: "endpoints" }),
  ConfigMap: core({ kind: "ConfigMap", plural: "configmaps", shortNames: ["cm"] }),
  Secret: core({ kind: "Secret", plural: "secrets" }),
  ServiceAccount: core({
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    shortNames: ["sa"],
    subresources: ["token"],
  }),
  Event: core({ kind: "Event", plural: "events", shortNames: ["ev"] }),
  /** The Events of core/v1 in newer words. */
  ReportedEvent: kind("events.k8s.io", "v1", { kind: "Event", plural: "events", shortNames: ["ev"] }),
  EndpointSlice: kind("discovery.k8s.io", "v1", { kind: "EndpointSlice", plural: "endpointslices" }),
  Lease: kind("coordination.k8s.io", "v1", { kind: "Lease", plural: "leases" }),
  Deployment: apps({ kind: "Deployment", plural: "deployments", shortNames: ["deploy"] }),
  ReplicaSet: apps({ kind: "ReplicaSet", plural: "replicasets", shortNames: ["rs"] }),
  DaemonSet: apps({ kind: "DaemonSet", plural: "daemonsets", shortNames: ["ds"], subresources: ["status"] }),
  StatefulSet: apps({ kind: "StatefulSet", plural: "statefulsets", shortNames: ["sts"] }),
  ControllerRevision: kind("apps", "v1", { kind: "ControllerRevision", plural: "controllerrevisions" }),
  Job: kind("batch", "v1", {
    kind: "Job",
    plural: "jobs",
    categories: ["all"],
    subresources: ["status"],
  }),
  ServiceCIDR: kind("networking.k8s.io", "v1", {
    kind: "ServiceCIDR",
    plural: "servicecidrs",
    namespaced: false,
    subresources: ["status"],
  }),
  IPAddress: kind("networking.k8s.io", "v1", {
    kind: "IPAddress",
    plural: "ipaddresses",
    shortNames: ["ip"],
    namespaced: false,
  }),
  PodDisruptionBudget: kind("policy", "v1", {
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    shortNames: ["pdb"],
    subresources: ["status"],
  }),
  Role: rbac({ kind: "Role", plural: "roles" }),
  RoleBinding: rbac({ kind: "RoleBinding", plural: "rolebindings" }),
  ClusterRole: rbac({ kind: "ClusterRole", plural: "clusterroles", namespaced: false }),
  ClusterRoleBinding: rbac({ kind: "ClusterRoleBinding", plural: "clusterrolebindings", namespaced: false }),
  CustomResourceDefinition: kind("apiextensions.k8s.io", "v1", {
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    shortNames: ["crd", "crds"],
    categories: ["api-extensions"],
    namespaced: false,
    subresources: ["status"],
  }),
  MutatingWebhookConfiguration: kind("admissionregistration.k8s.io", "v1", {
    kind: "MutatingWebhookConfiguration",
    plural: "mutatingwebhookconfigurations",
    categories: ["api-extensions"],
    namespaced: false,
  }),
  ValidatingWebhookConfiguration: kind("admissionregistration.k8s.io", "v1", {
    kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations",
    categories: ["api-extensions"],
    namespaced: false,
  }),
  TokenReview: review("authentication.k8s.io", { kind: "TokenReview", plural: "tokenreviews" }),
  SelfSubjectReview: review("authentication.k8s.io", {
    kind: "SelfSubjectReview",
    plural: "selfsubjectreviews",
  }),
  SubjectAccessReview: review("authorization.k8s.io", {
    kind: "SubjectAccessReview",
    plural: "subjectaccessreviews",
  }),
  SelfSubjectAccessReview: review("authorization.k8s.io", {
    kind: "SelfSubjectAccessReview",
    plural: "selfsubjectaccessreviews",
  }),
  SelfSubjectRulesReview: review("authorization.k8s.io", {
    kind: "SelfSubjectRulesReview",
    plural: "selfsubjectrulesreviews",
  }),
  LocalSubjectAccessReview: review("authorization.k8s.io", {
    kind: "LocalSubjectAccessReview",
    plural: "localsubjectaccessreviews",
    namespaced: true,
  }),
} as const satisfies Record<string, Kind>;

/** The body of `serviceaccounts/token`; no resource of its own. */
export const TOKEN_REQUEST: Kind = kind("authentication.k8s.io", "v1", {
  kind: "TokenRequest",
  plural: "tokenrequests",
  verbs: ["create"],
});

/** The body of `pods/eviction`; no resource of its own. */
export const EVICTION: Kind = kind("policy", "v1", {
  kind: "Eviction",
  plural: "evictions",
  verbs: ["create"],
});

/** The body of `pods/binding`; no resource of its own. */
export const BINDING: Kind = core({ kind: "Binding", plural: "bindings", verbs: ["create"] });

/** The body of `scale` subresources, which is also read; no resource of its own. */
export const SCALE: Kind = kind("autoscaling", "v1", { kind: "Scale", plural: "scales" });

/** The body of a deletion; no resource. */
export const DELETE_OPTIONS: Kind = core({ kind: "DeleteOptions", plural: "" });

/** `v1` or `apps/v1`: what objects of the kind carry as apiVersion. */
export function apiVersionOf(kind: Kind): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** The path of a collection, an object or a subresource of the API. Parts are percent-encoded. */
export function resourcePath(kind: Kind, namespace?: string, name?: string, subresource?: string): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope =
    kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  const sub = subresource === undefined ? "" : `/${subresource}`;
  return `${root}${scope}/${kind.plural}${object}${sub}`;
}

/** `namespace/name`, or the name alone for objects outside of namespaces: the key of an object in caches. */
export function objectKey(object: { metadata: { namespace?: string; name: string } }): string {
  const { namespace, name } = object.metadata;
  // joined, it is one flat string; a template leaves a pair that points to its halves beside that
  return namespace === undefined || namespace === "" ? name : [namespace, name].join("/");
}
