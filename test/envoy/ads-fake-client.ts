import type { DeltaRequest, Response } from "../../src/envoy/ads/messages.ts";
import { type Resource, type ResourceKind, tableOfHost, TYPE_URLS } from "../../src/envoy/resources.ts";

/** A request with its missing parts empty. */
export function request(kind: ResourceKind, parts: Partial<DeltaRequest> = {}): DeltaRequest {
  return {
    typeUrl: TYPE_URLS[kind],
    subscribe: [],
    unsubscribe: [],
    initialVersions: new Map(),
    nonce: "",
    ...parts,
  };
}

/**
 * Behaves as Envoy does with delta ADS: clusters and listeners are wildcards, endpoints are asked for as clusters come,
 * route tables as listeners come, all virtual hosts with the first route table. Hosts of tables that are not there are
 * thrown away, and a table that is given up takes its own with it; but after a reconnect all that ever came count as had.
 * It counts every breach of make-before-break in `breaches`.
 */
export class FakeEnvoy {
  readonly breaches: string[] = [];
  readonly has: Record<ResourceKind, Map<string, Resource>> = {
    cluster: new Map(),
    endpoint: new Map(),
    secret: new Map(),
    filter: new Map(),
    listener: new Map(),
    route: new Map(),
    virtualHost: new Map(),
  };
  readonly refuse: (resource: Resource) => boolean;
  /** Requests that are on their way to the server. */
  readonly outbox: DeltaRequest[] = [
    request("cluster", { subscribe: ["*"] }),
    request("listener", { subscribe: ["*"] }),
  ];
  /** What it says after a reconnect that it has of virtual hosts. */
  readonly hostVersions = new Map<string, string>();
  #asksForHosts = false;
  /** Tables that its listeners want. */
  readonly #tables = new Set<string>();
  /** Cluster names that this client refused and never had: routes may name them. */
  readonly refused = new Set<string>();

  constructor(refuse: (resource: Resource) => boolean) {
    this.refuse = refuse;
  }

  /** Takes a response, notes breaches, and answers. */
  take(response: Response): void {
    const { kind } = response;
    const bad = response.resources.filter(this.refuse);
    for (const resource of response.resources) {
      if (bad.includes(resource)) this.refused.add(`${kind}/${resource.name}`);
      // a response with virtual hosts is refused as a whole, and without a name
      else if (bad.length === 0 || kind !== "virtualHost") this.#add(resource);
    }
    if (bad.length === 0 || kind !== "virtualHost")
      for (const name of response.removed) this.#remove(kind, name);
    const plural = `Error adding/updating ${kind}(s) ${bad.map(({ name }) => `${name}: bad`).join(", ")}`;
    const error = bad.length === 0 ? {} : { error: plural };
    this.outbox.push(request(kind, { nonce: response.nonce, ...error }));
  }

  /** Listeners that used a table are gone after all their connections: now it is given up. */
  giveUp(table: string): void {
    if (!this.#tables.delete(table)) return;
    this.has.route.delete(table);
    for (const name of [...this.has.virtualHost.keys()])
      if (tableOfHost(name) === table) this.has.virtualHost.delete(name);
    this.outbox.push(request("route", { unsubscribe: [table] }));
  }

  /** What it asks for on a new stream; answers to the old one are lost. */
  reconnect(): void {
    this.outbox.length = 0;
    const versions = (kind: ResourceKind) =>
      new Map([...this.has[kind]].map(([name, { version }]) => [name, version]));
    for (const kind of ["cluster", "listener"] as const)
      this.outbox.push(request(kind, { subscribe: ["*"], initialVersions: versions(kind) }));
    for (const kind of ["endpoint", "route"] as const) {
      const subscribe = [...(kind === "endpoint" ? this.has.cluster.keys() : this.#tables)];
      if (subscribe.length > 0)
        this.outbox.push(request(kind, { subscribe, initialVersions: versions(kind) }));
    }
    if (this.#asksForHosts)
      this.outbox.push(request("virtualHost", { initialVersions: new Map(this.hostVersions) }));
  }

  #add(resource: Resource): void {
    const { kind, name } = resource;
    if (kind === "route" && !this.#tables.has(name)) return;
    if (kind === "virtualHost") this.hostVersions.set(name, resource.version);
    if (kind === "virtualHost" && !this.has.route.has(tableOfHost(name))) return;
    for (const needed of resource.needsClusters ?? []) {
      const fine = this.has.cluster.has(needed) && this.has.endpoint.has(needed);
      if (!fine && !this.refused.has(`cluster/${needed}`)) {
        this.breaches.push(`${kind} ${name} names cluster ${needed}, which is not there with endpoints`);
      }
    }
    const known = this.has[kind].has(name);
    this.has[kind].set(name, resource);
    if (kind === "cluster" && !known) this.outbox.push(request("endpoint", { subscribe: [name] }));
    if (kind === "route" && !this.#asksForHosts) {
      this.#asksForHosts = true;
      this.outbox.push(request("virtualHost"));
    }
    if (kind !== "listener") return;
    for (const route of resource.needsRoutes ?? []) {
      if (!this.#tables.has(route)) this.outbox.push(request("route", { subscribe: [route] }));
      this.#tables.add(route);
    }
  }

  #remove(kind: ResourceKind, name: string): void {
    if (kind === "cluster" && this.has.cluster.has(name)) {
      const { route, listener, virtualHost } = this.has;
      for (const user of [...route.values(), ...listener.values(), ...virtualHost.values()]) {
        if (user.needsClusters?.includes(name))
          this.breaches.push(`cluster ${name} goes, ${user.name} names it`);
      }
      this.has.endpoint.delete(name);
      this.outbox.push(request("endpoint", { unsubscribe: [name] }));
    }
    this.hostVersions.delete(name);
    // Envoy keeps its tables whatever it is told, until no listener names them
    if (kind !== "route") this.has[kind].delete(name);
  }
}
