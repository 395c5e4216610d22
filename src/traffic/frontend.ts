import type { Family, PerFamily } from "../ip/family.ts";
import { mapFamilies } from "../ip/family.ts";
import type { EndpointSlice, Service, ServicePort } from "../objects/types.ts";
import { type JoinedBackends, joinBackends } from "./backends.ts";
import type { Frontend, FrontendPort } from "./model.ts";
import { readAddress, readCidr } from "./text.ts";

/** Seconds of ClientIP affinity when the Service does not say (v1 defaults). */
const DEFAULT_AFFINITY_SECONDS = 10_800;

/**
 * The frontend of a Service with its EndpointSlices (those labelled `kubernetes.io/service-name` with its name). Pure;
 * addresses come out in canonical text, and what is no address is left out, as kube-proxy does.
 */
export function buildFrontend(service: Service, slices: readonly EndpointSlice[]): Frontend {
  const { spec, metadata } = service;
  const namespace = metadata.namespace ?? "";
  const kind = kindOf(service);
  const joined = joinBackends(kind === "alias" ? [] : slices);
  const addresses = kind === "virtual" ? clusterAddresses(service) : {};
  const external = kind === "virtual" && isReachableFromOutside(service);
  const changedAt = lastTriggers(slices);
  return {
    key: `${namespace}/${metadata.name}`,
    namespace,
    name: metadata.name,
    kind,
    families: spec.ipFamilies ?? (Object.keys(addresses) as Family[]),
    addresses,
    externalAddresses: kind === "virtual" ? addressesPerFamily(spec.externalIPs ?? []) : {},
    balancerAddresses: kind === "virtual" ? addressesPerFamily(balancerAddresses(service)) : {},
    ...(kind === "alias" && { target: spec.externalName ?? "" }),
    ports: (spec.ports ?? []).map((port) => frontendPort(port, service, joined)),
    backends: joined.backends,
    ...(spec.sessionAffinity === "ClientIP" && { affinitySeconds: affinitySeconds(service) }),
    internalPolicy: spec.internalTrafficPolicy ?? "Cluster",
    externalPolicy: external ? (spec.externalTrafficPolicy ?? "Cluster") : "Cluster",
    ...(spec.healthCheckNodePort && { healthCheckPort: spec.healthCheckNodePort }),
    sourceRanges: spec.type === "LoadBalancer" ? rangesPerFamily(spec.loadBalancerSourceRanges ?? []) : {},
    ...(changedAt && { endpointsChangedAt: changedAt }),
  };
}

/** Set by the controller that writes slices: when what it wrote about had happened (RFC 3339). */
const TRIGGER_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time";

function lastTriggers(slices: readonly EndpointSlice[]): PerFamily<number> | undefined {
  let result: { IPv4?: number; IPv6?: number } | undefined;
  for (const { addressType, metadata } of slices) {
    const text = metadata.annotations?.[TRIGGER_ANNOTATION];
    if (text === undefined || addressType === "FQDN") continue;
    const time = Date.parse(text);
    if (Number.isNaN(time)) continue;
    result ??= {};
    result[addressType] = Math.max(time, result[addressType] ?? time);
  }
  return result;
}

function kindOf(service: Service): Frontend["kind"] {
  if (service.spec.type === "ExternalName") return "alias";
  return service.spec.clusterIP === "None" || service.spec.clusterIPs?.[0] === "None"
    ? "headless"
    : "virtual";
}

function clusterAddresses({ spec }: Service): PerFamily<string> {
  const addresses = addressesPerFamily(spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []));
  return mapFamilies(addresses, (list) => list[0]);
}

function frontendPort(port: ServicePort, { spec }: Service, joined: JoinedBackends): FrontendPort {
  const hasNodePort = port.nodePort && (spec.type === "NodePort" || spec.type === "LoadBalancer");
  return {
    name: port.name ?? "",
    protocol: port.protocol ?? "TCP",
    port: port.port,
    ...(hasNodePort && { nodePort: port.nodePort }),
    ...(port.appProtocol && { appProtocol: port.appProtocol }),
    backends: joined.backendsOf(port.name ?? "", port.protocol ?? "TCP"),
  };
}

/** A balancer address of mode Proxy is the balancer's own: traffic to it must leave the node (KEP-1860). */
function balancerAddresses(service: Service): string[] {
  if (service.spec.type !== "LoadBalancer") return [];
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  return ingress.flatMap((entry) => (entry.ip && (entry.ipMode ?? "VIP") === "VIP" ? [entry.ip] : []));
}

/** The Services that externalTrafficPolicy is about (k8s.io/kubernetes pkg/api/v1/service ExternallyAccessible). */
function isReachableFromOutside({ spec }: Service): boolean {
  return spec.type === "NodePort" || spec.type === "LoadBalancer" || (spec.externalIPs?.length ?? 0) > 0;
}

function affinitySeconds({ spec }: Service): number {
  return spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
}

const NONE: PerFamily<readonly string[]> = {};

function addressesPerFamily(texts: readonly string[]): PerFamily<readonly string[]> {
  return perFamily(texts, readAddress);
}

function rangesPerFamily(texts: readonly string[]): PerFamily<readonly string[]> {
  return perFamily(texts, readCidr);
}

function perFamily(
  texts: readonly string[],
  read: (text: string) => { family: Family; text: string } | undefined,
): PerFamily<readonly string[]> {
  if (texts.length === 0) return NONE;
  const result: { IPv4?: string[]; IPv6?: string[] } = {};
  for (const written of texts) {
    const value = read(written);
    if (value === undefined) continue;
    const list = result[value.family];
    if (list === undefined) result[value.family] = [value.text];
    else if (!list.includes(value.text)) list.push(value.text);
  }
  return result;
}
