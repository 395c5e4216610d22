/** What all sidecars of a mesh should have: takes in changes of the model, gives the changes of each sidecar's resources. */
import type { Family } from "../../ip/family.ts";
import type { MeshModel, Sidecar } from "../../traffic/mesh/model.ts";
import type { MeshChanges } from "../../traffic/mesh/types.ts";
import type { FrontendLookup } from "../desired/output.ts";
import type { Resource, ResourceChange } from "../resources.ts";
import { putEdge } from "./edge-layer.ts";
import { putEndpoints } from "./endpoint-layer.ts";
import { putGrpc } from "./grpc-layer.ts";
import type { WorkloadIdentity } from "./identity.ts";
import { Layer, Layers, withoutMoves } from "./layer.ts";
import { type Dirty, nothingDirty, Outbound } from "./outbound.ts";
import { putServices } from "./service-layer.ts";
import { familiesOfSidecar, putSidecar } from "./sidecar.ts";
import { putTables } from "./table-layer.ts";

/** How the output is made. */
export interface MeshOutputOptions {
  /** What a sidecar shows others and knows them by; undefined as long as there is none. */
  identity(sidecar: Sidecar): WorkloadIdentity | undefined;
  /** Marks what sidecars send to their applications (SO_MARK), where capture cannot tell them by their user. */
  readonly mark?: number;
}

/** The changes of the model that matter here. */
export type MeshModelChanges = Pick<
  MeshChanges,
  "sidecars" | "services" | "destinations" | "trust" | "peers"
>;

/** What there is to tell sidecars. A mesh may have many more than are connected here: nothing is computed for each. */
export interface SidecarChanges {
  /** The changes by sidecar, of those that were asked for; many may have the very same list. */
  readonly changed: ReadonlyMap<string, readonly ResourceChange[]>;
  /** Sidecars that are new, or have other families or another place: these need all of {@link MeshOutput.resources}. */
  readonly renewed: ReadonlySet<string>;
}

/** What sidecars should have. Resources are shared: a change is encoded once, whatever the number of sidecars. */
export interface MeshOutput {
  /** Takes in what has changed in the model; the lookups are kept for the other calls. */
  update(model: MeshModel, changes: MeshModelChanges, frontend: FrontendLookup): SidecarChanges;
  /** Takes in that the backends of frontends are others. */
  endpointsChanged(frontends: Iterable<string>): SidecarChanges;
  /** Takes in that sidecars have other certificates, or know other authorities. */
  identitiesChanged(sidecars: Iterable<string>): SidecarChanges;
  /** All that a sidecar should have now; from the first call on its changes are told. */
  resources(sidecar: string): Resource[];
  /**
   * All that a gRPC client without a proxy may ask for; from the first call on its changes are told under the key given,
   * which must not be that of a sidecar.
   */
  clientResources(key: string, families: readonly Family[]): Resource[];
  /** Forgets such a client. */
  removeClient(key: string): void;
}

/** A sidecar that was asked for, with the layers that it shares. */
interface Entry {
  sidecar: Sidecar;
  readonly keys: LayerKeys;
  readonly shared: readonly Layer[];
  readonly own: Layer;
}

/**
 * Keys of the layers that outbound resources are in, by what they depend on: few for any number of sidecars.
 *
 *     families, client's family, telemetry            clusters, listeners of single Services
 *     families, client's family, zone                 endpoints
 *     families, client's family, zone, node           endpoints of Services whose callers stay on their node
 *     families, client's family, telemetry, unknown   listeners that Services share, virtualOutbound
 *     namespace, unknown                              route tables, whose bytes most namespaces share
 */
type LayerKeys = readonly [string, string, string, string, string];

/** Makes the output. */
export function createMeshOutput(options: MeshOutputOptions): MeshOutput {
  return new Output(options);
}

