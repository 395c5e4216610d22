/** Pods that have a sidecar, as far as a mesh is interested. */
import { type Family, groupByFamily, mapFamilies, type PerFamily } from "../../ip/family.ts";
import type { Container, Pod } from "../../objects/types.ts";
import { readAddress } from "../text.ts";
import type { InboundPort } from "./model.ts";
import { protocolOf } from "./protocol.ts";

/** The container that makes a pod one of the mesh. */
export const SIDECAR_CONTAINER = "tandem-proxy";

/** A pod with a sidecar. */
export interface Workload {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly account: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: PerFamily<string>;
  readonly families: readonly Family[];
  /** Of its containers. */
  readonly ports: readonly InboundPort[];
  readonly node?: string;
}

/** The workload of a pod; undefined while it has no address, when it has ended, and where no sidecar was injected. */
export function workloadOf({ metadata, spec, status }: Pod): Workload | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const injected = containers.some(({ name }) => name === SIDECAR_CONTAINER);
  if (!injected || status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
  const found = (status?.podIPs ?? []).flatMap(({ ip }) => readAddress(ip) ?? []);
  if (found.length === 0) return undefined;
  const addresses = mapFamilies(
    groupByFamily(found, ({ family }) => family),
    (list) => list[0]?.text,
  );
  const namespace = metadata.namespace ?? "";
  return {
    key: [namespace, metadata.name].join("/"),
    namespace,
    account: spec.serviceAccountName || "default",
    labels: metadata.labels ?? {},
    addresses,
    families: [...new Set(found.map(({ family }) => family))],
    ports: spec.containers.filter(({ name }) => name !== SIDECAR_CONTAINER).flatMap(portsOf),
    ...(spec.nodeName && { node: spec.nodeName }),
  };
}

function portsOf({ ports = [] }: Container): readonly InboundPort[] {
  return ports
    .filter(({ protocol = "TCP" }) => protocol === "TCP")
    .map(({ name, containerPort }) => ({
      port: containerPort,
      protocol: protocolOf({ name, port: containerPort }),
    }));
}
