/** Pods that have a sidecar, as far as a mesh is interested. */
import { type Family, groupByFamily, mapFamilies, type PerFamily } from "../../ip/family.ts";
import type { Container, Pod } from "../../objects/types.ts";
import { readAddress } from "../text.ts";
import type { InboundPort } from "./model.ts";
import { protocolOf } from "./protocol.ts";

/** The container that makes a pod one of the mesh. */
export const SIDECAR_CONTAINER = "tandem-proxy";
/** The container that has captured its traffic, with the flags that say which. */
const CAPTURE_CONTAINER = "tandem-init";

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
  /** Ports whose connections reach the application past the sidecar. */
  readonly uncaptured?: Uncaptured;
}

/** Those of `excludeInboundPorts`, and where `includeInboundPorts` names any, all that it does not. */
export interface Uncaptured {
  readonly excluded: readonly number[];
  readonly included?: readonly number[];
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
  const uncaptured = uncapturedOf(spec.initContainers);
  return {
    key: [namespace, metadata.name].join("/"),
    namespace,
    account: spec.serviceAccountName || "default",
    labels: metadata.labels ?? {},
    addresses,
    families: [...new Set(found.map(({ family }) => family))],
    ports: spec.containers.filter(({ name }) => name !== SIDECAR_CONTAINER).flatMap(portsOf),
    ...(spec.nodeName && { node: spec.nodeName }),
    ...(uncaptured && { uncaptured }),
  };
}

/** What the flags of capture leave out; undefined where that is nothing. */
function uncapturedOf(containers: readonly Container[] = []): Uncaptured | undefined {
  const args = containers.find(({ name }) => name === CAPTURE_CONTAINER)?.args ?? [];
  const flag = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const excluded = numbers(flag("exclude-inbound-ports") ?? "");
  const only = flag("inbound-ports");
  const included = only === undefined || only === "*" ? undefined : numbers(only);
  if (excluded.length === 0 && included === undefined) return undefined;
  return { excluded, ...(included && { included }) };
}

function numbers(text: string): number[] {
  return text.split(",").filter(Boolean).map(Number);
}

/** The ports among these, and all that are excluded, at which nobody speaks mutual TLS, as no sidecar hears it. */
export function portsPastSidecar({ uncaptured }: Workload, ports: readonly InboundPort[]): readonly number[] {
  if (uncaptured === undefined) return NONE;
  const { excluded, included } = uncaptured;
  const left = ports.map(({ port }) => port).filter((port) => included && !included.includes(port));
  return [...new Set([...excluded, ...left])];
}

const NONE: readonly never[] = [];

function portsOf({ ports = [] }: Container): readonly InboundPort[] {
  return ports
    .filter(({ protocol = "TCP" }) => protocol === "TCP")
    .map(({ name, containerPort }) => ({
      port: containerPort,
      protocol: protocolOf({ name, port: containerPort }),
    }));
}
