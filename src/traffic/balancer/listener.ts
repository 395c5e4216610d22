import type { BalancerPort } from "./model.ts";

/** Protocols of listeners and target groups, as AWS spells them. */
export type ListenerProtocol = "TCP" | "UDP" | "TCP_UDP" | "TLS" | "QUIC" | "TCP_QUIC";

/** What a port's listener speaks: TLS where it has certificates, QUIC where that is switched on. */
export function listenerProtocolOf(
  { protocol, port, tls }: Pick<BalancerPort, "protocol" | "port" | "tls">,
  quicPorts: readonly number[],
): ListenerProtocol {
  if (quicPorts.includes(port) && protocol !== "TCP") return protocol === "UDP" ? "QUIC" : "TCP_QUIC";
  return tls === undefined ? protocol : "TLS";
}

/** What a port's targets are spoken to in: TLS is ended at the balancer unless targets shall have it, too. */
export function targetProtocolOf(
  port: Pick<BalancerPort, "protocol" | "port" | "tls" | "tlsToTargets">,
  quicPorts: readonly number[],
): ListenerProtocol {
  const protocol = listenerProtocolOf(port, quicPorts);
  return protocol === "TLS" && !port.tlsToTargets ? "TCP" : protocol;
}
