import type { Family, PerFamily } from "../../ip/family.ts";

/** What the `ip` commands of one pod's link are made from. */
export interface PodLink {
  /** Name of the node's end. */
  readonly name: string;
  readonly addresses: PerFamily<string>;
  /** The node's end of every pod link has these addresses; pods route through them. */
  readonly gateways: PerFamily<string>;
}

/** How the name of the node's end of a pod's link begins; the pod's index in the node's ranges follows. */
export const POD_LINKS = "pod";

/** IPv6 has an address for this: the link-local one, the same on every pod's link. */
export const GATEWAY_V6 = "fe80::1";

/**
 * What the node itself sends to its pods has it, and nothing that it forwards: that has one less at the most. So a pod can
 * tell a probe of the kubelet from a client that was given the node's address. Source: RFC 5082, which does so with peers.
 */
export const NODE_HOP_LIMIT = 255;

const HOST_BITS: Record<Family, number> = { IPv4: 32, IPv6: 128 };

function familiesOf(link: PodLink): Family[] {
  return (["IPv4", "IPv6"] as const).filter((family) => link.addresses[family] !== undefined);
}

/**
 * The node's side: a veth pair with its other end in the pod's namespace (named by a process in it), the gateway
 * address on this end, and a route to each of the pod's addresses. No bridge: each pod is a point-to-point link.
 */
export function nodeSideCommands(link: PodLink, podProcess: number): string[] {
  const { name, addresses } = link;
  return [
    `link add ${name} type veth peer name eth0 netns ${podProcess}`,
    ...familiesOf(link).map((family) =>
      family === "IPv4"
        ? `address add ${link.gateways.IPv4}/32 dev ${name}`
        : `address add ${link.gateways.IPv6}/64 dev ${name} nodad`,
    ),
    `link set ${name} up`,
    ...familiesOf(link).map(
      (family) =>
        `route add ${addresses[family]}/${HOST_BITS[family]} dev ${name} hoplimit ${NODE_HOP_LIMIT}`,
    ),
  ];
}

/** The pod's side, run inside its namespace. */
export function podSideCommands(link: PodLink): string[] {
  const { addresses, gateways } = link;
  return [
    "link set lo up",
    "link set eth0 up",
    ...familiesOf(link).flatMap((family) => [
      `address add ${addresses[family]}/${HOST_BITS[family]} dev eth0${family === "IPv6" ? " nodad" : ""}`,
      ...(family === "IPv4" ? [`route add ${gateways.IPv4}/32 dev eth0 scope link`] : []),
      `route add default via ${gateways[family]} dev eth0`,
    ]),
  ];
}
