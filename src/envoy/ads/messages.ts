import type { Resource, ResourceKind } from "../resources.ts";

/** Who opened a stream: `node` of its first request. */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  /** `envoy 1.40.0`, or what else the client calls itself. */
  readonly userAgent: string;
}

/** A DeltaDiscoveryRequest, as far as it matters. Source: envoy/service/discovery/v3/discovery.proto. */
export interface DeltaRequest {
  readonly typeUrl: string;
  readonly node?: NodeInfo;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** On the first request of a type after a reconnect: what the client has, and in which version. */
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  /** Set in a rejection (NACK): why. */
  readonly error?: string;
}

/** A DiscoveryRequest (state of the world), as far as it matters. */
export interface SotwRequest {
  readonly typeUrl: string;
  readonly node?: NodeInfo;
  readonly names: readonly string[];
  readonly version: string;
  readonly nonce: string;
  readonly error?: string;
}

/** One response of either protocol; state of the world sends no `removed`. */
export interface Response {
  readonly kind: ResourceKind;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}
