/** The embedded API server: Kubernetes' REST API over HTTPS, on a store in memory or on disk. */
export type { ApiServer, ApiServerOptions, Listener } from "./options.ts";
export { startApiServer } from "./start.ts";
export { VERSION } from "./version.ts";
