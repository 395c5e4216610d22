import type { BalancerPort } from "./model.ts";

/** Protocols of listeners and target groups, as AWS spells them. */
export type ListenerProtocol = "TCP" | "UDP" | "TCP_UDP" | "TLS";

/** What a port's listener speaks: TLS where it has certificates. */
export function listenerProtocolOf({
  protocol,
  tls,
}: Pick<BalancerPort, "protocol" | "tls">): ListenerProtocol {
  return tls === undefined ? protocol : "TLS";
}

/** What a port's targets are spoken to in: TLS is ended at the balancer unless targets shall have it, too. */
export function targetProtocolOf(
  port: Pick<BalancerPort, "protocol" | "tls" | "tlsToTargets">,
): ListenerProtocol {
  const protocol = listenerProtocolOf(port);
  return protocol === "TLS" && !port.tlsToTargets ? "TCP" : protocol;
}
