/**
 * Features of the Gateway API v1.6.3 (its package `features`): which ones a GatewayClass claims, and why not the others.
 * docs/gateway-features.md is written from this table (a test compares them).
 */

const MESH = "Mesh: a GatewayClass speaks for Gateways; docs/mesh.md tells of sidecars.";

/** Every feature by name: true where it is claimed, otherwise the reason. */
export const FEATURES: Readonly<Record<string, true | string>> = {
  BackendTLSPolicy: true,
  BackendTLSPolicySANValidation: true,
  GRPCRoute: true,
  GRPCRouteNamedRouteRule: true,
  Gateway: true,
  GatewayAddressEmpty: true,
  GatewayBackendClientCertificate: true,
  GatewayFrontendClientCertificateValidation: true,
  GatewayFrontendClientCertificateValidationInsecureFallback: true,
  GatewayHTTPListenerIsolation: true,
  GatewayHTTPSListenerDetectMisdirectedRequests: true,
  GatewayInfrastructure: true,
  GatewayPort8080: true,
  GatewayStaticAddresses: true,
  HTTPRoute: true,
  HTTPRoute303RedirectStatusCode: true,
  HTTPRoute307RedirectStatusCode: true,
  HTTPRoute308RedirectStatusCode: true,
  HTTPRouteBackendProtocolH2C: true,
  HTTPRouteBackendProtocolWebSocket: true,
  HTTPRouteBackendRequestHeaderModification: true,
  HTTPRouteBackendTimeout: true,
  HTTPRouteCORS: true,
  HTTPRouteDestinationPortMatching: true,
  HTTPRouteHostRewrite: true,
  HTTPRouteMethodMatching: true,
  HTTPRouteNamedRouteRule: true,
  HTTPRouteParentRefPort: true,
  HTTPRoutePathRedirect: true,
  HTTPRoutePathRewrite: true,
  HTTPRoutePortRedirect: true,
  HTTPRouteQueryParamMatching: true,
  HTTPRouteRequestMirror: true,
  HTTPRouteRequestMultipleMirrors: true,
  HTTPRouteRequestPercentageMirror: true,
  HTTPRouteRequestTimeout: true,
  HTTPRouteResponseHeaderModification: true,
  HTTPRouteRetry: true,
  HTTPRouteRetryBackendTimeout: true,
  HTTPRouteRetryConnectionError: true,
  HTTPRouteSchemeRedirect: true,
  ListenerSet: true,
  Mesh: MESH,
  MeshClusterIPMatching: MESH,
  MeshConsumerRoute: MESH,
  MeshHTTPRouteBackendRequestHeaderModification: MESH,
  MeshHTTPRouteNamedRouteRule: MESH,
  MeshHTTPRouteQueryParamMatching: MESH,
  MeshHTTPRouteRedirectPath: MESH,
  MeshHTTPRouteRedirectPort: MESH,
  MeshHTTPRouteRewritePath: MESH,
  MeshHTTPRouteSchemeRedirect: MESH,
  ReferenceGrant: true,
  TCPRoute: true,
  TLSRoute: true,
  TLSRouteModeMixed: true,
  TLSRouteModeTerminate: true,
  UDPRoute: true,
};

/** What a GatewayClass lists in `status.supportedFeatures`, sorted by name as the API asks. */
export const SUPPORTED_FEATURES: readonly { readonly name: string }[] = Object.keys(FEATURES)
  .filter((name) => FEATURES[name] === true)
  .sort()
  .map((name) => ({ name }));
