/** Desired: what each proxy should have, as xDS resources, made of models and frontends. */
export type { ProxyCapabilities } from "./capabilities.ts";
export { createEnvoyOutput, type EnvoyOutput, type FrontendLookup } from "./output.ts";
export type { MeshPeers } from "./peers.ts";