class Output implements MeshOutput {
  readonly #options: MeshOutputOptions;
  readonly #outbound = new Outbound();
  readonly #sidecars = new Map<string, Sidecar>();
  readonly #followed = new Map<string, Entry>();
  readonly #services = new Layers<Parameters<typeof putServices>[1]>((layer, of) =>
    putServices(layer, of, this.#outbound, this.#everything(), this.#options),
  );
  readonly #endpoints = new Layers<Parameters<typeof putEndpoints>[1]>((layer, of) =>
    putEndpoints(layer, of, this.#outbound, this.#everything()),
  );
  readonly #edges = new Layers<Parameters<typeof putEdge>[1]>((layer, of) =>
    putEdge(layer, of, this.#outbound, this.#everything()),
  );
  readonly #tables = new Layers<Parameters<typeof putTables>[1]>((layer, of) =>
    putTables(layer, of, this.#outbound, this.#everything()),
  );

  readonly #grpc = new Layers<Parameters<typeof putGrpc>[1]>((layer, of) =>
    putGrpc(layer, of, this.#outbound, this.#everything()),
  );
  /** gRPC clients without a proxy, with the families that their layer is for. */
  readonly #clients = new Map<string, { readonly families: string; readonly layer: Layer }>();

  constructor(options: MeshOutputOptions) {
    this.#options = options;
  }

  update(model: MeshModel, changes: MeshModelChanges, frontend: FrontendLookup): SidecarChanges {
    const outbound = this.#outbound;
    outbound.lookIn(model, frontend);
    for (const [key, destination] of changes.destinations) outbound.putDestination(key, destination);
    for (const [key, service] of changes.services) outbound.putService(key, service);
    outbound.putPeers(changes.peers);
    if (changes.trust.size > 0) outbound.dirty.trust = true;
    this.#applyDirty();
    const renewed = new Set<string>();
    for (const [key, sidecar] of changes.sidecars) {
      if (sidecar === undefined) this.#remove(key);
      else if (this.#put(sidecar)) renewed.add(key);
    }
    return this.#collect(renewed);
  }

  endpointsChanged(frontends: Iterable<string>): SidecarChanges {
    for (const key of frontends) this.#outbound.putFrontend(key);
    this.#applyDirty();
    return this.#collect(new Set());
  }

  identitiesChanged(sidecars: Iterable<string>): SidecarChanges {
    const renewed = new Set<string>();
    for (const key of sidecars) {
      const entry = this.#followed.get(key);
      if (entry) this.#putOwn(entry);
      else if (this.#sidecars.has(key)) renewed.add(key);
    }
    return this.#collect(renewed);
  }

  resources(key: string): Resource[] {
    const entry = this.#followed.get(key) ?? this.#follow(key);
    return entry === undefined ? [] : [...entry.shared, entry.own].flatMap((layer) => layer.all());
  }

  clientResources(key: string, families: readonly Family[]): Resource[] {
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = { families: families.join(), layer: this.#grpc.use(families.join(), { families }) };
      this.#clients.set(key, client);
    }
    return client.layer.all();
  }

  removeClient(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    this.#clients.delete(key);
    this.#grpc.release(client.families);
  }

  /** Everything that there is, for a layer that is new. */
  #everything(): Dirty {
    const { destinations, directs, ports } = this.#outbound;
    return {
      clusters: new Set([...destinations.keys(), ...directs.keys()]),
      endpoints: new Set([...destinations.keys(), ...directs.keys()]),
      listeners: new Set(this.#outbound.listenerKeys()),
      ports: new Set(ports.keys()),
      targets: new Set(),
      trust: true,
    };
  }

  #applyDirty(): void {
    const outbound = this.#outbound;
    const { dirty } = outbound;
    this.#services.each((layer, of) => putServices(layer, of, outbound, dirty, this.#options));
    this.#endpoints.each((layer, of) => putEndpoints(layer, of, outbound, dirty));
    this.#edges.each((layer, of) => putEdge(layer, of, outbound, dirty));
    this.#tables.each((layer, of) => putTables(layer, of, outbound, dirty));
    this.#grpc.each((layer, of) => putGrpc(layer, of, outbound, dirty));
    outbound.dirty = nothingDirty();
  }

  /** Takes in a sidecar; true: it needs all that it should have, as it is new, or has other layers. */
  #put(sidecar: Sidecar): boolean {
    const { key } = sidecar;
    this.#sidecars.set(key, sidecar);
    const entry = this.#followed.get(key);
    if (entry === undefined) return true;
    if (entry.keys.join("|") === keysOf(sidecar).join("|")) {
      entry.sidecar = sidecar;
      this.#putOwn(entry);
      return false;
    }
    this.#follow(key);
    this.#release(entry);
    return true;
  }

