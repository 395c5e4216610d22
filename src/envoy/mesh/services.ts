/** Services taken apart into what sidecars have of them: clusters, listeners, virtual hosts. The same for all sidecars. */
import type { Family, PerFamily } from "../../ip/family.ts";
import { FAMILIES } from "../../ip/family.ts";
import type { Destination } from "../../traffic/gateway/model.ts";
import type { MeshPort, MeshService } from "../../traffic/mesh/model.ts";
import type { Frontend, PortBackend } from "../../traffic/model.ts";
import { directOf } from "./names.ts";

/** A listener that should be there, before it is known which families the host of a sidecar has. */
export interface ListenerPlan {
  /** `namespace/name:port`, for headless Services with the backend. */
  readonly id: string;
  readonly service: string;
  readonly addresses: PerFamily<string>;
  /** Preferred first. */
  readonly families: readonly Family[];
  readonly port: number;
  readonly cluster: string;
  /** Whether connections are looked at. */
  readonly auto: boolean;
}

/** A Service's port that is looked at (HTTP or not), as the listener of its port number has it. */
export interface SniffedPlan {
  readonly service: string;
  readonly addresses: PerFamily<string>;
  /** Preferred first. */
  readonly families: readonly Family[];
  readonly port: number;
  readonly cluster: string;
}

/** A cluster by which connections get to the very pods that they were meant for. */
export interface DirectPlan {
  readonly name: string;
  readonly destination: string;
}

/** A virtual host that should be in the table of a port. */
export interface HostPlan {
  readonly port: number;
  readonly meshPort: MeshPort;
  /** Of a headless Service the names of single pods before its own (`db-0` of `db-0.db.shop`), each once, in order. */
  readonly pods: readonly string[];
}

/** What one Service is to sidecars. */
export interface ServicePlan {
  readonly service: MeshService;
  readonly listeners: readonly ListenerPlan[];
  readonly directs: readonly DirectPlan[];
  readonly hosts: readonly HostPlan[];
  readonly sniffed: readonly SniffedPlan[];
  /** Destinations whose connections are looked at. */
  readonly autos: readonly string[];
}

const HTTP: ReadonlySet<string> = new Set(["http", "http2", "grpc"]);

/** Takes a Service apart; `frontend` has its backends. */
export function planService(service: MeshService, frontend: Frontend | undefined): ServicePlan {
  const listeners: ListenerPlan[] = [];
  const directs: DirectPlan[] = [];
  const hosts: HostPlan[] = [];
  const sniffed: SniffedPlan[] = [];
  for (const port of service.ports) {
    const headless = service.kind === "headless" ? backendsOf(port, frontend) : undefined;
    const direct = headless && directPlan(port);
    if (direct) directs.push(direct);
    if (HTTP.has(port.protocol)) hosts.push(...hostPlans(port, headless, direct));
    else if (headless && direct) listeners.push(...headlessListeners(service, port, headless, direct));
    else if (service.kind === "virtual" && port.protocol === "auto") {
      hosts.push({ port: port.port, meshPort: port, pods: [] });
      sniffed.push(virtualPort(service, port));
    } else if (service.kind === "virtual") listeners.push(virtualListener(service, port));
  }
  const autos = service.ports.flatMap((port) => (port.protocol === "auto" ? [port.destination] : []));
  return { service, listeners, directs, hosts, sniffed, autos };
}

function backendsOf(port: MeshPort, frontend: Frontend | undefined): readonly PortBackend[] {
  const found = frontend?.ports.find((one) => one.port === port.port && one.protocol === "TCP");
  return found?.backends ?? [];
}

function directPlan({ destination }: MeshPort): DirectPlan {
  return { name: directOf(destination), destination };
}

/** A headless Service is dialed on the ports of its pods; there the very pod is meant, if no route says otherwise. */
function hostPlans(
  port: MeshPort,
  headless: readonly PortBackend[] | undefined,
  direct: DirectPlan | undefined,
): HostPlan[] {
  const meshPort = direct ? { ...port, destination: direct.name } : port;
  const numbers = new Set([port.port, ...(headless ?? []).map((backend) => backend.port)]);
  const pods = [...new Set((headless ?? []).flatMap(({ backend }) => backend.hostname ?? []))].sort();
  return [...numbers].map((number) => ({ port: number, meshPort, pods }));
}

function virtualPort(service: MeshService, port: MeshPort): SniffedPlan {
  const { key, addresses, families } = service;
  return { service: key, addresses, families, port: port.port, cluster: port.destination };
}

function virtualListener(service: MeshService, port: MeshPort): ListenerPlan {
  return { id: `${service.key}:${port.port}`, ...virtualPort(service, port), auto: false };
}

/** One for each pod, with its address of each family. */
function headlessListeners(
  service: MeshService,
  { port, protocol }: MeshPort,
  backends: readonly PortBackend[],
  direct: DirectPlan,
): ListenerPlan[] {
  return backends.map((one) => ({
    id: `${service.key}:${port}:${one.backend.id}`,
    service: service.key,
    addresses: one.backend.addresses,
    families: service.families.length > 0 ? service.families : FAMILIES,
    port: one.port,
    cluster: direct.name,
    auto: protocol === "auto",
  }));
}

/** The backends of the port that a destination is. */
export function backendsAt(
  { target }: Pick<Destination, "target">,
  frontend: Frontend | undefined,
): readonly PortBackend[] {
  if (target.kind !== "frontend") return [];
  const port = frontend?.ports.find((one) => one.port === target.port && one.protocol === "TCP");
  return port?.backends ?? [];
}

/** `namespace/name` of the pod that a backend is. */
export function podOf({ backend }: Pick<PortBackend, "backend">): string | undefined {
  return backend.pod && `${backend.pod.namespace}/${backend.pod.name}`;
}

/** The identities of a destination's backends that are met with mutual TLS, each once, in order. */
export function identitiesOf(
  { target }: Pick<Destination, "target">,
  frontend: Frontend | undefined,
  peerOf: (pod: string, port: number) => { readonly identity: string } | undefined,
): string[] {
  const identities = backendsAt({ target }, frontend).flatMap((one) => {
    const pod = podOf(one);
    return (pod !== undefined && peerOf(pod, one.port)?.identity) || [];
  });
  return [...new Set(identities)].sort();
}
