import type {
  ConfigMap,
  KubeEvent,
  KubeObject,
  Lease,
  Namespace,
  Node,
  NodeAddress,
  Secret,
} from "../types.ts";
import { ABOUT } from "./about.ts";
import { AGE, ageOf, column, type Layout, listed, NAME, NONE, since, wide } from "./table.ts";
import { conditionOf } from "../conditions.ts";

function keysOf(...maps: (object | undefined)[]): number {
  return maps.reduce((sum, map) => sum + Object.keys(map ?? {}).length, 0);
}

/** Rows of kinds of which there is no more to say, such as ServiceAccounts. */
export const NAME_AND_AGE: Layout<KubeObject> = {
  columns: [NAME, AGE],
  cells: (object, now) => [object.metadata.name, ageOf(object, now)],
};

/** Rows of kinds without a layout, such as custom resources without columns of their own. */
export const NAME_AND_CREATION: Layout<KubeObject> = {
  columns: [NAME, column("Created At", ABOUT.age, "string")],
  cells: ({ metadata }) => [metadata.name, metadata.creationTimestamp ?? ""],
};

/** Rows of ConfigMaps. */
export const CONFIG_MAPS: Layout<ConfigMap> = {
  columns: [NAME, column("Data", ABOUT.configMapData), AGE],
  cells: (map, now) => [map.metadata.name, keysOf(map.data, map.binaryData), ageOf(map, now)],
};

/** Rows of Secrets. */
export const SECRETS: Layout<Secret> = {
  columns: [NAME, column("Type", ABOUT.secretType), column("Data", ABOUT.secretData), AGE],
  cells: (secret, now) => [secret.metadata.name, secret.type ?? "", keysOf(secret.data), ageOf(secret, now)],
};

/** Rows of Namespaces. */
export const NAMESPACES: Layout<Namespace> = {
  columns: [NAME, column("Status", "The status of the namespace"), AGE],
  cells: (namespace, now) => [namespace.metadata.name, namespace.status?.phase ?? "", ageOf(namespace, now)],
};

/** Rows of Leases. */
export const LEASES: Layout<Lease> = {
  columns: [NAME, column("Holder", ABOUT.holder), AGE],
  cells: (lease, now) => [lease.metadata.name, lease.spec?.holderIdentity ?? "", ageOf(lease, now)],
};

/** Rows of Nodes. */
export const NODES: Layout<Node> = {
  columns: [
    NAME,
    column("Status", "The status of the node"),
    column("Roles", "The roles of the node"),
    AGE,
    column("Version", ABOUT.nodeVersion),
    wide("Internal-IP", ABOUT.nodeAddresses),
    wide("External-IP", ABOUT.nodeAddresses),
    wide("OS-Image", ABOUT.osImage),
    wide("Kernel-Version", ABOUT.kernelVersion),
    wide("Container-Runtime", ABOUT.containerRuntime),
  ],
  cells: (node, now) => {
    const info = node.status?.nodeInfo ?? {};
    return [
      node.metadata.name,
      nodeStatus(node),
      listed(rolesOf(node)),
      ageOf(node, now),
      info.kubeletVersion ?? "",
      nodeAddress(node, "InternalIP"),
      nodeAddress(node, "ExternalIP"),
      info.osImage || "<unknown>",
      info.kernelVersion || "<unknown>",
      info.containerRuntimeVersion || "<unknown>",
    ];
  },
};

function nodeStatus({ spec, status }: Node): string {
  const ready = conditionOf(status?.conditions, "Ready");
  const words = [ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady"];
  if (spec.unschedulable) words.push("SchedulingDisabled");
  return words.join(",");
}

const ROLE_PREFIX = "node-role.kubernetes.io/";

function rolesOf({ metadata }: Node): string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
      roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === "kubernetes.io/role" && value !== "") roles.add(value);
  }
  return [...roles].sort();
}

function nodeAddress({ status }: Node, type: NodeAddress["type"]): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? NONE;
}

/** Rows of Events. */
export const EVENTS: Layout<KubeEvent> = {
  columns: [
    column("Last Seen", ABOUT.eventLast),
    column("Type", ABOUT.eventType),
    column("Reason", ABOUT.eventReason),
    column("Object", ABOUT.eventObject),
    wide("Subobject", ABOUT.eventObject),
    wide("Source", ABOUT.eventSource),
    column("Message", ABOUT.eventMessage),
    wide("First Seen", ABOUT.eventFirst),
    wide("Count", ABOUT.eventCount),
    { ...NAME, priority: 1 },
  ],
  cells: (event, now) => {
    const { involvedObject: subject, source } = event;
    const { series } = event as { series?: { count?: number; lastObservedTime?: string } };
    const first = since(event.firstTimestamp ?? event.eventTime, now);
    const last = series?.lastObservedTime ?? event.lastTimestamp;
    const count = series?.count ?? event.count ?? 1;
    const kind = (subject.kind ?? "").toLowerCase();
    const reporter = source?.component || event.reportingComponent || "";
    return [
      last ? since(last, now) : first,
      event.type ?? "",
      event.reason ?? "",
      subject.name ? `${kind}/${subject.name}` : kind,
      subject.fieldPath ?? "",
      source?.host ? `${reporter}, ${source.host}` : reporter,
      (event.message ?? "").trim(),
      first,
      count === 0 ? 1 : count,
      event.metadata.name,
    ];
  },
};
