/** The mesh model: see {@link IncrementalMeshModel}. */
import { FAMILIES } from "../../ip/family.ts";
import { createSharer } from "../sharer.ts";
import type { ObjectChange } from "../tracker.ts";
import { Dependents } from "../gateway/dependents.ts";
import { Dirt } from "../gateway/dirt.ts";
import { keep } from "../gateway/equality.ts";
import { takeIn } from "../gateway/intake.ts";
import type { Destination, TrustBundle } from "../gateway/model.ts";
import { keyOf, namespaceOf, ObjectStore } from "../gateway/objects.ts";
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import type { KubeObject, Pod } from "../../objects/types.ts";
import { InboundPorts } from "./inbound.ts";
import type { MeshService, Peer, Sidecar } from "./model.ts";
import { workloadIdentity } from "./names.ts";
import { peerOf } from "./peer.ts";
import { PolicyBook } from "./policies.ts";
import { PolicyStatuses } from "./policy-status.ts";
import { NamedPool } from "./pool.ts";
import { Populations } from "./populations.ts";
import { RouteBook } from "./route-book.ts";
import { destinationsOf, meshService } from "./services.ts";
import type {
  IncrementalMeshModel,
  MeshChanges,
  MeshIntakeKind,
  MeshIntakeKinds,
  MeshModelOptions,
} from "./types.ts";
import { type Modes, Turnover } from "./turnover.ts";
import { portsPastSidecar, type Workload, workloadOf } from "./workloads.ts";
import { Zones } from "./zones.ts";

/** Those that Gateways have as well. */
type PlainKind = Exclude<MeshIntakeKind, "Pod" | "Node" | "MeshPolicy" | "AuthorizationPolicy">;

/** Creates an empty model. A change costs work in proportion to the Services, routes and pods that it is about. */
export function createMeshModel(options: MeshModelOptions): IncrementalMeshModel {
  const state = new MeshState(options);
  return {
    sidecars: state.sidecars,
    services: state.services,
    destinations: state.destinations.entries,
    trust: state.trust.entries,
    peerOf: (pod) => state.peers.get(pod),
    on: (kind, change) => state.on(kind, change),
    setRefused: (sidecar, messages, sure) => state.setRefused(sidecar, messages, sure),
    isWithheld: (route) => state.isWithheld(route),
    flush: () => state.flush(),
    onDirty: (listener) => state.onDirty(listener),
  };
}

class MeshState {
  readonly sidecars = new Map<string, Sidecar>();
  readonly services = new Map<string, MeshService>();
  readonly peers = new Map<string, Peer>();
  readonly destinations = new NamedPool<Destination>();
  readonly trust = new NamedPool<TrustBundle>();
  readonly #options: MeshModelOptions;
  readonly #objects: ObjectStore;
  readonly #dependents = new Dependents();
  readonly #dirt = new Dirt();
  readonly #policies = new PolicyBook();
  readonly #turnover: Turnover;
  readonly #policyStatuses: PolicyStatuses;
  readonly #populations = new Populations();
  readonly #zones = new Zones();
  readonly #inbound = new InboundPorts();
  readonly #routes: RouteBook;
  /** Pods with a sidecar, by namespace, then by key. */
  readonly #workloads = new Map<string, Map<string, Workload>>();
  readonly #dirtyFrontends = new Set<string>();
  readonly #dirtyPods = new Set<string>();
  readonly #shared = createSharer();
  readonly #listeners = new Set<() => void>();
  #told = false;

