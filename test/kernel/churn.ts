/** Random changes of many Services and their EndpointSlices, as a cluster's controllers would report them. */
import fc from "fast-check";
import type { Endpoint, EndpointSlice, Service, ServicePort, ServiceSpec } from "../../src/objects/types.ts";
import type { TrafficModel } from "../../src/traffic/index.ts";

/** How many Services there are at most. */
export const SERVICES = 200;

/** One change of one object; the object is the one with that name from then on, or gone. */
export type Change =
  | { readonly kind: "Service"; readonly type: "updated" | "deleted"; readonly object: Service }
  | { readonly kind: "EndpointSlice"; readonly type: "updated" | "deleted"; readonly object: EndpointSlice };

/** Gives a change to a model; the keys of the frontends that it is about. */
export function applyChange(model: TrafficModel, change: Change): readonly string[] {
  return change.kind === "Service" ? model.onService(change) : model.onSlice(change);
}

/** What changes, in one line. */
export function describeChange({ kind, type, object }: Change): string {
  const content = type === "deleted" ? "" : ` ${JSON.stringify("spec" in object ? object.spec : object)}`;
  return `${type} ${kind} ${object.metadata.name}${content}`;
}

const slot = fc.nat({ max: SERVICES - 1 });
/** Nearly always the Service's own; an address that moves reaches the kernel in the order in which events come. */
const someoneElse = fc.option(slot, { freq: 9, nil: undefined });
const externalIPs = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2", "2001:db8::3"];
const balancerIPs = ["192.0.2.3", "192.0.2.4", "192.0.2.5", "2001:db8::3", "2001:db8::4", "2001:db8::5"];
const ranges = [
  ...["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "172.18.0.2/32", "0.0.0.0/0"],
  ...["2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::1/128", "fd00:172:18::/64", "::/0"],
];

const servicePort = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  protocol: fc.constantFrom("TCP" as const, "UDP" as const, "SCTP" as const),
  port: fc.constantFrom(53, 80, 443),
});

const serviceState = fc.record({
  slot,
  type: fc.constantFrom("ClusterIP" as const, "NodePort" as const, "LoadBalancer" as const),
  families: fc.constantFrom(["IPv4", "IPv6"], ["IPv6", "IPv4"], ["IPv4"], ["IPv6"]) as fc.Arbitrary<
    ("IPv4" | "IPv6")[]
  >,
  addressOf: someoneElse,
  nodePortsOf: someoneElse,
  ports: fc.uniqueArray(servicePort, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
  externalIPs: fc.subarray(externalIPs, { maxLength: 2 }),
  balancers: fc.subarray(balancerIPs, { maxLength: 3 }),
  ipMode: fc.constantFrom("VIP" as const, "VIP" as const, "Proxy" as const),
  more: fc.record<Partial<ServiceSpec>>(
    {
      internalTrafficPolicy: fc.constantFrom("Cluster", "Local"),
      externalTrafficPolicy: fc.constantFrom("Cluster", "Local"),
      sessionAffinity: fc.constantFrom("None", "ClientIP"),
      sessionAffinityConfig: fc.constantFrom({}, { clientIP: { timeoutSeconds: 60 } }),
      loadBalancerSourceRanges: fc.subarray(ranges, { maxLength: 4 }),
    },
    { requiredKeys: [] },
  ),
  headless: fc.integer({ min: 0, max: 19 }).map((number) => number === 0),
});

type ServiceState = typeof serviceState extends fc.Arbitrary<infer T> ? T : never;

function nameOf(slot: number): string {
  return `service-${String(slot).padStart(3, "0")}`;
}

function serviceOf(state: ServiceState): Service {
  const place = state.addressOf ?? state.slot;
  const addresses = state.families.map((family) =>
    family === "IPv4" ? `10.96.1.${place}` : `fd00:10:96::1:${place.toString(16)}`,
  );
  const clusterIPs = state.headless ? ["None"] : addresses;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: nameOf(state.slot), namespace: "default", uid: nameOf(state.slot) },
    spec: {
      type: state.headless ? "ClusterIP" : state.type,
      clusterIP: clusterIPs[0] ?? "",
      clusterIPs,
      ipFamilies: state.families,
      ports: portsOf(state),
      externalIPs: state.externalIPs,
      ...state.more,
    },
    status: { loadBalancer: { ingress: state.balancers.map((ip) => ({ ip, ipMode: state.ipMode })) } },
  };
}

