/** The façade of the translation of one route. */
import type {
  AnyRoute,
  GRPCRoute,
  HTTPRoute,
  TCPRoute,
  TLSRoute,
  UDPRoute,
} from "../../../objects/gateway/index.ts";
import { translateGrpcRoute, translateHttpRoute } from "./http-route.ts";
import { translateStreamRoute } from "./stream-route.ts";
import type { References, TranslatedRoute } from "./types.ts";

export { translateBackendTlsPolicy } from "./backend-tls.ts";
export { withClientCertificate } from "./client-certificate.ts";
export { parseDuration } from "./duration.ts";
export { type ListenerPort, ruleOnListener } from "./on-listener.ts";
export { compareRules } from "./precedence.ts";
export { PREFER_FAMILY_ANNOTATION } from "./prefer-family.ts";
export { recordingReferences } from "./recording.ts";
export * from "./types.ts";

/** Translates one route of any kind. Pure: the result depends on the route and on what it looked up. */
export function translateRoute(route: AnyRoute, references: References): TranslatedRoute {
  switch (route.kind) {
    case "HTTPRoute":
      return translateHttpRoute(route as HTTPRoute, references);
    case "GRPCRoute":
      return translateGrpcRoute(route as GRPCRoute, references);
    case "TLSRoute":
    case "TCPRoute":
    case "UDPRoute":
      return translateStreamRoute(route as TLSRoute | TCPRoute | UDPRoute, references);
    default:
      throw new TypeError(`${route.kind} is no kind of route`);
  }
}
