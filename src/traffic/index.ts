/** Traffic: what Services and EndpointSlices mean, as frontends, ports and backends with an address per family. */
export { feedModel, type ObjectSource, type TrafficSources } from "./feed.ts";
export { buildFrontend } from "./frontend.ts";
export type * from "./model.ts";
export { createTrafficModel, type ObjectChange, SERVICE_NAME_LABEL, type TrafficModel } from "./tracker.ts";