  constructor(options: MeshModelOptions) {
    this.#options = options;
    this.#objects = new ObjectStore(options.clusterFamilies ?? FAMILIES);
    this.#policyStatuses = new PolicyStatuses(this.#policies, this.#populations, options.now);
    this.#routes = new RouteBook(options, this.#objects, this.#dependents);
    this.#turnover = new Turnover(options.later, (pod) => {
      this.#dirtyPods.add(pod);
      this.#tell();
    });
    this.#dirt.onDirty(() => this.#tell());
    for (const key of options.traffic.keys()) this.#dirtyFrontends.add(key);
    options.traffic.onChange((keys) => {
      for (const key of keys) this.#dirtyFrontends.add(key);
      this.#tell();
    });
  }

  on<K extends MeshIntakeKind>(kind: K, change: ObjectChange<MeshIntakeKinds[K]>): void {
    if (kind === "Pod") this.#onPod(change as ObjectChange<Pod>);
    else if (kind === "Node") this.#onNode(change as ObjectChange<KubeObject>);
    else if (kind === "MeshPolicy" || kind === "AuthorizationPolicy") this.#onPolicy(kind, change as never);
    else this.#take(kind as PlainKind, change as never);
  }

  #take<K extends PlainKind>(kind: K, change: ObjectChange<MeshIntakeKinds[K]>): void {
    const key = keyOf(change.object);
    const before = this.#objects.get(kind, key)?.metadata.uid;
    if (change.type === "deleted" || before !== change.object.metadata.uid)
      this.#routes.forgetStatus(`${kind}/${key}`);
    const intake = { objects: this.#objects, dependents: this.#dependents, dirt: this.#dirt };
    takeIn(intake, kind, change as never);
  }

  onDirty(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  flush(): MeshChanges {
    const services = new Map<string, MeshService | undefined>();
    const sidecars = new Map<string, Sidecar | undefined>();
    const peers = new Set<string>();
    const statuses = new Map([...this.#updateRoutes(), ...this.#policyStatuses.take()]);
    for (const key of this.#dirtyFrontends) this.#updateService(key, services);
    for (const key of this.#dirtyPods) this.#updateSidecar(key, sidecars, peers);
    this.#dirtyFrontends.clear();
    this.#dirtyPods.clear();
    this.#dirt.clean();
    this.#told = false;
    return {
      sidecars,
      services,
      peers,
      statuses,
      destinations: this.destinations.takeChanges(),
      trust: this.trust.takeChanges(),
    };
  }

  setRefused(
    sidecar: string,
    messages: ReadonlyMap<string, string>,
    sure: ReadonlySet<string> = new Set(),
  ): void {
    if (this.#policyStatuses.setRefused(sidecar, messages)) this.#tell();
    for (const route of this.#routes.setRefused(sidecar, sure)) this.#dirt.add("routes", route);
  }

  isWithheld(route: string): boolean {
    return this.#routes.isWithheld(route);
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    for (const listener of this.#listeners) listener();
  }

  #onPod({ type, object }: ObjectChange<Pod>): void {
    const key = keyOf(object);
    const namespace = object.metadata.namespace ?? "";
    const before = this.#workloads.get(namespace)?.get(key);
    const after = type === "deleted" ? undefined : this.#workloadOf(object);
    if (before === undefined && after === undefined) return;
    this.#zones.place(key, after?.node);
    if (after === undefined) this.#dropWorkload(namespace, key);
    else if (keep(before, after) === before) return;
    else this.#putWorkload(after);
    const labels = this.#populations.change(namespace, before?.labels, after?.labels);
    this.#policyStatuses.touchLabels(namespace, labels);
    this.#dirtyPods.add(key);
    this.#tell();
  }

  /** Pods are many, and what most have in common is kept once. */
  #workloadOf(pod: Pod): Workload | undefined {
    const workload = workloadOf(pod);
    const { families, ports } = workload ?? {};
    return (
      workload && ({ ...workload, families: this.#shared(families), ports: this.#shared(ports) } as Workload)
    );
  }

  #putWorkload(workload: Workload): void {
    const { key, namespace } = workload;
    const known = this.#workloads.get(namespace);
    if (known === undefined) this.#workloads.set(namespace, new Map([[key, workload]]));
    else known.set(key, workload);
  }

  #dropWorkload(namespace: string, key: string): void {
    const known = this.#workloads.get(namespace);
    known?.delete(key);
    if (known?.size === 0) this.#workloads.delete(namespace);
  }

  #onPolicy<K extends "MeshPolicy" | "AuthorizationPolicy">(
    kind: K,
    { type, object }: ObjectChange<MeshIntakeKinds[K]>,
  ): void {
    const key = keyOf(object);
    const namespace = namespaceOf(key);
    this.#policies.set(kind, key, type === "deleted" ? undefined : object);
    this.#policyStatuses.touch(kind, key, type === "deleted");
    const namespaces = namespace === MESH_NAMESPACE ? this.#workloads.keys() : [namespace];
    for (const name of namespaces)
      for (const pod of this.#workloads.get(name)?.keys() ?? []) this.#dirtyPods.add(pod);
    this.#tell();
  }

  #onNode({ type, object }: ObjectChange<KubeObject>): void {
    for (const pod of this.#zones.set(object.metadata.name, type === "deleted" ? undefined : object))
      this.#dirtyPods.add(pod);
    this.#tell();
  }

  #updateRoutes(): MeshChanges["statuses"] {
    this.#dirt.take("statuses");
    this.#dirt.take("attachments");
    const ids = this.#dirt.take("routes");
    for (const id of ids) {
      const { services, needs } = this.#routes.update(id);
      for (const service of services) this.#dirtyFrontends.add(service);
      this.destinations.replace(id, needs?.destinations ?? new Map());
      this.trust.replace(id, needs?.trust ?? new Map());
    }
    return this.#routes.takeStatuses();
  }

  #updateService(key: string, changes: Map<string, MeshService | undefined>): void {
    const { traffic, clusterDomain } = this.#options;
    const frontend = traffic.get(key);
    for (const pod of this.#inbound.set(key, frontend)) if (this.sidecars.has(pod)) this.#dirtyPods.add(pod);
    const before = this.services.get(key);
    if (frontend === undefined) {
      this.destinations.replace(`Service/${key}`, new Map());
      if (this.services.delete(key)) changes.set(key, undefined);
      return;
    }
    const service = this.#objects.service(key);
    this.destinations.replace(`Service/${key}`, destinationsOf(frontend, service, clusterDomain));
    const rulesOf = this.#routes.rulesOf(key, before);
    const after = keep(before, meshService(frontend, clusterDomain, rulesOf));
    if (after === before) return;
    this.services.set(key, after);
    changes.set(key, after);
  }

  #updateSidecar(key: string, changes: Map<string, Sidecar | undefined>, peers: Set<string>): void {
    const workload = this.#workloads.get(namespaceOf(key))?.get(key);
    const before = this.sidecars.get(key);
    if (workload === undefined) this.#turnover.drop(key);
    const { sidecar, spoken } = (workload && this.#sidecarOf(workload)) ?? {};
    const after = sidecar && keep(before, sidecar);
    if (after !== before) {
      changes.set(key, after);
      if (after === undefined) this.sidecars.delete(key);
      else this.sidecars.set(key, after);
    }
    const peerBefore = this.peers.get(key);
    const peer = after && spoken && keep(peerBefore, peerOf(after, spoken));
    if (peer === peerBefore) return;
    peers.add(key);
    if (peer === undefined) this.peers.delete(key);
    else this.peers.set(key, peer);
  }

  #sidecarOf(workload: Workload): { readonly sidecar: Sidecar; readonly spoken: Modes } {
    const { key, namespace, account, addresses, families, node, ports } = workload;
    const settings = this.#policies.settingsOf(workload);
    const zone = this.#zones.of(key);
    const inbound = this.#inbound.of(key, ports);
    const uncaptured = portsPastSidecar(workload, inbound);
    const past = Object.fromEntries(uncaptured.map((port) => [port, "disabled"] as const));
    const withPast = ({ mutualTls, portMutualTls }: Modes): Modes => {
      return { mutualTls, portMutualTls: this.#shared({ ...portMutualTls, ...past }) };
    };
    const { mutualTls, portMutualTls } = settings;
    const { accepted, spoken } = this.#turnover.turn(key, { mutualTls, portMutualTls });
    const sidecar = {
      key,
      identity: this.#shared(workloadIdentity(this.#options.trustDomain, namespace, account)),
      addresses,
      families,
      ...(zone !== undefined && { zone }),
      ...(node !== undefined && { node }),
      ...(uncaptured.length > 0 && { uncapturedPorts: this.#shared(uncaptured) }),
      inbound,
      ...settings,
      ...withPast(accepted),
      authorization: this.#shared(settings.authorization),
    };
    return { sidecar, spoken: withPast(spoken) };
  }
}
