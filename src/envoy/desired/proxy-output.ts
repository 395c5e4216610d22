/** The resources of one proxy. What they are made from is remembered, so that an update makes only what differs. */
import type { Family } from "../../ip/family.ts";
import type { Destination, ProxyListener, ProxyModel, RouteTable } from "../../traffic/gateway/model.ts";
import type { Frontend } from "../../traffic/model.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { type Resource, type ResourceChange, type ResourceKind, TYPE_URLS } from "../resources.ts";
import { type ProxyCapabilities, possibleFamilies, systemTrustOf } from "./capabilities.ts";
import { clusterOf, namedHosts } from "./cluster.ts";
import { loadAssignment, targetsOf } from "./endpoints.ts";
import { listenerOf } from "./listener.ts";
import { certificateSecret, originRef, trustSecret } from "./names.ts";
import type { FrontendLookup } from "./output.ts";
import { type ClusterPlan, destinationsOf, udpSplits } from "./plan.ts";
import type { EntryPoint } from "./redirect.ts";
import { type Made, ResourceSet, type Wanted } from "./resource-set.ts";
import type { RouteEncoder } from "./routes.ts";
import { certificateOf, trustOf } from "./secrets.ts";
import { streamClusters, udpTarget } from "./stream.ts";
import { splitAssignment } from "./udp-split.ts";

/** What one proxy should have. */
export class ProxyOutput {
  readonly #routes: RouteEncoder;
  readonly #sets: Readonly<Record<ResourceKind, ResourceSet>> = {
    cluster: new ResourceSet("cluster"),
    endpoint: new ResourceSet("endpoint"),
    secret: new ResourceSet("secret"),
    listener: new ResourceSet("listener"),
    route: new ResourceSet("route"),
  };
  #capabilities: ProxyCapabilities = { families: [] };
  #families = "";
  #frontend: FrontendLookup = () => undefined;
  #plans = new Map<string, ClusterPlan>();
  /** Plans by the frontends that their endpoints come from. */
  #byFrontend = new Map<string, Set<string>>();

  constructor(routes: RouteEncoder) {
    this.#routes = routes;
  }

  /** Takes in a model; returns what changes, in the order of resource kinds. */
  update(model: ProxyModel, frontend: FrontendLookup, capabilities: ProxyCapabilities): ResourceChange[] {
    this.#capabilities = capabilities;
    this.#families = capabilities.families.join();
    this.#frontend = frontend;
    this.#plan(model);
    const plans = [...this.#plans.values()];
    const changes: ResourceChange[] = [];
    this.#sets.cluster.replace(
      plans.map((plan) => this.#cluster(plan)),
      changes,
    );
    this.#sets.endpoint.replace(
      plans.filter((plan) => namedHosts(plan.like) === undefined).map((plan) => this.#endpoints(plan)),
      changes,
    );
    this.#sets.secret.replace(secrets(model, systemTrustOf(capabilities)), changes);
    this.#sets.listener.replace(listeners(model, capabilities), changes);
    this.#sets.route.replace(this.#routeTables(model), changes);
    return changes;
  }

  /** Takes in that a frontend has changed. */
  endpointsChanged(frontendKey: string): ResourceChange[] {
    const changes: ResourceChange[] = [];
    for (const name of this.#byFrontend.get(frontendKey) ?? []) {
      const plan = this.#plans.get(name);
      if (plan) this.#sets.endpoint.put(this.#endpoints(plan), changes);
    }
    return changes;
  }

  /** All that the proxy should have. */
  resources(): Resource[] {
    return Object.values(this.#sets).flatMap((set) => set.all());
  }

  #plan(model: ProxyModel): void {
    const plans = new Map<string, ClusterPlan>();
    for (const [name, destination] of model.destinations) {
      const known = this.#plans.get(name);
      plans.set(name, known?.like === destination && !known.parts ? known : { name, like: destination });
    }
    for (const split of udpSplits(model)) plans.set(split.name, split);
    this.#plans = plans;
    this.#byFrontend = new Map();
    for (const plan of plans.values()) {
      for (const { target } of destinationsOf(plan)) {
        if (target.kind !== "frontend") continue;
        const names = this.#byFrontend.get(target.frontend);
        if (names) names.add(plan.name);
        else this.#byFrontend.set(target.frontend, new Set([plan.name]));
      }
    }
  }

  #cluster({ name, like, parts }: ClusterPlan): Wanted {
    const { families } = this.#capabilities;
    const weighted = parts !== undefined;
    const make = () => clusterOf(like, { name, families, weighted });
    return {
      name,
      from: [like, weighted, namedHosts(like) && this.#families],
      make: () => made("cluster", make(), like),
    };
  }

  #endpoints(plan: ClusterPlan): Wanted {
    const destinations = destinationsOf(plan);
    const frontends = destinations.map((destination) => this.#frontendOf(destination));
    const weights = plan.parts?.map(({ weight, destination }) => `${weight}${destination ? "" : "!"}`).join();
    return {
      name: plan.name,
      from: [...destinations, ...frontends, weights, this.#families, this.#capabilities.zone],
      make: () => made("endpoint", this.#assignment(plan), plan.like),
    };
  }

  #assignment({ name, like, parts }: ClusterPlan): JsonObject {
    const capabilities = this.#capabilities;
    const targets = (one: Destination) => targetsOf(one, this.#frontendOf(one), capabilities);
    if (parts === undefined) return loadAssignment(name, like, targets(like), capabilities);
    const shares = parts.map(({ weight, destination }) => ({
      weight,
      targets: destination ? targets(destination) : [],
    }));
    return splitAssignment(name, shares, capabilities.families);
  }

  #frontendOf({ target }: Destination): Frontend | undefined {
    return target.kind === "frontend" ? this.#frontend(target.frontend) : undefined;
  }

  *#routeTables(model: ProxyModel): Iterable<Wanted> {
    const entries = entryPoints(model.listeners);
    for (const table of model.routeTables.values()) {
      const entry = entries.get(table.name) ?? { port: 80, scheme: "http" };
      yield {
        name: table.name,
        from: [table, entry.port, entry.scheme],
        make: () => this.#routeTable(table, entry, model),
      };
    }
  }

  #routeTable(table: RouteTable, entry: EntryPoint, model: ProxyModel): Made {
    const { bytes, clusters, origins } = this.#routes.encode(table, entry);
    return { bytes, needsClusters: clusters.filter((name) => model.destinations.has(name)), origins };
  }
}

