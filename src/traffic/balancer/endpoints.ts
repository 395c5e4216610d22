import { FAMILIES, type Family, type PerFamily } from "../../ip/family.ts";
import type { Endpoint, EndpointSlice, Service } from "../../objects/types.ts";
import type { BalancerEndpoint } from "./model.ts";

interface Growing {
  pod: string;
  addresses: { IPv4?: string; IPv6?: string };
  node: string | undefined;
  ports: Record<string, number>;
}

/**
 * The pods behind a Service that are ready, each once with an address per family, sorted by name. Endpoints that are no
 * pods count locally only: AWS's targets must be found again by what they are.
 */
export function selectEndpoints(
  service: Service,
  slices: readonly EndpointSlice[],
  provider: "aws" | "local",
): BalancerEndpoint[] {
  const pods = new Map<string, Growing>();
  for (const slice of slices) {
    if (!isOf(slice, service)) continue;
    const family = slice.addressType as Family;
    for (const endpoint of slice.endpoints ?? []) addTo(pods, endpoint, family, portsOf(slice), provider);
  }
  return [...pods.values()].sort((a, b) => (a.pod < b.pod ? -1 : 1)) satisfies {
    addresses: PerFamily<string>;
  }[];
}

function isOf({ metadata, addressType }: EndpointSlice, service: Service): boolean {
  return (
    metadata.namespace === service.metadata.namespace &&
    metadata.labels?.["kubernetes.io/service-name"] === service.metadata.name &&
    FAMILIES.some((family) => family === addressType)
  );
}

function portsOf({ ports }: EndpointSlice): Record<string, number> {
  const pairs = (ports ?? []).flatMap(({ name, port }): [string, number][] =>
    port === undefined ? [] : [[name ?? "", port]],
  );
  return Object.fromEntries(pairs);
}

function addTo(
  pods: Map<string, Growing>,
  { addresses, conditions, targetRef, nodeName }: Endpoint,
  family: Family,
  ports: Readonly<Record<string, number>>,
  provider: "aws" | "local",
): void {
  const [address] = addresses;
  if (address === undefined || conditions?.ready === false) return;
  const pod = targetRef?.kind === "Pod" ? targetRef.name : undefined;
  if (pod === undefined && provider === "aws") return;
  const name = pod ?? address;
  let known = pods.get(name);
  if (known === undefined) {
    known = { pod: name, addresses: {}, node: nodeName, ports: {} };
    pods.set(name, known);
  }
  known.addresses[family] ??= address;
  Object.assign(known.ports, ports);
}
