/** What of a pod's traffic goes through its sidecar: settings of {@link captureScript}. Plain data. */

/** The ports of a sidecar; what comes in for them is for the sidecar itself. */
export const SIDECAR_PORTS = {
  admin: 15000,
  outbound: 15001,
  inbound: 15006,
  tunnel: 15008,
  health: 15021,
  stats: 15090,
} as const;

/** The user and group that a sidecar runs as in a cluster. */
const PROXY_ID = 1337;

/** Bound by the sidecar when it connects to its own pod's application, so that this is not taken for a caller's. */
export const INBOUND_SOURCES = { IPv4: "127.0.0.6", IPv6: "::6" } as const;

/** How connections of the sidecar itself are told from the application's; any one of them is enough. */
export interface ProxyGuards {
  readonly users: readonly number[];
  readonly groups: readonly number[];
  /** SO_MARK of the sidecar's sockets, where it cannot have a user of its own. */
  readonly mark?: number;
}

/** What is captured, of both families at once: ranges and addresses of either stand in one list. */
export interface CaptureSettings {
  readonly guards: ProxyGuards;
  /** Ports of the application whose callers go to the sidecar; `all` but those of the sidecar and the excluded. */
  readonly includeInboundPorts: "all" | readonly number[];
  readonly excludeInboundPorts: readonly number[];
  readonly excludeOutboundPorts: readonly number[];
  /** Destinations that are captured, whatever the ranges below say of the rest. */
  readonly includeOutboundPorts: readonly number[];
  /** Only these destinations are captured; `all` in any case. */
  readonly includeOutboundRanges: "all" | readonly string[];
  readonly excludeOutboundRanges: readonly string[];
  /** Interfaces of the pod whose traffic is left alone, either way. */
  readonly excludeInterfaces: readonly string[];
  /** Users whose connections are left alone. */
  readonly excludeUsers: readonly number[];
  /** Addresses of the pod's own node, from which the kubelet probes. */
  readonly nodeAddresses: readonly string[];
  /** Ports that probes ask: the node reaches the application itself there, so that it and not the sidecar answers. */
  readonly probePorts: readonly number[];
  /**
   * Hop limit (TTL) of what the node itself sends to its pods. What a node forwards may have the node's address too, as
   * traffic of node ports and load balancers does, but not this hop limit: without it, such traffic is taken for probes.
   */
  readonly probeHopLimit?: number;
}

/** Everything is captured but what the sidecar does. */
export const DEFAULT_CAPTURE: CaptureSettings = {
  guards: { users: [PROXY_ID], groups: [PROXY_ID] },
  includeInboundPorts: "all",
  excludeInboundPorts: [],
  excludeOutboundPorts: [],
  includeOutboundPorts: [],
  includeOutboundRanges: "all",
  excludeOutboundRanges: [],
  excludeInterfaces: [],
  excludeUsers: [],
  nodeAddresses: [],
  probePorts: [],
};
