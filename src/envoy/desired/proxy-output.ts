/** The resources of one proxy. What they are made from is remembered, so that an update makes only what differs. */
import type { Destination, ProxyListener, ProxyModel } from "../../traffic/gateway/model.ts";
import type { Frontend } from "../../traffic/model.ts";
import { identitySecrets, type WorkloadIdentity } from "../mesh/identity.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { type Resource, type ResourceChange, type ResourceKind, TYPE_URLS } from "../resources.ts";
import { type ProxyCapabilities, possibleFamilies, systemTrustOf } from "./capabilities.ts";
import { clusterOf, namedHosts } from "./cluster.ts";
import { loadAssignment, targetsOf } from "./endpoints.ts";
import { type ListenerPlan, listenerBytes, listenerPlans } from "./listener.ts";
import { certificateSecret, originRef, trustSecret } from "./names.ts";
import type { FrontendLookup } from "./output.ts";
import { type MeshPeers, type Met, metBy, NOBODY, peerSecrets, withPeers } from "./peers.ts";
import { type ClusterPlan, destinationsOf, frontendsOf, udpSplits } from "./plan.ts";
import { type Made, ResourceSet, type Wanted } from "./resource-set.ts";
import { type HostEncoder, tableOverVhds } from "./routes.ts";
import { certificateOf, trustOf } from "./secrets.ts";
import { streamClusters, udpTarget } from "./stream.ts";
import { tokenFilters } from "./tokens.ts";
import { splitAssignment } from "./udp-split.ts";
import { VirtualHostSet } from "./virtual-hosts.ts";

/** The mesh, as one proxy sees it. */
export interface ProxyMesh extends Pick<MeshPeers, "identityAt"> {
  /** What the proxy shows; undefined: it is not in the mesh (yet). */
  identity(): WorkloadIdentity | undefined;
}

