/** What leaves pods, taken in change by change: which clusters, listeners, virtual hosts there are to be, for everybody. */
import type { Destination } from "../../traffic/gateway/model.ts";
import type { MeshModel, MeshPort, MeshService } from "../../traffic/mesh/model.ts";
import type { Frontend } from "../../traffic/model.ts";
import type { FrontendLookup } from "../desired/output.ts";
import { grpcTarget } from "./grpc.ts";
import { directOf } from "./names.ts";
import { HttpPort, type ServicePort } from "./routes.ts";
import {
  type DirectPlan,
  type ListenerPlan,
  planService,
  type ServicePlan,
  type SniffedPlan,
} from "./services.ts";
import { SniffedPorts } from "./sniffed-ports.ts";

/** What has to be looked at again in every layer. */
export interface Dirty {
  readonly clusters: Set<string>;
  readonly endpoints: Set<string>;
  /** `ADDRESS_PORT` of listeners that came, went, or are others. */
  readonly listeners: Set<string>;
  readonly ports: Set<number>;
  /** Names that gRPC clients may ask for. */
  readonly targets: Set<string>;
  trust: boolean;
}

/** Nothing to be looked at. */
export function nothingDirty(): Dirty {
  return {
    clusters: new Set(),
    endpoints: new Set(),
    listeners: new Set(),
    ports: new Set(),
    targets: new Set(),
    trust: false,
  };
}

/** All Services as plans, and what has changed in them. */
export class Outbound {
  readonly destinations = new Map<string, Destination>();
  readonly directs = new Map<string, DirectPlan>();
  readonly ports = new Map<number, HttpPort>();
  /** By port number; where there is one there is a table as well. */
  readonly sniffed = new Map<number, SniffedPorts>();
  readonly #listeners = new Map<string, ListenerPlan>();
  /** Listeners that want an address and port. */
  readonly #claims = new Map<string, Set<string>>();
  readonly #plans = new Map<string, ServicePlan>();
  readonly #autos = new Map<string, number>();
  /** Services' ports by their destinations, and destinations by the names that gRPC clients ask for. */
  readonly #portsOf = new Map<string, ServicePort>();
  readonly #targets = new Set<string>();
  /** Destinations by the frontends that their endpoints come from. */
  readonly #byFrontend = new Map<string, Set<string>>();
  model: MeshModel | undefined;
  #frontend: FrontendLookup = () => undefined;
  dirty = nothingDirty();

  /** Where it looks from now on. */
  lookIn(model: MeshModel, frontend: FrontendLookup): void {
    this.model = model;
    this.#frontend = frontend;
  }

  /** Takes in a Service, or that it is gone. */
  putService(key: string, service: MeshService | undefined): void {
    const before = this.#plans.get(key);
    const plan = service && planService(service, this.#frontend(key));
    if (plan === undefined) this.#plans.delete(key);
    else this.#plans.set(key, plan);
    this.#replaceListeners(before?.listeners ?? [], plan?.listeners ?? []);
    this.#replaceDirects(before?.directs ?? [], plan?.directs ?? []);
    this.#replaceHosts(before, plan);
    this.#replaceSniffed(before?.sniffed ?? [], plan?.sniffed ?? []);
    this.#replacePorts(before?.service, service);
    for (const name of before?.autos ?? []) this.#countAuto(name, -1);
    for (const name of plan?.autos ?? []) this.#countAuto(name, 1);
  }

  /** Takes in a destination, or that it is gone. */
  putDestination(key: string, destination: Destination | undefined): void {
    const before = this.destinations.get(key);
    if (before?.target.kind === "frontend") this.#byFrontend.get(before.target.frontend)?.delete(key);
    if (destination === undefined) this.destinations.delete(key);
    else this.destinations.set(key, destination);
    if (destination?.target.kind === "frontend") {
      const { frontend } = destination.target;
      const keys = this.#byFrontend.get(frontend);
      if (keys === undefined) this.#byFrontend.set(frontend, new Set([key]));
      else keys.add(key);
    }
    this.dirty.clusters.add(key);
    this.dirty.endpoints.add(key);
    if (this.directs.has(directOf(key))) this.#soilDirect(directOf(key));
  }

  /** Takes in that backends of a frontend, or who answers for them, are others. */
  putFrontend(key: string): void {
    for (const name of this.#byFrontend.get(key) ?? []) {
      this.dirty.endpoints.add(name);
      this.dirty.clusters.add(name);
    }
    const plan = this.#plans.get(key);
    if (plan?.service.kind !== "headless") return;
    this.putService(key, plan.service);
    for (const { name } of plan.directs) this.#soilDirect(name);
  }

  /** Takes in that pods have got a sidecar, or have none any more. */
  putPeers(pods: ReadonlySet<string>): void {
    if (pods.size === 0) return;
    for (const key of [...this.#byFrontend.keys()]) {
      const has = this.#frontend(key)?.backends.some(
        ({ pod }) => pod !== undefined && pods.has(`${pod.namespace}/${pod.name}`),
      );
      if (has) this.putFrontend(key);
    }
  }

  /** Who answers for a pod. */
  peerOf(pod: string): { readonly identity: string } | undefined {
    return this.model?.peerOf(pod);
  }

  /** Whether connections to a port of a pod are mutual TLS. */
  isPeer(pod: string, port: number): boolean {
    const peer = this.model?.peerOf(pod);
    if (peer === undefined) return false;
    const { plainPorts, mutualPorts = [] } = peer;
    return plainPorts === "all" ? mutualPorts.includes(port) : !plainPorts?.includes(port);
  }

  /** Whether a sidecar takes connections to a port of a pod. */
  isCaptured(pod: string, port: number): boolean {
    const peer = this.model?.peerOf(pod);
    return peer !== undefined && !peer.uncapturedPorts?.includes(port);
  }

  /** The frontend of a destination. */
  frontendOf({ target }: Destination): Frontend | undefined {
    return target.kind === "frontend" ? this.#frontend(target.frontend) : undefined;
  }

  /** The Service's port that a destination is that of. */
  portOf(destination: string): ServicePort | undefined {
    return this.#portsOf.get(destination);
  }

  /** Whether a gRPC client may ask for a name. */
  hasTarget(target: string): boolean {
    return this.#targets.has(target);
  }

  /** Whether connections to a destination are looked at. */
  isAuto(destination: string): boolean {
    return this.#autos.has(destination);
  }

  /** The addresses that there are listeners for, as `ADDRESS_PORT`. */
  listenerKeys(): Iterable<string> {
    return this.#claims.keys();
  }

  /**
   * The listener that has an address; of several that want it the first by name, as pods may be in several headless
   * Services. One that does not get all of its addresses has none.
   */
  listenerAt(key: string): ListenerPlan | undefined {
    const plan = this.#listeners.get(this.#winner(key) ?? "");
    return plan && claimsOf(plan).every((one) => this.#winner(one) === plan.id) ? plan : undefined;
  }

  #winner(key: string): string | undefined {
    let winner: string | undefined;
    for (const id of this.#claims.get(key) ?? []) if (winner === undefined || id < winner) winner = id;
    return winner;
  }

  #replaceListeners(before: readonly ListenerPlan[], now: readonly ListenerPlan[]): void {
    for (const plan of before) {
      this.#soil(plan);
      this.#listeners.delete(plan.id);
      for (const key of claimsOf(plan)) {
        const ids = this.#claims.get(key);
        ids?.delete(plan.id);
        if (ids?.size === 0) this.#claims.delete(key);
      }
    }
    for (const plan of now) {
      this.#listeners.set(plan.id, plan);
      for (const key of claimsOf(plan)) {
        const ids = this.#claims.get(key);
        if (ids === undefined) this.#claims.set(key, new Set([plan.id]));
        else ids.add(plan.id);
      }
      this.#soil(plan);
    }
  }

  /** A listener may take addresses from others, or leave them to them. */
  #soil(plan: ListenerPlan): void {
    for (const key of claimsOf(plan)) {
      this.dirty.listeners.add(key);
      for (const id of this.#claims.get(key) ?? []) {
        const rival = this.#listeners.get(id);
        if (rival !== undefined && id !== plan.id) {
          for (const one of claimsOf(rival)) this.dirty.listeners.add(one);
        }
      }
    }
  }

