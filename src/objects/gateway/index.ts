/** The façade of the Gateway API's objects. */
export { ENVOY_GATEWAY_KINDS, GATEWAY_KINDS, TANDEM_GATEWAY_KINDS } from "./kinds.ts";
export * from "./parameters.ts";
export * from "./route-types.ts";
export * from "./types.ts";
