/** All routes that have Services as parents, translated. */
import type { GRPCRoute, HTTPRoute } from "../../objects/gateway/index.ts";
import type { Service } from "../../objects/types.ts";
import { addTo, type Dependents, removeFrom } from "../gateway/dependents.ts";
import { equal } from "../gateway/equality.ts";
import type { Destination } from "../gateway/model.ts";
import { keyOf, type ObjectStore, splitId } from "../gateway/objects.ts";
import { routeStatus } from "../gateway/route-status.ts";
import { type LookupKey, type Needs, translateRoute } from "../gateway/routes/index.ts";
import { readPreferredFamily } from "../gateway/routes/prefer-family.ts";
import type { FrontendPort } from "../model.ts";
import type { MeshService } from "./model.ts";
import { hostOf, outboundName } from "./names.ts";
import { destinationProtocol, protocolOf } from "./protocol.ts";
import {
  type MeshRoute,
  type NamedPort,
  portRules,
  refersToService,
  serviceParent,
  withMeshNames,
  withParentsGranted,
} from "./routes.ts";
import type { PortRules } from "./services.ts";
import type { MeshModelOptions, MeshRouteStatus } from "./types.ts";
import { Withheld } from "./withheld.ts";

/** What a route's update came to. */
export interface RouteUpdate {
  /** Services whose rules may be different. */
  readonly services: Iterable<string>;
  /** Undefined: the route is none of ours (any more). */
  readonly needs: Needs | undefined;
}

interface Translated extends MeshRoute {
  readonly lookups: ReadonlySet<LookupKey>;
}

/** Routes by id, and by the Services that they are attached to. */
export class RouteBook {
  readonly #options: MeshModelOptions;
  readonly #objects: ObjectStore;
  readonly #dependents: Dependents;
  readonly #routes = new Map<string, MeshRoute>();
  readonly #routesOf = new Map<string, Set<string>>();
  readonly #withheld: Withheld<HTTPRoute | GRPCRoute>;
  readonly #statuses = new Map<string, MeshRouteStatus>();
  readonly #changed = new Map<string, MeshRouteStatus>();

  constructor(options: MeshModelOptions, objects: ObjectStore, dependents: Dependents) {
    this.#options = options;
    this.#objects = objects;
    this.#dependents = dependents;
    this.#withheld = new Withheld((id) => objects.route(id) as HTTPRoute | GRPCRoute | undefined);
  }

  /** Takes in which routes a sidecar refuses for sure; gives those that are to be updated. */
  setRefused(sidecar: string, routes: ReadonlySet<string>): readonly string[] {
    return this.#withheld.setRefused(sidecar, new Set([...routes].filter((id) => ROUTE.test(id))));
  }

  /** Whether what a route says is withheld from sidecars. */
  isWithheld(id: string): boolean {
    return this.#withheld.has(id);
  }

