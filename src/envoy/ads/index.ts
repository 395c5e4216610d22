export type { Refused } from "./acknowledge.ts";
export type { Counters, KindCounters } from "./counters.ts";
export type { ListenAddress } from "./listen.ts";
export type { AdsCertificates, AdsOptions, Peer } from "./options.ts";
export type { Nack } from "./proxies.ts";
export { type AdsServer, startAdsServer } from "./server.ts";
export type { KindStatus, RefusedStatus, StreamStatus } from "./status.ts";
