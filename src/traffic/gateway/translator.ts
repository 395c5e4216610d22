/** The Gateway model: see {@link GatewayModel}. */
import type { GatewayClass, RouteObject } from "../../objects/gateway/index.ts";
import type { ObjectChange } from "../tracker.ts";
import { attach, type Attachment, type ParentResult } from "./attach.ts";
import { Dependents } from "./dependents.ts";
import { Dirt } from "./dirt.ts";
import { keep, keepItems } from "./equality.ts";
import { infrastructureOf } from "./infrastructure.ts";
import { takeIn } from "./intake.ts";
import type { ProxyModel } from "./model.ts";
import {
  gatewayOfSet,
  type IntakeKind,
  type IntakeKinds,
  isStatusKind,
  keyOf,
  ObjectStore,
  splitId,
} from "./objects.ts";
import { ProxyState, type ProxyRoute, sameSites } from "./proxy.ts";
import { siteOf } from "./listener-policies.ts";
import { applyPolicies, type TargetKey } from "./policies/index.ts";
import { recordingReferences } from "./references.ts";
import { refersToGateway, resolveGateway, type ResolvedParameters, resolveParameters } from "./resolution.ts";
import { translateRoute } from "./routes/index.ts";
import type { LookupKey, TranslatedRoute } from "./routes/types.ts";
import { Reports } from "./reports.ts";
import { StatusBook } from "./status-book.ts";
import type {
  GatewayChanges,
  GatewayInfrastructure,
  GatewayModel,
  GatewayModelOptions,
  InfrastructureState,
  Rejection,
} from "./types.ts";

/** Creates an empty model. */
export function createGatewayModel(options: GatewayModelOptions): GatewayModel {
  const translator = new Translator(options);
  return {
    on: (kind, change) => translator.on(kind, change),
    setInfrastructure: (gateway, state) => translator.setInfrastructure(gateway, state),
    setApplied: (gateway, applied) => translator.setApplied(gateway, applied),
    setRejected: (gateway, rejections) => translator.setRejected(gateway, rejections),
    flush: () => translator.flush(),
    onDirty: (listener) => translator.dirt.onDirty(listener),
    proxy: (gateway) => translator.models.get(gateway),
    proxies: () => translator.models.keys(),
  };
}

/** A route with its translation and what became of its parents. */
export interface KnownRoute extends ProxyRoute {
  readonly parents: readonly ParentResult[];
  /** Of the translation, and of policies for it. */
  readonly lookups: ReadonlySet<LookupKey>;
}

class Translator {
  readonly objects: ObjectStore;
  readonly dependents = new Dependents();
  readonly dirt = new Dirt();
  readonly models = new Map<string, ProxyModel>();
  readonly #options: GatewayModelOptions;
  /** Our GatewayClasses with their parameters. */
  readonly #classes = new Map<string, ResolvedParameters>();
  readonly #proxies = new Map<string, ProxyState>();
  readonly #routes = new Map<string, KnownRoute>();
  readonly #infrastructure = new Map<string, GatewayInfrastructure>();
  readonly #reports = new Reports();
  readonly #statuses: StatusBook;
  /** Proxies to build. */
  readonly #changed = new Set<string>();

