/** Random Services with endpoints in the test network: what a case is, and its objects. */
import fc from "fast-check";
import type { Endpoint, EndpointSlice, Service } from "../../src/objects/types.ts";
import { ADDRESSES, type Place, SERVED } from "./network.ts";

/** A family of addresses. */
export type Family = "IPv4" | "IPv6";
/** A protocol of ports. */
export type Protocol = "tcp" | "udp";
type Policy = "Cluster" | "Local";

/** An endpoint of a case. The node serves over TCP alone: it has several addresses, and UDP answers from any of them. */
export interface CaseEndpoint {
  readonly at: Exclude<Place, "client">;
  readonly node: "node-1" | "node-2";
  readonly families: readonly Family[];
  readonly conditions: NonNullable<Endpoint["conditions"]>;
  readonly hint: "here" | "this zone" | "elsewhere";
}

/** A Service and its endpoints. */
export interface Case {
  readonly families: readonly Family[];
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer";
  readonly externalIPs: boolean;
  /** The balancer's addresses are the external IPs too. */
  readonly sameAddresses: boolean;
  readonly ipMode: "VIP" | "Proxy";
  readonly internalPolicy: Policy;
  readonly externalPolicy: Policy;
  readonly affinity: boolean;
  readonly ranges: readonly string[];
  readonly endpoints: readonly CaseEndpoint[];
  /** Which of the endpoints have hints. */
  readonly hinted: "none" | "all" | "all but one";
  /** Where node ports are asked for: the address to the outside, or the one to the pods. */
  readonly nodeAddress: "node" | "gateway";
}

/** The zone of the node of the cases. */
export const ZONE = "east";

const BOTH: readonly Family[] = ["IPv4", "IPv6"];
const families = fc.constantFrom<readonly Family[]>(BOTH, BOTH, ["IPv4"], ["IPv6"]);
const policy = fc.constantFrom<Policy>("Cluster", "Local");
const ranges = [
  ...["172.18.0.0/16", "172.18.0.2/32", "10.244.0.0/16", "10.244.0.5/32", "203.0.113.0/24", "0.0.0.0/0"],
  ...["fd00:172:18::/64", "fd00:172:18::2/128", "fd00:10:244::/56", "fd00:10:244::5/128", "2001:db8:1::/48"],
  "::/0",
];

function endpointAt(at: CaseEndpoint["at"], ...nodes: CaseEndpoint["node"][]): fc.Arbitrary<CaseEndpoint> {
  return fc.record({
    at: fc.constant(at),
    node: fc.constantFrom(...nodes),
    families,
    conditions: fc.constantFrom<CaseEndpoint["conditions"]>(
      {},
      { ready: true, serving: true, terminating: false },
      { ready: true, serving: true, terminating: true },
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: false, terminating: true },
      { ready: false, serving: true, terminating: false },
      { ready: false, serving: false, terminating: false },
    ),
    hint: fc.constantFrom("here", "this zone", "elsewhere"),
  });
}

/** Pod b stands in for a pod of another node where its slice says so; a machine outside does in any case. */
const endpoints = fc
  .tuple(
    fc.option(endpointAt("a", "node-1"), { freq: 2 }),
    fc.option(endpointAt("b", "node-1", "node-2", "node-2"), { freq: 2 }),
    fc.option(endpointAt("node", "node-1"), { freq: 1 }),
    fc.option(endpointAt("outside", "node-2"), { freq: 1 }),
  )
  .map((list) => list.filter((endpoint) => endpoint !== null));

/** Any cluster, Service and connections to it. */
export const anyCase: fc.Arbitrary<Case> = fc.record({
  families,
  type: fc.constantFrom("LoadBalancer", "LoadBalancer", "NodePort", "ClusterIP"),
  externalIPs: fc.boolean(),
  sameAddresses: fc.integer({ min: 0, max: 4 }).map((number) => number === 4),
  ipMode: fc.constantFrom("VIP", "VIP", "VIP", "Proxy"),
  internalPolicy: policy,
  externalPolicy: policy,
  affinity: fc.boolean(),
  ranges: fc.oneof(fc.constant([]), fc.subarray(ranges, { maxLength: 3 })),
  endpoints,
  hinted: fc.constantFrom("none", "none", "all", "all but one"),
  nodeAddress: fc.constantFrom("node", "node", "gateway"),
});