/** What one proxy should have. */
export class ProxyOutput {
  readonly #mesh: ProxyMesh | undefined;
  /** The secrets of its identity, while there is a cluster that needs them. */
  readonly #own = new ResourceSet("secret");
  /** Clusters with a backend that takes mutual TLS, whether the proxy has an identity for that or not. */
  readonly #meeting = new Set<string>();
  readonly #hosts: VirtualHostSet;
  readonly #sets: Readonly<Record<Exclude<ResourceKind, "virtualHost">, ResourceSet>> = {
    cluster: new ResourceSet("cluster"),
    endpoint: new ResourceSet("endpoint"),
    secret: new ResourceSet("secret"),
    filter: new ResourceSet("filter"),
    listener: new ResourceSet("listener"),
    route: new ResourceSet("route"),
  };
  #capabilities: ProxyCapabilities = { families: [] };
  #frontend: FrontendLookup = () => undefined;
  readonly #plans = new Map<string, ClusterPlan>();
  /** Those of the last model. */
  #destinations: ProxyModel["destinations"] = new Map();
  /** Plans by the frontends that their endpoints come from. */
  readonly #byFrontend = new Map<string, Set<string>>();

  constructor(encoder: HostEncoder, mesh?: ProxyMesh) {
    this.#hosts = new VirtualHostSet(encoder);
    this.#mesh = mesh;
  }

  /** Takes in a model; returns what changes, in the order of resource kinds. */
  update(model: ProxyModel, frontend: FrontendLookup, capabilities: ProxyCapabilities): ResourceChange[] {
    const sameHost = isSameHost(this.#capabilities, capabilities);
    this.#capabilities = capabilities;
    this.#frontend = frontend;
    const changes: ResourceChange[] = [];
    const endpointChanges: ResourceChange[] = [];
    for (const plan of this.#newPlans(model, !sameHost)) {
      this.#put(plan);
      this.#putCluster(plan, changes, endpointChanges);
      if (!hasEndpoints(plan)) this.#sets.endpoint.delete(plan.name, endpointChanges);
    }
    this.#deletePlans(model, changes, endpointChanges);
    changes.push(...endpointChanges);
    this.#putIdentity(changes);
    this.#sets.secret.replace(secrets(model, systemTrustOf(capabilities)), changes);
    this.#sets.filter.replace(tokenFilters(model), changes);
    this.#sets.listener.replace(listeners(model, capabilities), changes);
    this.#sets.route.replace(routeTables(model), changes);
    this.#hosts.replace(model.routeTables, (name) => model.destinations.has(name), changes);
    return changes;
  }

  /** Takes in that a frontend has changed. */
  endpointsChanged(frontendKey: string): ResourceChange[] {
    return this.#renew(this.#byFrontend.get(frontendKey) ?? []);
  }

  /** Takes in that pods have got a sidecar, have none any more, or take mutual TLS elsewhere. */
  peersChanged(pods: ReadonlySet<string>): ResourceChange[] {
    const names = [...this.#byFrontend].flatMap(([key, clusters]) => {
      const backends = this.#frontend(key)?.backends ?? [];
      const has = backends.some(({ pod }) => pod !== undefined && pods.has(`${pod.namespace}/${pod.name}`));
      return has ? [...clusters] : [];
    });
    return this.#renew(names);
  }

  /** Takes in that the proxy shows another certificate to the mesh, its first one, or none any more. */
  identityChanged(): ResourceChange[] {
    return this.#renew([...this.#meeting]);
  }

  /** Brings clusters with their endpoints up to date. */
  #renew(names: Iterable<string>): ResourceChange[] {
    const changes: ResourceChange[] = [];
    const endpointChanges: ResourceChange[] = [];
    for (const name of names) {
      const plan = this.#plans.get(name);
      if (plan && hasEndpoints(plan)) this.#putCluster(plan, changes, endpointChanges);
    }
    changes.push(...endpointChanges);
    this.#putIdentity(changes);
    return changes;
  }

  #putCluster(plan: ClusterPlan, clusters: ResourceChange[], endpoints: ResourceChange[]): void {
    const peers = this.#peersOf(plan);
    if (peers.identities.length > 0) this.#meeting.add(plan.name);
    else this.#meeting.delete(plan.name);
    const met = this.#meeting.has(plan.name) && this.#mesh?.identity() !== undefined ? peers : NOBODY;
    this.#sets.cluster.put(this.#cluster(plan, met), clusters);
    if (hasEndpoints(plan)) this.#sets.endpoint.put(this.#endpoints(plan, met), endpoints);
  }

  #peersOf({ like, parts }: ClusterPlan): Met {
    const mesh = this.#mesh;
    return parts !== undefined || mesh === undefined ? NOBODY : metBy(like, this.#frontendOf(like), mesh);
  }

  #putIdentity(changes: ResourceChange[]): void {
    const identity = this.#meeting.size > 0 ? this.#mesh?.identity() : undefined;
    this.#own.replace(identity === undefined ? [] : identitySecrets(identity), changes);
  }

  /** All that the proxy should have. */
  resources(): Resource[] {
    return [...Object.values(this.#sets), this.#own, this.#hosts].flatMap((set) => set.all());
  }

  /** The plans that are new or not what they were; or all. */
  *#newPlans(model: ProxyModel, all: boolean): Iterable<ClusterPlan> {
    if (all || model.destinations !== this.#destinations) {
      for (const [name, like] of model.destinations) {
        if (all || this.#plans.get(name)?.like !== like) yield { name, like };
      }
    }
    this.#destinations = model.destinations;
    yield* udpSplits(model);
  }

  #put(plan: ClusterPlan): void {
    this.#forget(plan.name);
    this.#plans.set(plan.name, plan);
    for (const key of frontendsOf(plan)) {
      const names = this.#byFrontend.get(key);
      if (names) names.add(plan.name);
      else this.#byFrontend.set(key, new Set([plan.name]));
    }
  }

  #forget(name: string): void {
    const plan = this.#plans.get(name);
    if (plan === undefined) return;
    this.#plans.delete(name);
    for (const key of frontendsOf(plan)) {
      const names = this.#byFrontend.get(key);
      names?.delete(name);
      if (names?.size === 0) this.#byFrontend.delete(key);
    }
  }

  #deletePlans(model: ProxyModel, clusters: ResourceChange[], endpoints: ResourceChange[]): void {
    const splits = new Set(udpSplits(model).map((plan) => plan.name));
    if (this.#plans.size === model.destinations.size + splits.size) return;
    for (const name of [...this.#plans.keys()]) {
      if (model.destinations.has(name) || splits.has(name)) continue;
      this.#forget(name);
      this.#meeting.delete(name);
      this.#sets.cluster.delete(name, clusters);
      this.#sets.endpoint.delete(name, endpoints);
    }
  }

  #cluster({ name, like, parts }: ClusterPlan, met: Met): Wanted {
    const { families } = this.#capabilities;
    const weighted = parts !== undefined;
    const make = () => withPeers(clusterOf(like, { name, families, weighted }), met);
    return {
      name,
      from: [like, weighted, !hasEndpoints({ like }) && families.join(), met.identities.join()],
      make: () => ({ ...made("cluster", make(), like), needsRoutes: peerSecrets(met) }),
    };
  }

  #endpoints(plan: ClusterPlan, met: Met): Wanted {
    const destinations = destinationsOf(plan);
    const frontends = destinations.map((destination) => this.#frontendOf(destination));
    const { families, zone } = this.#capabilities;
    const weights = plan.parts?.map(({ weight, destination }) => `${weight}${destination ? "" : "!"}`).join();
    return {
      name: plan.name,
      from: [...destinations, ...frontends, weights, families.join(), zone, met.which],
      make: () => made("endpoint", this.#assignment(plan, met), plan.like),
    };
  }

  #assignment({ name, like, parts }: ClusterPlan, met: Met): JsonObject {
    const capabilities = this.#capabilities;
    const targets = (one: Destination) => targetsOf(one, this.#frontendOf(one), capabilities);
    if (parts === undefined) return loadAssignment(name, like, targets(like), capabilities, met);
    const shares = parts.map(({ weight, destination }) => ({
      weight,
      targets: destination ? targets(destination) : [],
    }));
    return splitAssignment(name, shares, capabilities.families);
  }

  #frontendOf({ target }: Destination): Frontend | undefined {
    return target.kind === "frontend" ? this.#frontend(target.frontend) : undefined;
  }
}

