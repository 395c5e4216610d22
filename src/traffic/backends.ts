/** Joins the EndpointSlices of a Service into backends: one per pod, whatever families and slices it appears in. */
import { type Family, familiesOf, mapFamilies, type PerFamily } from "../ip/family.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "../objects/types.ts";
import type { Backend, BackendConditions, PortBackend, Protocol } from "./model.ts";
import { canonicalText } from "./text.ts";

/** A backend while its families are being collected; it leaves this file as a {@link Backend}. */
interface Draft {
  id: string;
  addresses: { IPv4?: string; IPv6?: string };
  conditions: { IPv4?: BackendConditions; IPv6?: BackendConditions };
  pod?: { namespace: string; name: string };
  hostname?: string;
  node?: string;
  zone?: string;
  forZones?: string[];
  forNodes?: string[];
}

/** The backends of a Service, and for each endpoint port (`name/protocol`) those that serve it. */
export interface JoinedBackends {
  readonly backends: readonly Backend[];
  readonly byPort: ReadonlyMap<string, readonly PortBackend[]>;
}

/** The key under which slices and Services name the same port: its name and protocol. */
export function portKey(name: string | undefined, protocol: Protocol | undefined): string {
  return `${name ?? ""}/${protocol ?? "TCP"}`;
}

/**
 * Joins slices of any family: endpoints that are the same pod become one backend with an address per family. Where one
 * address appears twice (a slice is being rewritten), the readier one counts. Slices of addressType FQDN hold nothing.
 */
export function joinBackends(slices: readonly EndpointSlice[]): JoinedBackends {
  const join: Join = { drafts: new Map(), byPort: new Map() };
  const ordered =
    slices.length < 2 ? slices : [...slices].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const slice of ordered) {
    if (slice.addressType !== "FQDN") addSlice(join, slice, slice.addressType);
  }
  return { backends: [...join.drafts.values()], byPort: mergedPorts(join.byPort) };
}

interface Join {
  readonly drafts: Map<string, Draft>;
  /** Port key, then backend and number, to the families that serve it so. */
  readonly byPort: Map<string, Map<string, Served>>;
}

interface Served {
  readonly draft: Draft;
  readonly port: number;
  readonly families: Family[];
}

function addSlice(join: Join, slice: EndpointSlice, family: Family): void {
  for (const endpoint of slice.endpoints ?? []) {
    const text = endpoint.addresses[0];
    const address = text === undefined ? undefined : canonicalText(text, family);
    if (address === undefined) continue;
    const draft = draftFor(join, endpoint, slice.metadata.namespace ?? "", address, family);
    describe(draft, endpoint, address, family);
    for (const port of slice.ports ?? []) servePort(join, draft, port, family);
  }
}

function servePort(join: Join, draft: Draft, port: EndpointPort, family: Family): void {
  if (port.port === undefined || port.port === null) return;
  const key = portKey(port.name, port.protocol);
  const backends = getOrAdd(join.byPort, key, () => new Map<string, Served>());
  const served = getOrAdd(backends, `${draft.id} ${port.port}`, () => ({
    draft,
    port: port.port as number,
    families: [] as Family[],
  }));
  if (!served.families.includes(family)) served.families.push(family);
}

function mergedPorts(byPort: Join["byPort"]): Map<string, readonly PortBackend[]> {
  const result = new Map<string, readonly PortBackend[]>();
  for (const [key, backends] of byPort) result.set(key, Array.from(backends.values(), portBackend));
  return result;
}

/** Slices written by hand may serve a port over fewer families than the backend has; then only those show. */
function portBackend({ draft, port, families }: Served): PortBackend {
  if (families.length === familiesOf(draft.addresses).length) return { backend: draft, port };
  const only = <T>(value: PerFamily<T>): PerFamily<T> =>
    mapFamilies(value, (item, family) => (families.includes(family) ? item : undefined));
  return {
    backend: { ...draft, addresses: only(draft.addresses), conditions: only(draft.conditions) },
    port,
  };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}

/** The draft that an endpoint belongs to; another address of the same family makes it another backend. */
function draftFor(join: Join, endpoint: Endpoint, namespace: string, address: string, family: Family): Draft {
  const identity = identityOf(endpoint, namespace, address);
  let id = identity;
  let draft = join.drafts.get(id);
  if (draft !== undefined && (draft.addresses[family] ?? address) !== address) {
    id = `${identity}@${address}`;
    draft = join.drafts.get(id);
  }
  if (draft === undefined) {
    draft = { id, addresses: {}, conditions: {} };
    join.drafts.set(id, draft);
  }
  return draft;
}

function identityOf(endpoint: Endpoint, namespace: string, address: string): string {
  const target = endpoint.targetRef;
  if (target?.uid) return target.uid;
  if (target?.name) return `${target.namespace ?? namespace}/${target.name}`;
  if (endpoint.nodeName && endpoint.hostname) return `${endpoint.nodeName}/${endpoint.hostname}`;
  return address;
}

function describe(draft: Draft, endpoint: Endpoint, address: string, family: Family): void {
  const conditions = conditionsOf(endpoint);
  const known = draft.conditions[family];
  draft.addresses[family] = address;
  draft.conditions[family] =
    known === undefined || readiness(conditions) > readiness(known) ? conditions : known;
  const target = endpoint.targetRef;
  if (target?.name && (target.kind ?? "Pod") === "Pod") {
    draft.pod ??= { namespace: target.namespace ?? "", name: target.name };
  }
  if (endpoint.hostname) draft.hostname ??= endpoint.hostname;
  if (endpoint.nodeName) draft.node ??= endpoint.nodeName;
  if (endpoint.zone) draft.zone ??= endpoint.zone;
  if (endpoint.hints?.forZones?.length) draft.forZones ??= endpoint.hints.forZones.map((zone) => zone.name);
  if (endpoint.hints?.forNodes?.length) draft.forNodes ??= endpoint.hints.forNodes.map((node) => node.name);
}

/** Absent conditions mean ready, serving and not terminating (kube-proxy's endpointslicecache.go). */
function conditionsOf(endpoint: Endpoint): BackendConditions {
  const conditions = endpoint.conditions;
  return {
    ready: conditions?.ready ?? true,
    serving: conditions?.serving ?? true,
    terminating: conditions?.terminating ?? false,
  };
}

function readiness(conditions: BackendConditions): number {
  return (conditions.ready ? 4 : 0) + (conditions.serving ? 2 : 0) + (conditions.terminating ? 0 : 1);
}