  /** Translates a route (again) that changed, or one of the objects that it asked for. */
  update(id: string): RouteUpdate {
    const before = this.#routes.get(id);
    const object = this.#objects.route(id) as HTTPRoute | GRPCRoute | undefined;
    const isOurs = object?.spec.parentRefs?.some(refersToService) ?? false;
    const judged = isOurs && object !== undefined ? this.#translate(id, object) : undefined;
    const inForce = this.#withheld.inForce(id, judged && object);
    const after = inForce && (inForce === object ? judged : this.#translate(id, inForce));
    this.#dependents.record(id, new Set([...(judged?.lookups ?? []), ...(after?.lookups ?? [])]));
    const services = new Set([...servicesOf(before), ...servicesOf(after)]);
    for (const service of servicesOf(before)) removeFrom(this.#routesOf, service, id);
    for (const service of servicesOf(after)) addTo(this.#routesOf, service, id);
    if (judged === undefined) this.#statuses.delete(id);
    if (after === undefined) this.#routes.delete(id);
    else this.#routes.set(id, after);
    if (object !== undefined && (judged ?? before) !== undefined) this.#judge(id, object, judged);
    return { services, needs: after?.translated.needs };
  }

  /** The rules for the ports of a Service; those that are as before keep their identity. */
  rulesOf(service: string, before: MeshService | undefined): (port: FrontendPort) => PortRules {
    const ids = [...(this.#routesOf.get(service) ?? [])].sort();
    const routes = ids.flatMap((id) => this.#routes.get(id) ?? []);
    if (routes.length === 0) return () => ({});
    return (port) =>
      portRules(
        routes,
        service,
        port,
        before?.ports.find((one) => one.port === port.port),
      );
  }

  /** The statuses that are different from the last time. */
  takeStatuses(): ReadonlyMap<string, MeshRouteStatus> {
    const statuses = new Map(this.#changed);
    this.#changed.clear();
    return statuses;
  }

  /** The object is another one from now on, which has no status of ours yet. */
  forgetStatus(id: string): void {
    this.#statuses.delete(id);
    this.#changed.delete(id);
  }

  #translate(id: string, object: HTTPRoute | GRPCRoute): Translated {
    const translated = translateRoute(object, withParentsGranted(this.#objects, object));
    const namespace = object.metadata.namespace ?? "";
    const lookups = new Set<LookupKey>(translated.lookups);
    const parents = (object.spec.parentRefs ?? []).filter(refersToService).map((parentRef) => {
      const service = `${parentRef.namespace ?? namespace}/${parentRef.name}`;
      lookups.add(`Service/${service}`);
      const object = this.#objects.service(service);
      const alias = object && aliasOf(object, this.#options.clusterDomain);
      if (alias !== undefined) lookups.add(`Service/${alias}`);
      const hasAddress = alias !== undefined && isVirtual(this.#objects.service(alias));
      return serviceParent(parentRef, service, portsOf(object), hasAddress ? alias : undefined);
    });
    const renamed = withMeshNames(translated, (destination) => this.#nameOf(destination));
    return { id, namespace, translated: renamed, parents, lookups };
  }

  /** A backend that is spoken to as everybody does is the Service's plain destination. */
  #nameOf(destination: Destination): { key: string; isPlain: boolean } {
    const { key, target, protocol, tls, preferFamily } = destination;
    const service = target.kind === "frontend" ? this.#objects.service(target.frontend) : undefined;
    const spec = service?.spec.ports?.find(
      (one) => target.kind === "frontend" && one.port === target.port && (one.protocol ?? "TCP") === "TCP",
    );
    if (target.kind !== "frontend" || service === undefined || spec === undefined)
      return { key, isPlain: false };
    const known = protocolOf(spec);
    const own = destinationProtocol(known);
    const carries = protocol === "http2" ? own === "http2" : own !== "stream" || known === "auto";
    const isPlain = carries && tls === undefined && preferFamily === readPreferredFamily(service, []);
    const host = hostOf(target.frontend, this.#options.clusterDomain);
    const marks = key.slice(`service/${target.frontend}/${target.port}`.length).split("/").filter(Boolean);
    const subset = isPlain ? "" : marks.join("-") || protocol;
    return { key: outboundName(target.port, host, subset), isPlain };
  }

  #judge(id: string, object: HTTPRoute | GRPCRoute, route: MeshRoute | undefined): void {
    const { controllerName, now } = this.#options;
    const verdicts = (route?.parents ?? []).map(({ parentRef, service, accepted }) => ({
      parentRef,
      accepted,
      gateway: service,
      attachments: [],
    }));
    const problems = route?.translated.conditions ?? {
      resolvedRefs: { status: "True", reason: "ResolvedRefs", message: "" },
    };
    const old = this.#statuses.get(id)?.status ?? object.status;
    const { generation } = object.metadata;
    const status = routeStatus(verdicts, problems, controllerName, generation, old, { now: now() });
    const before = this.#statuses.get(id);
    if (before !== undefined && equal(before.status, status)) return;
    const [kind] = splitId(id);
    const wish: MeshRouteStatus = { kind: kind as MeshRouteStatus["kind"], key: keyOf(object), status };
    if (route !== undefined) this.#statuses.set(id, wish);
    this.#changed.set(id, wish);
  }
}

const ROUTE = /^(HTTP|GRPC)Route\//;

function servicesOf(route: MeshRoute | undefined): readonly string[] {
  return route === undefined ? [] : route.parents.map(({ service }) => service);
}

/** The Service of the cluster, `namespace/name`, that an ExternalName names. */
function aliasOf({ spec }: Service, clusterDomain: string): string | undefined {
  if (spec.type !== "ExternalName") return undefined;
  const end = `.svc.${clusterDomain}`;
  const name = (spec.externalName ?? "").toLowerCase().replace(/\.$/, "");
  const labels = name.endsWith(end) ? name.slice(0, -end.length).split(".") : [];
  return labels.length === 2 ? `${labels[1]}/${labels[0]}` : undefined;
}

/** Whether a Service has addresses of its own. */
function isVirtual(service: Service | undefined): boolean {
  return service !== undefined && service.spec.type !== "ExternalName" && service.spec.clusterIP !== "None";
}

function portsOf(service: Service | undefined): readonly NamedPort[] | undefined {
  if (service === undefined) return undefined;
  return (service.spec.ports ?? []).map(({ name = "", port, protocol = "TCP", appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol !== undefined && { appProtocol }),
  }));
}