  #replaceDirects(before: readonly DirectPlan[], now: readonly DirectPlan[]): void {
    for (const { name } of before) this.directs.delete(name);
    for (const direct of now) this.directs.set(direct.name, direct);
    for (const { name } of [...before, ...now]) this.#soilDirect(name);
  }

  #soilDirect(name: string): void {
    this.dirty.clusters.add(name);
    this.dirty.endpoints.add(name);
  }

  #replaceHosts(before: ServicePlan | undefined, now: ServicePlan | undefined): void {
    for (const { port } of before?.hosts ?? []) {
      this.ports.get(port)?.delete(before?.service.key ?? "");
      this.dirty.ports.add(port);
    }
    for (const { port, meshPort, pods } of now?.hosts ?? []) {
      let table = this.ports.get(port);
      if (table === undefined) {
        table = new HttpPort(port);
        this.ports.set(port, table);
      }
      if (now !== undefined) table.put({ service: now.service, port: meshPort }, pods);
      this.dirty.ports.add(port);
    }
    for (const { port } of before?.hosts ?? []) if (this.ports.get(port)?.isEmpty) this.ports.delete(port);
  }

  #replaceSniffed(before: readonly SniffedPlan[], now: readonly SniffedPlan[]): void {
    for (const { port, service } of before) this.sniffed.get(port)?.delete(service);
    for (const plan of now) {
      let ports = this.sniffed.get(plan.port);
      if (ports === undefined) {
        ports = new SniffedPorts();
        this.sniffed.set(plan.port, ports);
      }
      ports.put(plan);
    }
    for (const { port } of before) if (this.sniffed.get(port)?.isEmpty) this.sniffed.delete(port);
    for (const { port } of [...before, ...now]) this.dirty.ports.add(port);
  }

  #replacePorts(before: MeshService | undefined, now: MeshService | undefined): void {
    for (const port of before?.ports ?? []) {
      this.#portsOf.delete(port.destination);
      this.#soilTarget(before as MeshService, port, false);
    }
    for (const port of now?.ports ?? []) {
      this.#portsOf.set(port.destination, { service: now as MeshService, port });
      this.#soilTarget(now as MeshService, port, true);
    }
  }

  #soilTarget(service: MeshService, port: MeshPort, there: boolean): void {
    const target = grpcTarget(service, port);
    if (there) this.#targets.add(target);
    else this.#targets.delete(target);
    this.dirty.targets.add(target);
    this.dirty.clusters.add(port.destination);
  }

  #countAuto(name: string, by: number): void {
    const count = (this.#autos.get(name) ?? 0) + by;
    if (count === 0) this.#autos.delete(name);
    else this.#autos.set(name, count);
    this.dirty.clusters.add(name);
  }
}

function claimsOf({ addresses, port }: ListenerPlan): string[] {
  return Object.values(addresses).map((address: string) => `${address}_${port}`);
}
