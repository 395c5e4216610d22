/** The Gateway model: see {@link GatewayModel}. */
import type { GatewayClass } from "../../objects/gateway/index.ts";
import type { ObjectChange } from "../tracker.ts";
import type { Attachment, ParentResult } from "./attach.ts";
import { Dependents } from "./dependents.ts";
import { Dirt } from "./dirt.ts";
import { keep } from "./equality.ts";
import { infrastructureOf } from "./infrastructure.ts";
import { takeIn } from "./intake.ts";
import { type KnownRoute, knownRoute, translateAgain } from "./known-route.ts";
import type { ProxyModel } from "./model.ts";
import { type IntakeKind, type IntakeKinds, isStatusKind, keyOf, ObjectStore, splitId } from "./objects.ts";
import { ProxyState } from "./proxy.ts";
import { sameSites } from "./sites.ts";
import { recordingReferences } from "./references.ts";
import { resolveGateway, type ResolvedParameters, resolveParameters } from "./resolution.ts";
import type { LookupKey } from "./routes/types.ts";
import { Reports } from "./reports.ts";
import { StatusBook } from "./status-book.ts";
import { StatusMarks } from "./status-marks.ts";
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
  readonly #marks: StatusMarks;
  /** Proxies to build. */
  readonly #changed = new Set<string>();

  constructor(options: GatewayModelOptions) {
    this.#options = options;
    this.objects = new ObjectStore(options.clusterFamilies);
    this.#marks = new StatusMarks(this.objects, this.dirt);
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
    if (this.#reports.setInfrastructure(gateway, state)) this.#marks.gateway(gateway);
  }

  setApplied(gateway: string, applied: boolean): void {
    if (this.#reports.setApplied(gateway, applied)) this.#marks.gateway(gateway);
  }

  setRejected(gateway: string, rejections: readonly Rejection[]): void {
    const told = rejections.flatMap((rejection) => this.#tellers(gateway, rejection));
    for (const object of this.#reports.setRejected(gateway, told)) this.dirt.add("statuses", object);
    this.#marks.gateway(gateway);
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
    this.#marks.gateway(key);
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
        this.#marks.owners(this.#routes.get(id)?.parents ?? []);
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
      translate || before === undefined
        ? translateAgain(object, before?.translated, this.objects)
        : before.translated;
    const route = knownRoute(id, object, translated, {
      objects: this.objects,
      resolutionOf: (gateway) => this.#proxies.get(gateway)?.resolution,
    });
    this.dependents.record(id, route.lookups);
    this.#routes.set(id, route);
    this.#place(route, before);
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
    this.#marks.policies(route.lookups);
    if (before !== undefined) this.#marks.policies(before.lookups);
  }

  #forgetRoute(route: KnownRoute): void {
    this.#routes.delete(route.key);
    this.dependents.record(route.key, new Set());
    for (const { gateway } of route.parents)
      if (this.#proxies.get(gateway)?.put(route, [])) this.#markPlaced(gateway, route.parents);
    this.#marks.policies(route.lookups);
  }

  #markPlaced(gateway: string, parents: readonly ParentResult[]): void {
    this.#changed.add(gateway);
    this.#marks.owners(parents);
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