  #follow(key: string): Entry | undefined {
    const sidecar = this.#sidecars.get(key);
    if (sidecar === undefined) return undefined;
    const keys = keysOf(sidecar);
    const entry = { sidecar, keys, shared: this.#use(sidecar, keys), own: new Layer() };
    this.#putOwn(entry);
    entry.own.takeChanges();
    this.#followed.set(key, entry);
    return entry;
  }

  #putOwn({ own, sidecar }: Entry): void {
    putSidecar(own, sidecar, this.#options.identity(sidecar), this.#options);
  }

  #use(sidecar: Sidecar, keys: LayerKeys): Layer[] {
    const families = familiesOfSidecar(sidecar);
    const { zone, node = "", unknownOutbound: unknown, telemetry } = sidecar;
    const { preferClientFamily: preferClient } = sidecar;
    const namespace = sidecar.key.split("/")[0] ?? "";
    return [
      this.#services.use(keys[0], { families, preferClient, telemetry }),
      this.#endpoints.use(keys[1], { families, preferClient, zone }),
      this.#endpoints.use(keys[4], { families, preferClient, zone, node }),
      this.#edges.use(keys[2], { families, preferClient, unknown, telemetry }),
      this.#tables.use(keys[3], { namespace, unknown }),
    ];
  }

  #remove(key: string): void {
    this.#sidecars.delete(key);
    const entry = this.#followed.get(key);
    if (entry === undefined) return;
    this.#followed.delete(key);
    this.#release(entry);
  }

  #release({ keys }: Entry): void {
    this.#services.release(keys[0]);
    this.#endpoints.release(keys[1]);
    this.#edges.release(keys[2]);
    this.#tables.release(keys[3]);
    this.#endpoints.release(keys[4]);
  }

  /** The changes of all sidecars: those of their layers, which many share, and their own. */
  #collect(renewed: ReadonlySet<string>): SidecarChanges {
    const changed = new Map<string, readonly ResourceChange[]>();
    const taken = new Map<Layer, readonly ResourceChange[]>();
    const lists = new Map<string, readonly ResourceChange[]>();
    const take = (layer: Layer) => {
      let changes = taken.get(layer);
      if (changes === undefined) {
        changes = layer.takeChanges();
        taken.set(layer, changes);
      }
      return changes;
    };
    for (const [key, { keys, shared, own }] of this.#followed) {
      const mine = own.takeChanges();
      if (renewed.has(key)) continue;
      const name = keys.join("|");
      let common = lists.get(name);
      if (common === undefined) {
        common = withoutMoves(shared.flatMap(take));
        lists.set(name, common);
      }
      if (common.length + mine.length === 0) continue;
      changed.set(key, mine.length === 0 ? common : [...common, ...mine]);
    }
    for (const [key, { layer }] of this.#clients) {
      const changes = take(layer);
      if (changes.length > 0) changed.set(key, changes);
    }
    this.#forgetChanges();
    return { changed, renewed };
  }

  /** A layer whose sidecars are all new has told them everything. */
  #forgetChanges(): void {
    for (const layers of [this.#services, this.#endpoints, this.#edges, this.#tables, this.#grpc]) {
      layers.each((layer: Layer) => layer.takeChanges());
    }
  }
}

function keysOf(sidecar: Sidecar): LayerKeys {
  const families = familiesOfSidecar(sidecar).join();
  const { zone = "", node = "", unknownOutbound: unknown, telemetry, preferClientFamily } = sidecar;
  const namespace = sidecar.key.split("/")[0] ?? "";
  const ordered = preferClientFamily ? `${families} client` : families;
  const told = telemetry === undefined ? ordered : `${ordered} ${JSON.stringify(telemetry)}`;
  const near = `${ordered} ${zone}`;
  return [told, near, `${told} ${unknown}`, `${namespace} ${unknown}`, `${near} on ${node}`];
}
