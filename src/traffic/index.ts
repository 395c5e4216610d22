/** Traffic: what Services and EndpointSlices mean, as frontends, ports and backends with an address per family. */
export {
  enforcesFamilyReadiness,
  FAMILY_READINESS_ANNOTATION,
  type FamilyReadiness,
  familyReadyType,
  type SilentFamilies,
  silentFamiliesOf,
  withFamilyReadiness,
} from "./family-readiness.ts";
export { feedModel, type ObjectSource, type TrafficSources } from "./feed.ts";
export { buildFrontend } from "./frontend.ts";
export type * from "./model.ts";
export { createSharer } from "./sharer.ts";
export {
  createTrafficModel,
  type ObjectChange,
  SERVICE_NAME_LABEL,
  type TrafficModel,
  type TrafficModelOptions,
} from "./tracker.ts";
