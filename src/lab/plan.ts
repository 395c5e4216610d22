import { type Address, addToAddress, formatAddress, parseAddress } from "../ip/address.ts";
import { addressAt, type Cidr, formatCidr } from "../ip/cidr.ts";
import type { Family, PerFamily } from "../ip/family.ts";

/** What a cluster is made of; the caller decides it, {@link planCluster} derives the rest. */
export interface ClusterShape {
  /** Name of the cluster, a DNS label. */
  readonly name: string;
  /** The families of the cluster, the primary one first. */
  readonly families: readonly Family[];
  /** How many nodes. */
  readonly nodes: number;
  /** Service ranges, in the order of the families. */
  readonly serviceRanges: readonly Cidr[];
  /** Pod ranges, in the order of the families. */
  readonly podRanges: readonly Cidr[];
  /** Whether data planes leave pods out for families that they do not answer over; `report` by default. */
  readonly familyReadiness?: "enforce" | "report";
}

/** A node before it exists: its name, network namespace and addresses on the fabric. */
export interface NodePlan {
  readonly name: string;
  /** Name below /run/netns inside the lab. */
  readonly netns: string;
  readonly addresses: PerFamily<string>;
}

/** Everything that a lab's processes must agree on; goes to them as one JSON file. */
export interface ClusterPlan {
  readonly name: string;
  readonly families: readonly Family[];
  /** Service ranges as text, in the order of the families. */
  readonly serviceRanges: readonly string[];
  /** Pod ranges as text, in the order of the families. */
  readonly podRanges: readonly string[];
  readonly nodePlans: readonly NodePlan[];
  /** The lab's own addresses on the fabric: API server and DNS server. */
  readonly fabric: PerFamily<string>;
  /** The host outside of the nodes that load balancers run on: both families, whatever those of the cluster. */
  readonly balancerHost: { readonly netns: string; readonly addresses: PerFamily<string> };
  /** Ranges on the fabric for addresses of Services of type LoadBalancer, in the order of the families. */
  readonly balancerRanges: readonly string[];
  readonly apiPort: number;
  readonly domain: string;
  /** Cluster IPs of kube-dns, in the order of the families. */
  readonly dnsAddresses: readonly string[];
  /** Cluster IP of default/kubernetes. */
  readonly kubernetesAddress: string;
  readonly familyReadiness: "enforce" | "report";
  /** Ports of the kubelet's HTTPS server on every node. */
  readonly kubeletPort: number;
}

/** The lab's network between nodes: one link for both families. */
export const FABRIC: Required<PerFamily<{ readonly address: string; readonly prefix: number }>> = {
  IPv4: { address: "172.18.0.1", prefix: 16 },
  IPv6: { address: "fd00:172:18::1", prefix: 64 },
};

/** Parts of the fabric that no node gets to: nodes are numbered from its beginning, and are fewer than 65,000. */
const BALANCER_RANGES: Required<PerFamily<string>> = {
  IPv4: "172.18.255.0/24",
  IPv6: "fd00:172:18:0:ff::/112",
};

/** A place on the fabric that no node and no balancer gets to. */
const BALANCER_HOST: Required<PerFamily<string>> = { IPv4: "172.18.253.1", IPv6: "fd00:172:18:0:fd::1" };

const API_PORT = 6443;
const KUBELET_PORT = 10250;
const DNS_INDEX = 10n;

/** Derives names and addresses of a cluster: node i is `node-i` with the i-th address behind the fabric's own. */
export function planCluster(shape: ClusterShape): ClusterPlan {
  const { name, families, serviceRanges, podRanges } = shape;
  return {
    name,
    families,
    serviceRanges: serviceRanges.map(formatCidr),
    podRanges: podRanges.map(formatCidr),
    nodePlans: Array.from({ length: shape.nodes }, (_, index) => planNode(families, index + 1)),
    fabric: eachFamily(families, (family) => FABRIC[family].address),
    balancerHost: { netns: "cloud", addresses: BALANCER_HOST },
    balancerRanges: families.map((family) => BALANCER_RANGES[family]),
    apiPort: API_PORT,
    domain: "cluster.local",
    dnsAddresses: serviceRanges.map((range) => formatAddress(addressAt(range, DNS_INDEX))),
    kubernetesAddress: formatAddress(addressAt(serviceRanges[0] as Cidr, 1n)),
    familyReadiness: shape.familyReadiness ?? "report",
    kubeletPort: KUBELET_PORT,
  };
}

function planNode(families: readonly Family[], number: number): NodePlan {
  const name = `node-${number}`;
  const addresses = eachFamily(families, (family) => {
    const own = parseAddress(FABRIC[family].address) as Address;
    return formatAddress(addToAddress(own, BigInt(number)));
  });
  return { name, netns: name, addresses };
}

/** A value for each of the families given, in their order. */
export function eachFamily<T>(families: readonly Family[], make: (family: Family) => T): PerFamily<T> {
  return Object.fromEntries(families.map((family) => [family, make(family)])) as PerFamily<T>;
}
