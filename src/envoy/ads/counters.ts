import { type PerKind, perKind } from "./table.ts";

/** What happened since the server began, per kind of resource; plain numbers for a metrics page. */
export interface KindCounters {
  responses: number;
  resourcesSent: number;
  removalsSent: number;
  bytesSent: number;
  acknowledged: number;
  /** Responses that were refused, whole or in part. */
  refusedResponses: number;
  /** Resources that were refused. */
  refusedResources: number;
}

/** Counters of a server. */
export interface Counters {
  /** Streams ever opened, and open now. */
  streamsOpened: number;
  streams: number;
  /** Streams refused: no such proxy, or not this client's. */
  denied: number;
  readonly kinds: PerKind<KindCounters>;
}

/** Counters at zero. */
export function createCounters(): Counters {
  return {
    streamsOpened: 0,
    streams: 0,
    denied: 0,
    kinds: perKind(() => ({
      responses: 0,
      resourcesSent: 0,
      removalsSent: 0,
      bytesSent: 0,
      acknowledged: 0,
      refusedResponses: 0,
      refusedResources: 0,
    })),
  };
}
