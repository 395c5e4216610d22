import type { DeltaRequest, Response } from "../../src/envoy/ads/messages.ts";
import { type Resource, type ResourceKind, TYPE_URLS } from "../../src/envoy/resources.ts";

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
 * route tables as listeners come. It counts every breach of make-before-break in `breaches`.
 */
export class FakeEnvoy {
  readonly breaches: string[] = [];
  readonly has: Record<ResourceKind, Map<string, Resource>> = {
    cluster: new Map(),
    endpoint: new Map(),
    secret: new Map(),
    listener: new Map(),
    route: new Map(),
  };
  readonly refuse: (resource: Resource) => boolean;
  /** Requests that are on their way to the server. */
  readonly outbox: DeltaRequest[] = [
    request("cluster", { subscribe: ["*"] }),
    request("listener", { subscribe: ["*"] }),
  ];
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
      else this.#add(resource);
    }
    for (const name of response.removed) this.#remove(kind, name);
    const plural = `Error adding/updating ${kind}(s) ${bad.map(({ name }) => `${name}: bad`).join(", ")}`;
    const error = bad.length === 0 ? {} : { error: plural };
    this.outbox.push(request(kind, { nonce: response.nonce, ...error }));
  }

  #add(resource: Resource): void {
    const { kind, name } = resource;
    for (const needed of resource.needsClusters ?? []) {
      const fine = this.has.cluster.has(needed) && this.has.endpoint.has(needed);
      if (!fine && !this.refused.has(`cluster/${needed}`)) {
        this.breaches.push(`${kind} ${name} names cluster ${needed}, which is not there with endpoints`);
      }
    }
    const known = this.has[kind].has(name);
    this.has[kind].set(name, resource);
    if (kind === "cluster" && !known) this.outbox.push(request("endpoint", { subscribe: [name] }));
    if (kind !== "listener") return;
    for (const route of resource.needsRoutes ?? []) {
      if (!this.has.route.has(route)) this.outbox.push(request("route", { subscribe: [route] }));
    }
  }

  #remove(kind: ResourceKind, name: string): void {
    if (kind === "cluster" && this.has.cluster.has(name)) {
      for (const user of [...this.has.route.values(), ...this.has.listener.values()]) {
        if (user.needsClusters?.includes(name))
          this.breaches.push(`cluster ${name} goes, ${user.name} names it`);
      }
      this.has.endpoint.delete(name);
      this.outbox.push(request("endpoint", { unsubscribe: [name] }));
    }
    this.has[kind].delete(name);
  }
}