  constructor(options: GatewayModelOptions) {
    this.#options = options;
    this.objects = new ObjectStore(options.clusterFamilies);
    this.#statuses = new StatusBook(options, {
      objects: this.objects,
      dependents: this.dependents,
      classes: this.#classes,
      proxies: this.#proxies,
      routes: this.#routes,
      reports: this.#reports,
    });
  }

  on<K extends IntakeKind>(kind: K, change: ObjectChange<IntakeKinds[K]>): void {
    const key = keyOf(change.object);
    const before = this.objects.get(kind, key)?.metadata.uid;
    if (change.type === "deleted" || before !== change.object.metadata.uid)
      this.#statuses.forget(`${kind}/${key}`);
    takeIn(this, kind, change);
  }

  setInfrastructure(gateway: string, state: InfrastructureState | undefined): void {
    if (this.#reports.setInfrastructure(gateway, state)) this.#markStatuses(gateway);
  }

  setApplied(gateway: string, applied: boolean): void {
    if (this.#reports.setApplied(gateway, applied)) this.#markStatuses(gateway);
  }

  setRejected(gateway: string, rejections: readonly Rejection[]): void {
    const told = rejections.flatMap((rejection) => this.#tellers(gateway, rejection));
    for (const object of this.#reports.setRejected(gateway, told)) this.dirt.add("statuses", object);
    this.#markStatuses(gateway);
  }

  /** What came from an object without a status of ours (a Service, a Secret) is told by those that asked for it. */
  #tellers(gateway: string, { origin, message }: Rejection): readonly Rejection[] {
    if (isStatusKind(origin.kind)) return [{ origin, message }];
    const askers = [...this.dependents.of(`${origin.kind}/${origin.key}`)].map(splitId);
    const text = `${origin.kind} ${origin.key}: ${message}`;
    return askers
      .filter(([kind, key]) => this.#concerns(gateway, kind, key))
      .map(([kind, key]) => ({ origin: { kind, key }, message: text }));
  }

  #concerns(gateway: string, kind: string, key: string): boolean {
    if (kind === "Gateway") return key === gateway;
    return this.#routes.get(`${kind}/${key}`)?.parents.some((parent) => parent.gateway === gateway) ?? false;
  }

  flush(): GatewayChanges {
    const proxies = new Map<string, ProxyModel | undefined>();
    const infrastructure = new Map<string, GatewayInfrastructure | undefined>();
    for (const name of this.dirt.take("classes")) this.#updateClass(name);
    for (const key of this.dirt.take("gateways")) this.#updateGateway(key, proxies, infrastructure);
    this.#updateRoutes();
    for (const key of this.#changed) this.#build(key, proxies);
    this.#changed.clear();
    const statuses = this.#statuses.update(this.dirt.take("statuses"));
    this.dirt.clean();
    return { proxies, infrastructure, statuses };
  }

  #updateClass(name: string): void {
    const object = this.objects.get("GatewayClass", name);
    const id = `GatewayClass/${name}`;
    const isOurs = object?.spec.controllerName === this.#options.controllerName;
    const lookups = new Set<LookupKey>();
    const before = this.#classes.get(name);
    const after = isOurs && object !== undefined ? this.#classParameters(object, lookups) : undefined;
    this.dependents.record(id, lookups);
    if (after === undefined) this.#classes.delete(name);
    else this.#classes.set(name, after);
    this.dirt.statuses.add(id);
    if (
      before?.parameters === after?.parameters &&
      before?.problem === after?.problem &&
      (before === undefined) === (after === undefined)
    )
      return;
    for (const gateway of this.objects.gatewaysOf(name)) this.dirt.gateways.add(gateway);
  }

  #classParameters({ spec }: GatewayClass, lookups: Set<LookupKey>): ResolvedParameters {
    const reference = spec.parametersRef;
    if (reference === undefined) return {};
    return resolveParameters(reference, "", this.objects.parameters, lookups);
  }

  #updateGateway(
    key: string,
    proxies: Map<string, ProxyModel | undefined>,
    infrastructure: Map<string, GatewayInfrastructure | undefined>,
  ): void {
    const gateway = this.objects.get("Gateway", key);
    const classParameters = gateway && this.#classes.get(gateway.spec.gatewayClassName);
    if (gateway === undefined || classParameters === undefined) {
      this.#forgetGateway(key, proxies, infrastructure);
      return;
    }
    // another Gateway of the name: nothing that was said of the old one's proxy holds for it
    const old = this.#proxies.get(key)?.resolution.gateway;
    if (old !== undefined && old.metadata.uid !== gateway.metadata.uid)
      this.#forgetGateway(key, proxies, infrastructure);
    const references = recordingReferences(this.objects);
    const { parameters, labels } = this.objects;
    const { clusterFamilies } = this.#options;
    const policies = this.objects;
    const surroundings = { references, policies, parameters, labels, clusterFamilies, classParameters };
    const resolution = resolveGateway(gateway, this.objects.setsOf(key), surroundings);
    this.dependents.record(`Gateway/${key}`, resolution.lookups);
    const proxy = this.#proxies.get(key);
    if (proxy === undefined) this.#proxies.set(key, new ProxyState(key, resolution));
    if (proxy === undefined || !sameSites(proxy.resolution, resolution)) this.#reattach(key);
    proxy?.resolve(resolution);
    const before = this.#infrastructure.get(key);
    const after = keep(before, infrastructureOf(key, resolution));
    this.#infrastructure.set(key, after);
    if (after !== before) infrastructure.set(key, after);
    this.#changed.add(key);
    this.#markStatuses(key);
  }

  #forgetGateway(
    key: string,
    proxies: Map<string, ProxyModel | undefined>,
    infrastructure: Map<string, GatewayInfrastructure | undefined>,
  ): void {
    this.dirt.statuses.add(`Gateway/${key}`);
    for (const set of this.objects.setsOf(key)) this.dirt.statuses.add(`ListenerSet/${keyOf(set)}`);
    if (!this.#proxies.delete(key)) return;
    this.dependents.record(`Gateway/${key}`, new Set());
    this.#reports.forget(key);
    this.#reattach(key);
    if (this.models.delete(key)) proxies.set(key, undefined);
    if (this.#infrastructure.delete(key)) infrastructure.set(key, undefined);
  }

  /** All routes that name a Gateway, or a ListenerSet of it. */
  #reattach(key: string): void {
    const parents = [`Gateway/${key}`, ...this.objects.setsOf(key).map((set) => `ListenerSet/${keyOf(set)}`)];
    for (const parent of parents)
      for (const route of this.objects.routesOf(parent)) this.dirt.attachments.add(route);
    for (const route of this.#proxies.get(key)?.routes ?? []) this.dirt.attachments.add(route);
  }

  #updateRoutes(): void {
    const routes = new Set(this.dirt.take("routes"));
    for (const id of routes) this.#updateRoute(id, true);
    for (const id of this.dirt.take("attachments")) if (!routes.has(id)) this.#updateRoute(id, false);
    for (const key of this.#changed)
      for (const id of this.#proxies.get(key)?.settle() ?? []) {
        this.dirt.statuses.add(id);
        this.#markOwners(this.#routes.get(id)?.parents ?? []);
      }
  }

  #updateRoute(id: string, translate: boolean): void {
    const object = this.objects.route(id);
    const before = this.#routes.get(id);
    this.dirt.statuses.add(id);
    if (object === undefined) {
      if (before !== undefined) this.#forgetRoute(before);
      return;
    }
    const translated =
      translate || before === undefined ? this.#translate(object, before) : before.translated;
    const lookups = new Set(translated.lookups);
    const parents = this.#attach(object, translated, lookups);
    this.dependents.record(id, lookups);
    const route: KnownRoute = {
      key: id,
      kind: translated.kind,
      createdAt: object.metadata.creationTimestamp ?? "",
      name: keyOf(object),
      translated,
      parents,
      lookups,
    };
    this.#routes.set(id, route);
    this.#place(route, before);
  }

  #translate(object: RouteObject, before: KnownRoute | undefined): TranslatedRoute {
    const next = translateRoute(object, this.objects);
    const old = before?.translated;
    if (old === undefined) return next;
    const rules = keepItems(old.rules, next.rules, ({ rule }) => rule.name);
    return {
      ...next,
      rules,
      ...(next.stream === undefined ? {} : { stream: keep(old.stream, next.stream) }),
    };
  }

  #attach(
    object: RouteObject,
    translated: TranslatedRoute,
    lookups: Set<LookupKey>,
  ): readonly ParentResult[] {
    const namespace = object.metadata.namespace ?? "";
    return (object.spec.parentRefs ?? []).flatMap((parentRef) => {
      const key = `${parentRef.namespace ?? namespace}/${parentRef.name}`;
      const isGateway = refersToGateway(parentRef);
      const set =
        isGateway || parentRef.kind !== "ListenerSet" ? undefined : this.objects.get("ListenerSet", key);
      const gateway = isGateway ? key : set && gatewayOfSet(set);
      const resolution = gateway === undefined ? undefined : this.#proxies.get(gateway)?.resolution;
      if (gateway === undefined || resolution === undefined) return [];
      const kind = isGateway ? "Gateway" : "ListenerSet";
      const listeners = resolution.listenersOf.get(`${kind}/${key}`) ?? [];
      const result = attach(parentRef, gateway, listeners, translated, namespace, this.objects.labels);
      return [this.#withPolicies(result, lookups)];
    });
  }

  #withPolicies(parent: ParentResult, lookups: Set<LookupKey>): ParentResult {
    const attachments = parent.attachments.map((attachment) => {
      const site = siteOf(attachment.listener, parent.gateway);
      const policied = applyPolicies(attachment.translated, site, this.objects);
      for (const key of policied.lookups) lookups.add(key);
      return { ...attachment, translated: policied.route };
    });
    return { ...parent, attachments };
  }

  #place(route: KnownRoute, before: KnownRoute | undefined): void {
    const gateways = new Set([...(before?.parents ?? []), ...route.parents].map(({ gateway }) => gateway));
    for (const gateway of gateways) {
      const parents = route.parents.filter((parent) => parent.gateway === gateway);
      const isServed = route.translated.conditions.notAccepted === undefined;
      const attachments = isServed ? distinct(parents.flatMap((parent) => parent.attachments)) : [];
      if (this.#proxies.get(gateway)?.put(route, attachments))
        this.#markPlaced(gateway, [...(before?.parents ?? []), ...route.parents]);
    }
    this.#markPolicies(route.lookups);
    if (before !== undefined) this.#markPolicies(before.lookups);
  }

  #forgetRoute(route: KnownRoute): void {
    this.#routes.delete(route.key);
    this.dependents.record(route.key, new Set());
    for (const { gateway } of route.parents)
      if (this.#proxies.get(gateway)?.put(route, [])) this.#markPlaced(gateway, route.parents);
    this.#markPolicies(route.lookups);
  }

  #markPlaced(gateway: string, parents: readonly ParentResult[]): void {
    this.#changed.add(gateway);
    this.#markOwners(parents);
  }

  /** Those whose listeners count the route. */
  #markOwners(parents: readonly ParentResult[]): void {
    for (const { attachments } of parents)
      for (const { listener } of attachments)
        this.dirt.statuses.add(`${listener.owner.kind}/${listener.owner.key}`);
  }

  /** Policies name the Gateways of the routes that use them. */
  #markPolicies(lookups: ReadonlySet<LookupKey>): void {
    for (const lookup of lookups) {
      if (lookup.startsWith("Policies/")) this.#markAttached(lookup.slice("Policies/".length));
      if (!lookup.startsWith("BackendTLSPolicy/")) continue;
      const service = lookup.slice("BackendTLSPolicy/".length);
      for (const policy of this.objects.backendTlsPoliciesFor(service))
        this.dirt.statuses.add(`BackendTLSPolicy/${keyOf(policy)}`);
    }
  }

  /** Traffic policies say on which Gateways they are in force. */
  #markAttached(target: TargetKey): void {
    for (const policy of this.objects.policiesFor(target))
      this.dirt.statuses.add(`${policy.kind}/${keyOf(policy)}`);
  }

  #markStatuses(gateway: string): void {
    for (const id of [
      `Gateway/${gateway}`,
      ...this.objects.setsOf(gateway).map((set) => `ListenerSet/${keyOf(set)}`),
    ]) {
      this.dirt.add("statuses", id);
      this.#markAttached(id);
    }
  }

  #build(key: string, proxies: Map<string, ProxyModel | undefined>): void {
    const model = this.#proxies.get(key)?.build();
    if (model === undefined || model === this.models.get(key)) return;
    this.models.set(key, model);
    proxies.set(key, model);
  }
}

/** Attachments of several parentRefs to one Gateway may be to the same listener. */
function distinct(attachments: readonly Attachment[]): readonly Attachment[] {
  return [...new Map(attachments.map((attachment) => [attachment.listener.id, attachment])).values()];
}
