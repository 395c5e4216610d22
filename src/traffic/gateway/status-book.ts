/** The statuses that objects are to have, and which of them are news. */
import type { BackendTLSPolicy, PolicyStatus } from "../../objects/gateway/index.ts";
import type { KubeObject } from "../../objects/types.ts";
import type { Moment } from "./conditions.ts";
import type { Dependents } from "./dependents.ts";
import { equal, sameStatus } from "./equality.ts";
import { gatewayClassStatus, type GatewayState, gatewayStatus, listenerSetStatus } from "./gateway-status.ts";
import { gatewayOfSet, isRoute, isTrafficPolicy, type ObjectStore, splitId } from "./objects.ts";
import type { KnownRoute } from "./known-route.ts";
import type { ProxyState } from "./proxy.ts";
import { gatewaysOfTraffic, policyStatus, policySurroundings, withRefusal } from "./policy-status.ts";
import { type PolicyObject, policyVerdict } from "./policies/index.ts";
import { recordingReferences } from "./references.ts";
import type { ParentResult } from "./attach.ts";
import type { Reports } from "./reports.ts";
import type { Resolution, ResolvedParameters, SetResolution } from "./resolution.ts";
import { type ParentVerdict, routeStatus } from "./route-status.ts";
import { translateBackendTlsPolicy } from "./routes/backend-tls.ts";
import type { DesiredStatus, GatewayModelOptions, StatusKind, StatusKinds } from "./types.ts";

/** What statuses are computed from. */
export interface StatusSources {
  readonly objects: ObjectStore;
  readonly dependents: Dependents;
  readonly classes: ReadonlyMap<string, ResolvedParameters>;
  readonly proxies: ReadonlyMap<string, ProxyState>;
  readonly routes: ReadonlyMap<string, KnownRoute>;
  readonly reports: Reports;
}

interface Computed {
  readonly status: StatusKinds[StatusKind];
  readonly proxies: readonly string[];
}

/** The ListenerSets of each Gateway, by their keys: all of them ask when one of them changes. */
const setsByKey = new WeakMap<Resolution, ReadonlyMap<string, SetResolution>>();

function setsOf(resolution: Resolution): ReadonlyMap<string, SetResolution> {
  const sets = setsByKey.get(resolution) ?? new Map(resolution.sets.map((set) => [set.key, set]));
  setsByKey.set(resolution, sets);
  return sets;
}

type WithStatus = KubeObject & { status?: unknown };

/** Keeps what was last said about each object, so that nothing is said twice, and times stay. */
export class StatusBook {
  readonly #options: GatewayModelOptions;
  readonly #sources: StatusSources;
  readonly #said = new Map<string, unknown>();
  /** The status that an object had when it was last looked at. */
  readonly #seen = new Map<string, unknown>();

  constructor(options: GatewayModelOptions, sources: StatusSources) {
    this.#options = options;
    this.#sources = sources;
  }

  /** Computes statuses anew; those that are neither there nor said already are returned. */
  update(ids: readonly string[]): ReadonlyMap<string, DesiredStatus> {
    const moment = { now: this.#options.now() };
    const news = new Map<string, DesiredStatus>();
    for (const id of ids) {
      const desired = this.#desired(id, moment);
      if (desired !== undefined) news.set(id, desired);
    }
    return news;
  }

  /** The object is gone; one that comes under its name has heard nothing yet. */
  forget(id: string): void {
    this.#said.delete(id);
    this.#seen.delete(id);
  }

  #desired(id: string, moment: Moment): DesiredStatus | undefined {
    const [kind, key] = splitId(id) as readonly [StatusKind, string];
    const object = this.#sources.objects.get(kind, key) as WithStatus | undefined;
    if (object === undefined) return undefined;
    this.#look(id, object);
    const before = this.#said.get(id) ?? object.status;
    const computed = this.#compute(kind, key, object, before, moment);
    if (computed === undefined) return undefined;
    const { status, proxies } = computed;
    if (sameStatus(status, this.#said.get(id) ?? object.status)) return undefined;
    this.#said.set(id, status);
    const { generation } = object.metadata;
    return { kind, key, status, proxies, ...(generation === undefined ? {} : { generation }) };
  }

  /** What somebody else wrote since makes what we said out of date. */
  #look(id: string, { status }: WithStatus): void {
    const isNew = !equal(this.#seen.get(id), status);
    this.#seen.set(id, status);
    if (isNew) this.#said.delete(id);
  }

  #compute(
    kind: StatusKind,
    key: string,
    object: WithStatus,
    before: unknown,
    moment: Moment,
  ): Computed | undefined {
    if (isTrafficPolicy(kind))
      return this.#trafficPolicy(
        `${kind}/${key}`,
        object as PolicyObject,
        before as PolicyStatus | undefined,
        moment,
      );
    if (isRoute(kind))
      return this.#route(`${kind}/${key}`, object, before as StatusKinds["HTTPRoute"] | undefined, moment);
    switch (kind) {
      case "GatewayClass":
        return this.#gatewayClass(key, before as StatusKinds["GatewayClass"] | undefined, moment);
      case "Gateway": {
        const resolution = this.#sources.proxies.get(key)?.resolution;
        const status =
          resolution &&
          gatewayStatus(resolution, this.#state(key, moment), before as StatusKinds["Gateway"] | undefined);
        return status && { status, proxies: [key] };
      }
      case "ListenerSet":
        return this.#listenerSet(key, before as StatusKinds["ListenerSet"] | undefined, moment);
      default:
        return this.#policy(key, object as BackendTLSPolicy, before as PolicyStatus | undefined, moment);
    }
  }

  #gatewayClass(
    name: string,
    before: StatusKinds["GatewayClass"] | undefined,
    moment: Moment,
  ): Computed | undefined {
    const object = this.#sources.objects.get("GatewayClass", name);
    const parameters = this.#sources.classes.get(name);
    if (object === undefined || parameters === undefined) return undefined;
    return {
      status: gatewayClassStatus({ ...object, ...(before && { status: before }) }, parameters, moment),
      proxies: [],
    };
  }

