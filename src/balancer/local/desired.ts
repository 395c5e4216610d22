/**
 * Desired: what the local balancer's Envoy is to do for one Service. A port is one listener on the Service's own addresses
 * and one destination with all targets; clients' families and targets' families have nothing to do with each other.
 */
import type { PerFamily } from "../../ip/family.ts";
import { FAMILIES } from "../../ip/family.ts";
import type {
  BalancerEndpoint,
  BalancerModel,
  BalancerNode,
  BalancerPort,
} from "../../traffic/balancer/model.ts";
import type { BalancerEvent } from "../../traffic/balancer/provider.ts";
import type {
  Certificate,
  Destination,
  HostTarget,
  ListenerChain,
  Origin,
  ProxyListener,
  ProxyModel,
  ServerTls,
} from "../../traffic/gateway/model.ts";
import type { ClientPolicy, DestinationPolicy } from "../../traffic/gateway/policy-model.ts";
import { activeCheck } from "./health.ts";

/** A certificate with its key, PEM texts, and the name that the model knows it by: `namespace/secret`. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What is known beside the model. */
export interface LocalFacts {
  /** Of the balancer, as the pools gave them. */
  readonly addresses: PerFamily<string>;
  readonly certificates: (name: string) => KeyPair | undefined;
}

/** The parts of the Envoy's model that are one Service's. */
export interface ServiceParts {
  readonly listeners: readonly ProxyListener[];
  readonly destinations: readonly Destination[];
  readonly certificates: readonly Certificate[];
  /** What could not be done as it was asked for. */
  readonly events: readonly BalancerEvent[];
}

/** As AWS's network load balancers have it. Seconds. */
const IDLE_TIMEOUT = 350;
/** Four times what Envoy advises for edges: with less, large answers take more than with HAProxy (bench/balancer.ts). */
const BUFFER_LIMIT = 131_072;
/** More than any machine has ports for: a balancer is not to be the limit. */
const NO_LIMIT = 1_000_000;

/** What one Service needs; nothing without an address. */
export function partsOf(model: BalancerModel, facts: LocalFacts): ServiceParts {
  const events: BalancerEvent[] = [];
  if (Object.keys(facts.addresses).length === 0)
    return { listeners: [], destinations: [], certificates: [], events };
  const certificates = new Map<string, Certificate>();
  const ports = model.ports.flatMap((port) =>
    transportsOf(port).map((transport) => {
      const one = { model, port, transport, facts, events, name: nameOf(model, port, transport) };
      return { destination: destinationOf(one), listener: listenerOf(one, certificates) };
    }),
  );
  return {
    listeners: ports.map(({ listener }) => listener),
    destinations: ports.map(({ destination }) => destination),
    certificates: [...certificates.values()],
    events,
  };
}

/** All Services of a balancer as the model of its one Envoy. */
export function proxyModelOf(key: string, services: Iterable<ServiceParts>): ProxyModel {
  const all = [...services];
  return {
    key,
    families: FAMILIES,
    listeners: all.flatMap(({ listeners }) => listeners),
    routeTables: new Map(),
    destinations: new Map(all.flatMap(({ destinations }) => destinations.map((one) => [one.key, one]))),
    certificates: new Map(all.flatMap(({ certificates }) => certificates.map((one) => [one.name, one]))),
    trust: new Map(),
  };
}

type Transport = "TCP" | "UDP";

interface OnePort {
  readonly model: BalancerModel;
  readonly port: BalancerPort;
  readonly transport: Transport;
  readonly facts: LocalFacts;
  readonly events: BalancerEvent[];
  /** Of its listener, and the key of its destination. */
  readonly name: string;
}

function transportsOf({ protocol }: BalancerPort): readonly Transport[] {
  return protocol === "TCP_UDP" ? ["TCP", "UDP"] : [protocol];
}

/** `default/web/TCP-80`. */
function nameOf({ key }: BalancerModel, { port }: BalancerPort, transport: Transport): string {
  return `${key}/${transport}-${port}`;
}

function originOf({ model, port }: OnePort): Origin {
  return { kind: "Service", key: model.key, part: port.name || String(port.port) };
}

function listenerOf(one: OnePort, certificates: Map<string, Certificate>): ProxyListener {
  const { model, port, transport, facts, name } = one;
  const idle = Number(port.listenerAttributes["tcp.idle_timeout.seconds"] ?? IDLE_TIMEOUT);
  const policy: ClientPolicy = {
    ...(transport === "TCP" && {
      idleTimeout: (idle > 0 ? idle : IDLE_TIMEOUT) * 1000,
      bufferLimit: BUFFER_LIMIT,
    }),
    ...(model.sourceRanges.length > 0 && { allowedSources: model.sourceRanges }),
  };
  return {
    name,
    transport,
    port: port.port,
    bindPort: port.port,
    addresses: facts.addresses,
    chains: [chainOf(one, certificates)],
    policy,
    origins: [originOf(one)],
  };
}

