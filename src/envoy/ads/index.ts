export type { Refused } from "./acknowledge.ts";
export type { Counters, KindCounters } from "./counters.ts";
export type { ListenAddress } from "./listen.ts";
export type { Nack } from "./proxies.ts";
export {
  type AdsCertificates,
  type AdsOptions,
  type AdsServer,
  type Peer,
  startAdsServer,
} from "./server.ts";
export type { KindStatus, RefusedStatus, StreamStatus } from "./status.ts";