  #state(gateway: string, moment: Moment): GatewayState {
    const { proxies, reports } = this.#sources;
    const infrastructure = reports.infrastructure(gateway);
    return {
      ...(infrastructure === undefined ? {} : { infrastructure }),
      applied: reports.applied(gateway),
      rejections: reports.rejections(gateway),
      attachedRoutes: (listener) => proxies.get(gateway)?.attachedRoutes(listener) ?? 0,
      clusterFamilies: this.#options.clusterFamilies,
      moment,
    };
  }

  #listenerSet(
    key: string,
    before: StatusKinds["ListenerSet"] | undefined,
    moment: Moment,
  ): Computed | undefined {
    const object = this.#sources.objects.get("ListenerSet", key);
    const gateway = object && gatewayOfSet(object);
    const resolution = gateway === undefined ? undefined : this.#sources.proxies.get(gateway)?.resolution;
    const set = resolution && setsOf(resolution).get(key);
    if (gateway === undefined || resolution === undefined || set === undefined) return undefined;
    return {
      status: listenerSetStatus(resolution, set, this.#state(gateway, moment), before),
      proxies: [gateway],
    };
  }

  #route(
    id: string,
    object: KubeObject,
    before: StatusKinds["HTTPRoute"] | undefined,
    moment: Moment,
  ): Computed | undefined {
    const route = this.#sources.routes.get(id);
    if (route === undefined) return undefined;
    const { controllerName } = this.#options;
    const isKnown = before?.parents.some((entry) => entry.controllerName === controllerName);
    if (route.parents.length === 0 && !isKnown) return undefined;
    const verdicts = route.parents.map((parent) => this.#verdict(id, parent));
    const { generation } = object.metadata;
    const status = routeStatus(
      verdicts,
      route.translated.conditions,
      controllerName,
      generation,
      before,
      moment,
    );
    return { status, proxies: [...new Set(route.parents.map(({ gateway }) => gateway))].sort() };
  }

  #verdict(id: string, parent: ParentResult): ParentVerdict {
    const proxy = this.#sources.proxies.get(parent.gateway);
    const lost = parent.attachments.map(({ listener }) => proxy?.lostTo(listener.id, id));
    const lostTo = lost.length > 0 && lost.every((key) => key !== undefined) ? lost[0] : undefined;
    const over = parent.attachments.map(({ listener }) => proxy?.shadowedBy(listener.id, id));
    const shadowedBy = over.every((key) => key !== undefined) ? over[0] : undefined;
    const refused = this.#sources.reports.rejections(parent.gateway).get(id);
    const rejection = refused === undefined ? undefined : [...refused.values()].join("; ");
    return {
      ...parent,
      ...(lostTo === undefined ? {} : { lostTo }),
      ...(shadowedBy === undefined ? {} : { shadowedBy }),
      ...(rejection === undefined ? {} : { rejection }),
    };
  }

  /** A policy's ancestors are the Gateways of the routes that lead to its Services. */
  #policy(
    key: string,
    policy: BackendTLSPolicy,
    before: PolicyStatus | undefined,
    moment: Moment,
  ): Computed | undefined {
    const { controllerName } = this.#options;
    const references = recordingReferences(this.#sources.objects);
    const { accepted, resolvedRefs } = translateBackendTlsPolicy(policy, references);
    this.#sources.dependents.record(`BackendTLSPolicy/${key}`, references.lookups);
    const gateways = this.#gatewaysOfPolicy(policy);
    const facts = [
      { type: "Accepted", ...accepted },
      { type: "ResolvedRefs", ...resolvedRefs },
    ];
    const id = `BackendTLSPolicy/${key}`;
    const told = (gateway: string) => withRefusal(facts, this.#sources.reports.rejections(gateway).get(id));
    const status = policyStatus(policy, gateways, told, controllerName, before, moment);
    return status && { status, proxies: gateways };
  }

  #trafficPolicy(
    id: string,
    policy: PolicyObject,
    before: PolicyStatus | undefined,
    moment: Moment,
  ): Computed | undefined {
    const { dependents, reports } = this.#sources;
    const { facts, lookups } = policyVerdict(policy, policySurroundings(this.#sources));
    dependents.record(id, lookups);
    const gateways = gatewaysOfTraffic(policy, this.#sources);
    const told = (gateway: string) => withRefusal(facts, reports.rejections(gateway).get(id));
    const status = policyStatus(policy, gateways, told, this.#options.controllerName, before, moment);
    return status && { status, proxies: gateways };
  }

  #gatewaysOfPolicy({ metadata, spec }: BackendTLSPolicy): readonly string[] {
    const gateways = new Set<string>();
    for (const { name } of spec.targetRefs)
      for (const dependent of this.#sources.dependents.of(
        `BackendTLSPolicy/${metadata.namespace ?? ""}/${name}`,
      ))
        for (const parent of this.#sources.routes.get(dependent)?.parents ?? [])
          if (parent.accepted.status === "True") gateways.add(parent.gateway);
    return [...gateways].sort();
  }
}