/** Where a case is served: never the place of the case before, so that no tracked flow of that one counts. */
export interface CasePlace {
  readonly name: string;
  readonly clusterIP: { readonly [F in Family]: string };
  readonly externalIP: { readonly [F in Family]: string };
  readonly balancerIP: { readonly [F in Family]: string };
  readonly nodePort: number;
}

/** The place of the n-th case that runs. */
export function placeOf(run: number, { sameAddresses }: Case): CasePlace {
  const number = 256 + (run % 60_000);
  const last = 2 * (run % 120) + 1;
  const externalIP = { IPv4: `192.0.2.${last}`, IPv6: `2001:db8::${number.toString(16)}` };
  const balancerIP = { IPv4: `192.0.2.${last + 1}`, IPv6: `2001:db8::1:${number.toString(16)}` };
  return {
    name: `case-${run}`,
    clusterIP: { IPv4: `10.96.${number >> 8}.${number & 255}`, IPv6: `fd00:10:96::${number.toString(16)}` },
    externalIP: sameAddresses ? balancerIP : externalIP,
    balancerIP,
    nodePort: 30_000 + (run % 2000),
  };
}

/** The Service of a case: port 80 over TCP and UDP. */
export function serviceOf(given: Case, place: CasePlace): Service {
  const clusterIPs = given.families.map((family) => place.clusterIP[family]);
  const nodePort = given.type === "ClusterIP" ? {} : { nodePort: place.nodePort };
  const ingress = BOTH.map((family) => ({ ip: place.balancerIP[family], ipMode: given.ipMode }));
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: place.name, namespace: "default", uid: place.name },
    spec: {
      type: given.type,
      clusterIP: clusterIPs[0] ?? "",
      clusterIPs,
      ipFamilies: [...given.families],
      ports: [
        { name: "http", protocol: "TCP", port: 80, ...nodePort },
        { name: "dns", protocol: "UDP", port: 80, ...nodePort },
      ],
      externalIPs: given.externalIPs ? BOTH.map((family) => place.externalIP[family]) : [],
      internalTrafficPolicy: given.internalPolicy,
      externalTrafficPolicy: given.externalPolicy,
      sessionAffinity: given.affinity ? "ClientIP" : "None",
      ...(given.ranges.length > 0 && { loadBalancerSourceRanges: [...given.ranges] }),
    },
    ...(given.type === "LoadBalancer" && { status: { loadBalancer: { ingress } } }),
  };
}

/** Its slices: one per family, and one more for the endpoint that serves over TCP alone. */
export function slicesOf(given: Case, place: CasePlace): EndpointSlice[] {
  return BOTH.flatMap((family) =>
    [false, true].map((onNode): EndpointSlice => {
      const some = given.endpoints.filter(
        (endpoint) => endpoint.families.includes(family) && (endpoint.at === "node") === onNode,
      );
      const udp = { name: "dns", protocol: "UDP" as const, port: SERVED };
      return {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: `${place.name}-${family}${onNode ? "-node" : ""}`,
          namespace: "default",
          labels: { "kubernetes.io/service-name": place.name },
        },
        addressType: family,
        endpoints: some.map((endpoint) => endpointObject(endpoint, family, isHinted(given, endpoint))),
        ports: [{ name: "http", protocol: "TCP", port: SERVED }, ...(onNode ? [] : [udp])],
      };
    }),
  );
}

/** Whether an endpoint's slice has hints for it. */
export function isHinted({ hinted, endpoints }: Case, endpoint: CaseEndpoint): boolean {
  return hinted === "all" || (hinted === "all but one" && endpoint !== endpoints[0]);
}

const HINTS: { readonly [H in CaseEndpoint["hint"]]: NonNullable<Endpoint["hints"]> } = {
  here: { forNodes: [{ name: "node-1" }], forZones: [{ name: ZONE }] },
  "this zone": { forZones: [{ name: ZONE }] },
  elsewhere: { forNodes: [{ name: "node-2" }], forZones: [{ name: "west" }] },
};

function endpointObject(
  { at, node, conditions, hint }: CaseEndpoint,
  family: Family,
  hinted: boolean,
): Endpoint {
  return {
    addresses: [ADDRESSES[at][family]],
    nodeName: node,
    conditions,
    ...(hinted && { hints: HINTS[hint] }),
    targetRef: { kind: "Pod", namespace: "default", name: at, uid: at },
  };
}
