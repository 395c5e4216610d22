import { existsSync, writeFileSync } from "node:fs";
import { FAMILIES, type Family } from "../../ip/family.ts";
import { type ClusterPlan, FABRIC } from "../plan.ts";

/** The bridge that joins the nodes. */
const BRIDGE = "fabric";

/**
 * The `ip` commands that make the fabric and the nodes' namespaces, with one veth pair each; run in the lab's own
 * network namespace. The nodes' ends get their addresses from the nodes themselves.
 */
export function fabricCommands(plan: ClusterPlan): string[] {
  return [
    "link set lo up",
    `link add ${BRIDGE} type bridge`,
    ...outsideFamilies(plan).map((family) => addressCommand(family, FABRIC[family].address, BRIDGE)),
    `link set ${BRIDGE} up`,
    `netns add ${plan.balancerHost.netns}`,
    `link add cloud type veth peer name eth0 netns ${plan.balancerHost.netns}`,
    `link set cloud master ${BRIDGE} up`,
    ...plan.nodePlans.flatMap((node, index) => [
      `netns add ${node.netns}`,
      `link add node${index + 1} type veth peer name eth0 netns ${node.netns}`,
      `link set node${index + 1} master ${BRIDGE} up`,
    ]),
  ];
}

/**
 * The commands that a node runs in its own namespace: addresses, and the way to the other nodes and the lab. They may be
 * run again, by an agent that was started anew.
 */
export function nodeLinkCommands(plan: ClusterPlan, nodeName: string): string[] {
  const node = plan.nodePlans.find(({ name }) => name === nodeName);
  if (node === undefined) throw new Error(`no node ${nodeName} in the plan`);
  return [
    "link set lo up",
    ...plan.families.map((family) => addressCommand(family, node.addresses[family] as string, "eth0")),
    "link set eth0 up",
    ...plan.families.map((family) => `route replace default via ${plan.fabric[family]}`),
  ];
}

/** The same for the host of load balancers, whose clients may have a family that the cluster has not. */
export function balancerHostCommands(plan: ClusterPlan): string[] {
  const { addresses } = plan.balancerHost;
  return [
    "link set lo up",
    ...outsideFamilies(plan).map((family) => addressCommand(family, addresses[family] as string, "eth0")),
    "link set eth0 up",
  ];
}

/** The lab's own addresses on the fabric: those of the cluster's families first, then the other one's. */
export function outsideAddresses(plan: ClusterPlan): string[] {
  return outsideFamilies(plan).map((family) => FABRIC[family].address);
}

/** Outside of a cluster are both families, as far as the machine has them. */
function outsideFamilies({ families }: ClusterPlan): Family[] {
  const has = (family: Family) => family === "IPv4" || existsSync("/proc/sys/net/ipv6");
  return [...families, ...FAMILIES.filter((family) => !families.includes(family) && has(family))];
}

/** `nodad`: an address counts at once, as duplicate detection would take a second and nobody else is on the link. */
function addressCommand(family: Family, address: string, link: string): string {
  const { prefix } = FABRIC[family];
  return `address replace ${address}/${prefix} dev ${link}${family === "IPv6" ? " nodad" : ""}`;
}

const FORWARDING: Record<Family, readonly (readonly [string, string])[]> = {
  IPv4: [
    ["ipv4/ip_forward", "1"],
    // replies may take another way than requests (NodePort, hairpin)
    ["ipv4/conf/all/rp_filter", "0"],
    ["ipv4/conf/default/rp_filter", "0"],
    // a node that sends a packet on to a pod elsewhere is no reason to go round it the next time
    ["ipv4/conf/all/accept_redirects", "0"],
    // connections, not clients, are spread over the nodes that lead to a balancer's address
    ["ipv4/fib_multipath_hash_policy", "1"],
    // One clock for all connections of a client. With one of its own each (Linux 6.18), what a node masquerades from
    // many connections into few ports looks old to a server that has had the port before: it answers the SYN with an
    // ACK (PAWS, RFC 7323), and the client's RST to that may go by another node. The client would wait for a minute.
    ["ipv4/tcp_timestamps", "2"],
  ],
  IPv6: [
    ["ipv6/conf/all/forwarding", "1"],
    ["ipv6/fib_multipath_hash_policy", "1"],
    ["ipv6/conf/default/accept_dad", "0"],
    ["ipv6/conf/all/accept_dad", "0"],
    ["ipv6/conf/default/accept_ra", "0"],
  ],
};

/** Lets this process's network namespace forward packets of both families, where the kernel has them. */
export function enableForwarding(): void {
  for (const [name, value] of FAMILIES.flatMap((family) => FORWARDING[family])) {
    try {
      writeFileSync(`/proc/sys/net/${name}`, value);
    } catch {
      // a kernel without this family has no such file
    }
  }
}
