/** Whether the pods behind a load balancer are told their clients by PROXY headers: pure. */
import type { Service } from "../../objects/types.ts";
import { translateBalancer } from "../../traffic/balancer/index.ts";
import { WANTS_HEADER, REFUSES_HEADER } from "../probe/protocol.ts";

/** The version of the PROXY protocol that a load balancer sends to the targets of a port; undefined: none. */
export type ProxyPorts = ReadonlyMap<number, 1 | 2 | undefined>;

/** What a Service's load balancer sends, by the Service's ports. Undefined when none of ours serves it. */
export function proxyPortsOf(service: Service): ProxyPorts | undefined {
  if (service.spec.type !== "LoadBalancer") return undefined;
  for (const provider of ["local", "aws"] as const) {
    const { model } = translateBalancer(service, { provider, nodes: [], endpointSlices: [] });
    if (model !== undefined) return new Map(model.ports.map((port) => [port.port, port.proxyProtocol]));
  }
  return undefined;
}

const HINTS: Readonly<Record<string, string>> = {
  [REFUSES_HEADER]:
    "its load balancer sends a PROXY header and the pod closes on it, but answers without one; make the pod read it " +
    "(nginx: listen 80 proxy_protocol; listen [::]:80 proxy_protocol), or switch PROXY protocol off at the Service",
  [WANTS_HEADER]:
    "the pod answers to a PROXY header and closes without one, but its load balancer sends none; switch PROXY protocol " +
    'on at the Service (service.beta.kubernetes.io/aws-load-balancer-proxy-protocol: "*"), or off in the pod',
};

/** What mends a mismatch that the probe found. */
export function hintOfMismatch(reason: string): string | undefined {
  return HINTS[reason];
}
