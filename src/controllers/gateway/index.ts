/** Gateways as objects of the API: their statuses, and the infrastructure that each of them needs. */
export type { Reachability } from "./addresses.ts";
export {
  ensureAuthority,
  issueServerCertificate,
  keyPairOf,
  proxyIdentity,
  proxyOfIdentity,
  serverIdentity,
} from "./certificates.ts";
export { ClassFinalizers } from "./class-finalizers.ts";
export {
  type InfrastructurePort,
  type InfrastructureRequest,
  type ProxyContainer,
  XDS_CERTIFICATE_FOLDER,
} from "./desired.ts";
export {
  type GatewayInfrastructure,
  type InfrastructureState,
  startGatewayInfrastructure,
} from "./infrastructure.ts";
export { GATEWAY_NAME_LABEL, infrastructureName, labelValue } from "./names.ts";
export type { News } from "./condition-news.ts";
export { StatusEvents } from "./status-events.ts";
export { type DesiredStatus, StatusWriter } from "./status-writer.ts";
