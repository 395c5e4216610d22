/** The kinds that Gateways are made of, as KubeClient and informers want them (the CRDs are in data/crds). */
import type { Kind } from "../kinds.ts";
import { TANDEM_GROUP } from "./parameters.ts";
import { GATEWAY_GROUP } from "./types.ts";

/** The kinds of the Gateway API (v1.6.3, standard channel: all are served and stored at v1). */
export const GATEWAY_KINDS = {
  GatewayClass: { ...gateway("GatewayClass", "gatewayclasses", ["gc"]), namespaced: false },
  Gateway: gateway("Gateway", "gateways", ["gtw"]),
  ListenerSet: gateway("ListenerSet", "listenersets", ["lset"]),
  HTTPRoute: gateway("HTTPRoute", "httproutes"),
  GRPCRoute: gateway("GRPCRoute", "grpcroutes"),
  TLSRoute: gateway("TLSRoute", "tlsroutes"),
  TCPRoute: gateway("TCPRoute", "tcproutes"),
  UDPRoute: gateway("UDPRoute", "udproutes"),
  ReferenceGrant: { ...gateway("ReferenceGrant", "referencegrants", ["refgrant"]), subresources: [] },
  BackendTLSPolicy: gateway("BackendTLSPolicy", "backendtlspolicies", ["btlspolicy"]),
} satisfies Record<string, Kind>;

/** Tandem's own kinds for Gateways. */
export const TANDEM_GATEWAY_KINDS = {
  GatewayParameters: custom(TANDEM_GROUP, "v1alpha1", "GatewayParameters", "gatewayparameters", [], []),
  Backend: tandem("Backend", "backends"),
  ClientTrafficPolicy: tandem("ClientTrafficPolicy", "clienttrafficpolicies"),
  BackendTrafficPolicy: tandem("BackendTrafficPolicy", "backendtrafficpolicies"),
  SecurityPolicy: tandem("SecurityPolicy", "securitypolicies"),
} satisfies Record<string, Kind>;

/** Envoy Gateway's parameters, for those who come from there; a cluster may well not have this kind. */
export const ENVOY_GATEWAY_KINDS = {
  EnvoyProxy: custom(
    "gateway.envoyproxy.io",
    "v1alpha1",
    "EnvoyProxy",
    "envoyproxies",
    ["eproxy"],
    ["status"],
  ),
} satisfies Record<string, Kind>;

function gateway(kind: string, plural: string, shortNames: string[] = []): Kind {
  return custom(GATEWAY_GROUP, "v1", kind, plural, shortNames, ["status"]);
}

function tandem(kind: string, plural: string): Kind {
  return custom(TANDEM_GROUP, "v1alpha1", kind, plural, [], ["status"]);
}

function custom(
  group: string,
  version: string,
  kind: string,
  plural: string,
  shortNames: string[],
  subresources: string[],
): Kind {
  return {
    group,
    version,
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames,
    categories: [],
    namespaced: true,
    subresources,
  };
}