function chainOf(one: OnePort, certificates: Map<string, Certificate>): ListenerChain {
  const { port, transport, name, events } = one;
  const forward = { shares: [{ weight: 1, destination: name }] };
  const chain = { name, serverNames: [], origins: [originOf(one)] };
  if (port.tls === undefined || transport === "UDP") return { ...chain, serve: { kind: "stream", forward } };
  const tls = tlsOf(one, port.tls, certificates);
  if (tls !== undefined) return { ...chain, tls, serve: { kind: "stream", forward } };
  const message = `port ${port.port} closes connections: none of its certificates can be used`;
  events.push({ type: "Warning", reason: "CertificateNotFound", message });
  return { ...chain, serve: { kind: "close" } };
}

/** AWS's names for what is offered by ALPN. */
const ALPN: Readonly<Record<string, readonly string[]>> = {
  HTTP1Only: ["http/1.1"],
  HTTP2Only: ["h2"],
  HTTP2Optional: ["http/1.1", "h2"],
  HTTP2Preferred: ["h2", "http/1.1"],
};

function tlsOf(
  { model, facts, events }: OnePort,
  wanted: NonNullable<BalancerPort["tls"]>,
  certificates: Map<string, Certificate>,
): ServerTls | undefined {
  const names = wanted.certificates.filter((name) => {
    const pair = facts.certificates(name);
    const origins = [{ kind: "Service", key: model.key }];
    if (pair) certificates.set(name, { name, ...pair, origins });
    else {
      const message = `Secret ${name} is not there, or is no certificate with its key (tls.crt, tls.key)`;
      events.push({ type: "Warning", reason: "CertificateNotFound", message });
    }
    return pair !== undefined;
  });
  if (names.length === 0) return undefined;
  const alpn = ALPN[wanted.alpn ?? ""];
  return {
    certificates: names,
    ...(alpn && { alpn }),
    minVersion: /TLS13-1-3/.test(wanted.policy ?? "") ? "1.3" : "1.2",
  };
}

function destinationOf(one: OnePort): Destination {
  const { model, port, transport, events, name } = one;
  const { proxyFields = [] } = model.local;
  const sticky = port.targetAttributes["stickiness.enabled"] === "true";
  const check = activeCheck(model, port, transport);
  if (transport === "UDP" && port.proxyProtocol !== undefined) {
    const message = `port ${port.port}/UDP is served without the PROXY protocol, which Envoy speaks over TCP only`;
    events.push({ type: "Warning", reason: "ProxyProtocolNotSpoken", message });
  }
  const policy: DestinationPolicy = {
    ...(transport === "TCP" && { bufferLimit: BUFFER_LIMIT }),
    loadBalancing: sticky ? { kind: "hash", by: "source" } : { kind: "round-robin" },
    circuitBreaker: { maxConnections: NO_LIMIT, maxPendingRequests: NO_LIMIT, maxRequests: NO_LIMIT },
    // with policy Local a node without pods drops what it gets; else it is better to try than to refuse
    panicThreshold: model.externalTrafficPolicy === "Local" ? 0 : 1,
    ...(check && { activeHealthCheck: check, familiesInOrder: true }),
    ...(transport === "TCP" &&
      port.proxyProtocol !== undefined && {
        proxyProtocol: port.proxyProtocol,
        ...(proxyFields.length > 0 && port.proxyProtocol === 2 && { proxyProtocolTlvs: proxyFields }),
      }),
  };
  const [preferFamily] = model.targetFamilies;
  return {
    key: name,
    target: { kind: "hosts", hosts: targetsOf(model, port) },
    protocol: transport === "UDP" ? "udp" : "stream",
    ...(port.tlsToTargets && transport === "TCP" && { tls: { serverName: "", trust: "", unverified: true } }),
    ...(preferFamily && { preferFamily }),
    policy,
    origins: [originOf(one)],
  };
}

/** Nodes at the node port, or pods at their own; each once, with its addresses of the targets' families. */
function targetsOf(model: BalancerModel, port: BalancerPort): HostTarget[] {
  const at = (target: BalancerNode | BalancerEndpoint, number: number | undefined): HostTarget[] => {
    const addresses = model.targetFamilies.flatMap((family) => target.addresses[family] ?? []);
    return number === undefined || addresses.length === 0 ? [] : [{ addresses, port: number }];
  };
  if (model.targetType === "instance") return model.nodes.flatMap((node) => at(node, port.nodePort));
  return model.endpoints.flatMap((pod) => at(pod, pod.ports[port.name]));
}