/** Without ports that stand there twice, which the API server refuses. */
function portsOf({ ports, nodePortsOf, slot, type }: ServiceState): ServicePort[] {
  const seen = new Set<string>();
  return ports.flatMap((port, index) => {
    const key = `${port.protocol} ${port.port}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const nodePort = 30_000 + 3 * (nodePortsOf ?? slot) + index;
    return [{ ...port, ...(type !== "ClusterIP" && { nodePort }) }];
  });
}

const endpoint = fc.record({
  pod: fc.nat({ max: 39 }),
  node: fc.constantFrom("node-1", "node-1", "node-2", undefined),
  conditions: fc.constantFrom<Endpoint["conditions"]>(
    {},
    { ready: true, serving: true, terminating: false },
    { ready: false, serving: true, terminating: true },
    { ready: false, serving: false, terminating: false },
  ),
  hints: fc.option(
    fc.constantFrom<NonNullable<Endpoint["hints"]>>(
      { forZones: [{ name: "east" }] },
      { forZones: [{ name: "west" }] },
      { forNodes: [{ name: "node-1" }], forZones: [{ name: "east" }] },
      { forNodes: [{ name: "node-2" }], forZones: [{ name: "west" }] },
    ),
    { nil: undefined },
  ),
});

const sliceState = fc.record({
  slot,
  family: fc.constantFrom("IPv4" as const, "IPv6" as const),
  /** A Service has two slices in a family now and then. */
  number: fc.constantFrom(1, 1, 2),
  /** A slice's label may move it to another Service. */
  service: someoneElse,
  endpoints: fc.uniqueArray(endpoint, { maxLength: 5, selector: ({ pod }) => pod }),
  hinted: fc.boolean(),
  ports: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("a", "b", "c"),
      protocol: fc.constantFrom("TCP" as const, "UDP" as const, "SCTP" as const),
      port: fc.constantFrom(8080, 8081),
    }),
    { minLength: 1, maxLength: 6, selector: ({ name, protocol }) => `${name} ${protocol}` },
  ),
});

type SliceState = typeof sliceState extends fc.Arbitrary<infer T> ? T : never;

function sliceOf({ slot, family, number, service, endpoints, hinted, ports }: SliceState): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${nameOf(slot)}-${family}-${number}`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": nameOf(service ?? slot) },
    },
    addressType: family,
    endpoints: endpoints.map(({ pod, node, conditions, hints }) => ({
      addresses: [family === "IPv4" ? `10.244.0.${pod + 10}` : `fd00:10:244::${(pod + 10).toString(16)}`],
      ...(node && { nodeName: node }),
      ...(conditions && { conditions }),
      ...(hinted && hints && { hints }),
      targetRef: { kind: "Pod", namespace: "default", name: `pod-${pod}`, uid: `pod-${pod}` },
    })),
    ports,
  };
}

const service = (type: Change["type"]): fc.Arbitrary<Change> =>
  serviceState.map((state) => ({ kind: "Service", type, object: serviceOf(state) }));
const slice = (type: Change["type"]): fc.Arbitrary<Change> =>
  sliceState.map((state) => ({ kind: "EndpointSlice", type, object: sliceOf(state) }));

/** A change; enough of them keep about three quarters of the Services there. */
export const anyChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 30, arbitrary: service("updated") },
  { weight: 10, arbitrary: service("deleted") },
  { weight: 50, arbitrary: slice("updated") },
  { weight: 10, arbitrary: slice("deleted") },
);