function isSameHost(before: ProxyCapabilities, now: ProxyCapabilities): boolean {
  return before.families.join() === now.families.join() && before.zone === now.zone;
}

/** Hosts by name are resolved by Envoy; all else has endpoints. */
function hasEndpoints({ like }: Pick<ClusterPlan, "like">): boolean {
  return namedHosts(like) === undefined;
}

function made(kind: ResourceKind, json: JsonObject, from: Pick<ProxyListener, "origins">): Made {
  return { bytes: encode(TYPE_URLS[kind], json), origins: from.origins.map(originRef) };
}

/** Tables come without their hosts, and so never change. */
function* routeTables(model: ProxyModel): Iterable<Wanted> {
  for (const name of model.routeTables.keys())
    yield {
      name,
      from: [],
      make: () => ({ bytes: encode(TYPE_URLS.route, tableOverVhds(name)), hostsApart: true }),
    };
}

function* secrets(model: ProxyModel, systemTrust: string): Iterable<Wanted> {
  for (const certificate of model.certificates.values()) {
    yield {
      name: certificateSecret(certificate.name),
      from: [certificate],
      make: () => made("secret", certificateOf(certificate), certificate),
    };
  }
  for (const trust of model.trust.values()) {
    yield {
      name: trustSecret(trust.name),
      from: [trust, systemTrust],
      make: () => made("secret", trustOf(trust, systemTrust), trust),
    };
  }
}

/** Listeners; none where the host has no family of those asked for. */
function* listeners(model: ProxyModel, capabilities: ProxyCapabilities): Iterable<Wanted> {
  const families = possibleFamilies(model.families, capabilities);
  if (families.length === 0) return;
  for (const listener of model.listeners) {
    const udp = listener.transport === "UDP" ? udpTarget(listener, model) : undefined;
    for (const plan of listenerPlans(listener, families)) {
      yield {
        name: plan.name,
        from: [listener, plan.addresses.join(), udp?.cluster],
        make: () => listenerResource(listener, plan, model),
      };
    }
  }
}

function listenerResource(listener: ProxyListener, plan: ListenerPlan, model: ProxyModel): Made {
  const udp = listener.transport === "UDP" ? udpTarget(listener, model) : undefined;
  const streams = listener.chains.flatMap(({ serve }) =>
    serve.kind === "stream" && listener.transport === "TCP" ? streamClusters(serve.forward) : [],
  );
  const clusters = udp ? [udp.cluster] : streams.filter((name) => model.destinations.has(name));
  const tables = listener.chains.flatMap(({ serve }) => (serve.kind === "http" ? [serve.routeTable] : []));
  const origins = [listener, ...listener.chains].flatMap((part) => part.origins.map(originRef));
  return {
    bytes: listenerBytes(listener, plan, model),
    needsClusters: [...new Set(clusters)],
    needsRoutes: [...new Set(tables)],
    origins: [...new Set(origins)],
  };
}
