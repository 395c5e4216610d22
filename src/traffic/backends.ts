/** Joins the EndpointSlices of a Service into backends: one per pod, whatever families and slices it appears in. */
import { type Family, mapFamilies } from "../ip/family.ts";
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

/** The backends of a Service, and those that serve an endpoint port of a name and protocol. */
export interface JoinedBackends {
  readonly backends: readonly Backend[];
  backendsOf(name: string, protocol: Protocol): readonly PortBackend[];
}

/**
 * Joins slices of any family: endpoints that are the same pod become one backend with an address per family. Where one
 * address appears twice (a slice is being rewritten), the readier one counts. Slices of addressType FQDN hold nothing.
 */
export function joinBackends(slices: readonly EndpointSlice[]): JoinedBackends {
  const join = new Join();
  const ordered =
    slices.length < 2 ? slices : [...slices].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const slice of ordered) {
    if (slice.addressType !== "FQDN") addSlice(join, slice, slice.addressType);
  }
  return join;
}

/** From how many items on an index is worth its memory: nearly all Services have fewer backends. */
const INDEXED_FROM = 16;

/** Items by id, in order: a list, with an index once it is long. Most of very many are very short. */
class Items<T extends { readonly id: string }> {
  readonly all: T[] = [];
  #index: Map<string, T> | undefined;

  find(id: string): T | undefined {
    if (this.#index) return this.#index.get(id);
    for (const item of this.all) if (item.id === id) return item;
    return undefined;
  }

  add(item: T): T {
    this.all.push(item);
    if (this.#index) this.#index.set(item.id, item);
    else if (this.all.length === INDEXED_FROM)
      this.#index = new Map(this.all.map((known) => [known.id, known]));
    return item;
  }
}

/** A port of slices, by its name, protocol and number, with the backends that serve it. */
interface ServedPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly serving: Items<Serving>;
}

/** A backend that serves a port, and over which families. */
interface Serving {
  readonly id: string;
  readonly draft: Draft;
  IPv4: boolean;
  IPv6: boolean;
}

/** What has been joined so far. */
class Join implements JoinedBackends {
  readonly drafts = new Items<Draft>();
  readonly #ports: ServedPort[] = [];

  get backends(): readonly Backend[] {
    return this.drafts.all;
  }

  serve(draft: Draft, { name, protocol, port }: EndpointPort, family: Family): void {
    if (port === undefined || port === null) return;
    const { serving } = this.#port(name ?? "", protocol ?? "TCP", port);
    const { id } = draft;
    const served = serving.find(id) ?? serving.add({ id, draft, IPv4: false, IPv6: false });
    served[family] = true;
  }

  #port(name: string, protocol: Protocol, port: number): ServedPort {
    for (const known of this.#ports) {
      if (known.port === port && known.name === name && known.protocol === protocol) return known;
    }
    const served = { name, protocol, port, serving: new Items<Serving>() };
    this.#ports.push(served);
    return served;
  }

  backendsOf(name: string, protocol: Protocol): readonly PortBackend[] {
    const result: PortBackend[] = [];
    for (const served of this.#ports) {
      if (served.name !== name || served.protocol !== protocol) continue;
      for (const one of served.serving.all) result.push({ backend: servingBackend(one), port: served.port });
    }
    return result;
  }
}

/** Slices written by hand may serve a port over fewer families than the backend has; then only those show. */
function servingBackend(serving: Serving): Backend {
  const { draft, IPv4, IPv6 } = serving;
  if (IPv4 === (draft.addresses.IPv4 !== undefined) && IPv6 === (draft.addresses.IPv6 !== undefined))
    return draft;
  return {
    ...draft,
    addresses: mapFamilies(draft.addresses, (address, family) => (serving[family] ? address : undefined)),
    conditions: mapFamilies(draft.conditions, (known, family) => (serving[family] ? known : undefined)),
  };
}

function addSlice(join: Join, slice: EndpointSlice, family: Family): void {
  for (const endpoint of slice.endpoints ?? []) {
    const text = endpoint.addresses[0];
    const address = text === undefined ? undefined : canonicalText(text, family);
    if (address === undefined) continue;
    const draft = draftFor(join.drafts, endpoint, slice.metadata.namespace ?? "", address, family);
    describe(draft, endpoint, address, family);
    for (const port of slice.ports ?? []) join.serve(draft, port, family);
  }
}

/** The draft that an endpoint belongs to; another address of the same family makes it another backend. */
function draftFor(
  drafts: Items<Draft>,
  endpoint: Endpoint,
  namespace: string,
  address: string,
  family: Family,
): Draft {
  const identity = identityOf(endpoint, namespace, address);
  const known = drafts.find(identity);
  if (known === undefined) return drafts.add({ id: identity, addresses: {}, conditions: {} });
  if ((known.addresses[family] ?? address) === address) return known;
  const id = `${identity}@${address}`;
  return drafts.find(id) ?? drafts.add({ id, addresses: {}, conditions: {} });
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
function conditionsOf({ conditions }: Endpoint): BackendConditions {
  const ready = conditions?.ready ?? true;
  const serving = conditions?.serving ?? true;
  const terminating = conditions?.terminating ?? false;
  return ready && serving && !terminating ? READY : { ready, serving, terminating };
}

/** What nearly all endpoints are: one object for all of them. */
const READY: BackendConditions = Object.freeze({ ready: true, serving: true, terminating: false });

function readiness(conditions: BackendConditions): number {
  return (conditions.ready ? 4 : 0) + (conditions.serving ? 2 : 0) + (conditions.terminating ? 0 : 1);
}