function made(kind: ResourceKind, json: JsonObject, from: Pick<ProxyListener, "origins">): Made {
  return { bytes: encode(TYPE_URLS[kind], json), origins: from.origins.map(originRef) };
}

/** By which port, and how, the requests of each table come in. */
function entryPoints(listeners: readonly ProxyListener[]): Map<string, EntryPoint> {
  const entries = new Map<string, EntryPoint>();
  for (const { chains, port } of listeners) {
    for (const { serve, tls } of chains) {
      if (serve.kind === "http") entries.set(serve.routeTable, { port, scheme: tls ? "https" : "http" });
    }
  }
  return entries;
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
    yield {
      name: listener.name,
      from: [listener, families.join(), udp?.cluster],
      make: () => listenerResource(listener, families, model),
    };
  }
}

function listenerResource(listener: ProxyListener, families: readonly Family[], model: ProxyModel): Made {
  const udp = listener.transport === "UDP" ? udpTarget(listener, model) : undefined;
  const streams = listener.chains.flatMap(({ serve }) =>
    serve.kind === "stream" && listener.transport === "TCP" ? streamClusters(serve.forward) : [],
  );
  const clusters = udp ? [udp.cluster] : streams.filter((name) => model.destinations.has(name));
  const tables = listener.chains.flatMap(({ serve }) => (serve.kind === "http" ? [serve.routeTable] : []));
  const origins = [listener, ...listener.chains].flatMap((part) => part.origins.map(originRef));
  return {
    bytes: encode(TYPE_URLS.listener, listenerOf(listener, families, model)),
    needsClusters: [...new Set(clusters)],
    needsRoutes: [...new Set(tables)],
    origins: [...new Set(origins)],
  };
}
