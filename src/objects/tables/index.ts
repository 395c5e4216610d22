import { customLayout } from "../crd/custom-table.ts";
import type { Kind } from "../kinds.ts";
import type { AnyObject } from "../types.ts";
import {
  CONFIG_MAPS,
  EVENTS,
  LEASES,
  NAME_AND_AGE,
  NAME_AND_CREATION,
  NAMESPACES,
  NODES,
  SECRETS,
} from "./core.ts";
import { JOBS } from "./jobs.ts";
import { POD_DISRUPTION_BUDGETS } from "./disruption.ts";
import { PODS } from "./pods.ts";
import { CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS } from "./rbac.ts";
import { CONTROLLER_REVISIONS, STATEFUL_SETS } from "./revisions.ts";
import { ENDPOINT_SLICES, ENDPOINTS, IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from "./services.ts";
import type { Layout, Row, Table } from "./table.ts";
import { WEBHOOK_CONFIGURATIONS } from "./webhooks.ts";
import { DAEMON_SETS, DEPLOYMENTS, REPLICA_SETS } from "./workloads.ts";

// biome-ignore lint/suspicious/noExplicitAny: a table of layouts for objects of different kinds
const LAYOUTS: Readonly<Record<string, Layout<any>>> = {
  Namespace: NAMESPACES,
  Node: NODES,
  Pod: PODS,
  Service: SERVICES,
  Endpoints: ENDPOINTS,
  ConfigMap: CONFIG_MAPS,
  Secret: SECRETS,
  ServiceAccount: NAME_AND_AGE,
  Event: EVENTS,
  "EndpointSlice.discovery.k8s.io": ENDPOINT_SLICES,
  "Lease.coordination.k8s.io": LEASES,
  "Deployment.apps": DEPLOYMENTS,
  "ReplicaSet.apps": REPLICA_SETS,
  "DaemonSet.apps": DAEMON_SETS,
  "StatefulSet.apps": STATEFUL_SETS,
  "ControllerRevision.apps": CONTROLLER_REVISIONS,
  "Job.batch": JOBS,
  "ServiceCIDR.networking.k8s.io": SERVICE_CIDRS,
  "IPAddress.networking.k8s.io": IP_ADDRESSES,
  "PodDisruptionBudget.policy": POD_DISRUPTION_BUDGETS,
  "MutatingWebhookConfiguration.admissionregistration.k8s.io": WEBHOOK_CONFIGURATIONS,
  "ValidatingWebhookConfiguration.admissionregistration.k8s.io": WEBHOOK_CONFIGURATIONS,
  "RoleBinding.rbac.authorization.k8s.io": ROLE_BINDINGS,
  "ClusterRoleBinding.rbac.authorization.k8s.io": CLUSTER_ROLE_BINDINGS,
};

/** How a table is to be made. */
export interface TableOptions {
  /** The time that ages are counted to. */
  readonly now: Date;
  /** What each row carries of its object; Metadata unless given. */
  readonly includeObject?: "None" | "Metadata" | "Object";
  /** A layout in the place of the kind's own, such as the printer columns of a custom resource. */
  readonly layout?: Layout;
}

/**
 * Objects as a `metav1.Table`, with the columns of the real server (pkg/printers/internalversion). Its metadata is empty:
 * the version, and how a list goes on, are the caller's to say.
 */
export function tableOf(kind: Kind, objects: readonly AnyObject[], options: TableOptions): Table {
  const layout = options.layout ?? layoutOf(kind);
  const { extra } = layout;
  const extended = extra !== undefined && objects.some((object) => extra.wanted(object));
  const rows = objects.map((object): Row => {
    const cells = layout.cells(object, options.now);
    const conditions = layout.conditions?.(object);
    return {
      cells: extended ? [...cells, extra.cell(object)] : cells,
      ...(conditions === undefined ? {} : { conditions }),
      object: shownObject(object, options.includeObject ?? "Metadata"),
    };
  });
  const columnDefinitions = extended ? [...layout.columns, extra.column] : layout.columns;
  return { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: {}, columnDefinitions, rows };
}

function layoutOf(kind: Kind): Layout {
  if (kind.custom !== undefined) return customLayout(kind.custom);
  const name = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  return (LAYOUTS[name] ?? NAME_AND_CREATION) as Layout;
}

function shownObject(object: AnyObject, include: "None" | "Metadata" | "Object"): unknown {
  if (include === "None") return null;
  if (include === "Object") return object;
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
