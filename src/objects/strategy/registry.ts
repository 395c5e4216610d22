import { customRules } from "../crd/custom-rules.ts";
import { CUSTOM_RESOURCE_DEFINITION } from "../crd/definition/strategy.ts";
import { POD_DISRUPTION_BUDGET } from "../disruption/strategy.ts";
import { JOB } from "../job/strategy.ts";
import type { Kind } from "../kinds.ts";
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING } from "../rbac/strategy.ts";
import type { AnyObject } from "../types.ts";
import {
  COMMON,
  CONFIG_MAP,
  ENDPOINT_SLICE,
  ENDPOINTS,
  EVENT,
  LEASE,
  NAMESPACE,
  NODE,
  POD,
  SECRET,
} from "./core.ts";
import { IP_ADDRESS, SERVICE, SERVICE_CIDR } from "./network.ts";
import { CONTROLLER_REVISION, STATEFUL_SET } from "../statefulset/strategy.ts";
import { MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS } from "../webhooks/strategy.ts";
import type { KindRules } from "./rules.ts";
import { DAEMON_SET, DEPLOYMENT, REPLICA_SET } from "./workloads.ts";

// biome-ignore lint/suspicious/noExplicitAny: a table of rules for objects of different kinds
const RULES: Readonly<Record<string, KindRules<any>>> = {
  Namespace: NAMESPACE,
  Node: NODE,
  Pod: POD,
  Endpoints: ENDPOINTS,
  ConfigMap: CONFIG_MAP,
  Secret: SECRET,
  Event: EVENT,
  Service: SERVICE,
  "EndpointSlice.discovery.k8s.io": ENDPOINT_SLICE,
  "Lease.coordination.k8s.io": LEASE,
  "Deployment.apps": DEPLOYMENT,
  "ReplicaSet.apps": REPLICA_SET,
  "DaemonSet.apps": DAEMON_SET,
  "StatefulSet.apps": STATEFUL_SET,
  "ControllerRevision.apps": CONTROLLER_REVISION,
  "Job.batch": JOB,
  "ServiceCIDR.networking.k8s.io": SERVICE_CIDR,
  "IPAddress.networking.k8s.io": IP_ADDRESS,
  "PodDisruptionBudget.policy": POD_DISRUPTION_BUDGET,
  "CustomResourceDefinition.apiextensions.k8s.io": CUSTOM_RESOURCE_DEFINITION,
  "Role.rbac.authorization.k8s.io": ROLE,
  "ClusterRole.rbac.authorization.k8s.io": CLUSTER_ROLE,
  "RoleBinding.rbac.authorization.k8s.io": ROLE_BINDING,
  "MutatingWebhookConfiguration.admissionregistration.k8s.io": MUTATING_WEBHOOKS,
  "ValidatingWebhookConfiguration.admissionregistration.k8s.io": VALIDATING_WEBHOOKS,
  "ClusterRoleBinding.rbac.authorization.k8s.io": CLUSTER_ROLE_BINDING,
};

/** The rules of a kind; those that all kinds share where it has none of its own. */
export function rulesOf(kind: Kind): KindRules<AnyObject> {
  if (kind.custom !== undefined) return customRules(kind, kind.custom);
  const name = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  return (RULES[name] ?? COMMON) as KindRules<AnyObject>;
}
