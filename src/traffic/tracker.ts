import { FAMILIES } from "../ip/family.ts";
import type { EndpointSlice, KubeObject, Pod, Service } from "../objects/types.ts";
import {
  enforcesFamilyReadiness,
  type FamilyReadiness,
  type SilentFamilies,
  silentFamiliesOf,
  withFamilyReadiness,
} from "./family-readiness.ts";
import { buildFrontend } from "./frontend.ts";
import type { Frontend, Snapshot } from "./model.ts";
import { SmallSets } from "./small-sets.ts";

/** The label by which a slice names its Service. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** A change of one object, as informers report it. */
export interface ObjectChange<T> {
  readonly type: "added" | "updated" | "deleted";
  readonly object: T;
}

/** The traffic model of a cluster, kept up to date by single changes. */
export interface TrafficModel {
  /** Each takes one change in and returns the keys of the frontends that it may have changed. */
  onService(change: ObjectChange<Service>): readonly string[];
  onSlice(change: ObjectChange<EndpointSlice>): readonly string[];
  onNamespace(change: ObjectChange<KubeObject>): readonly string[];
  /** Only needed where readiness per family is enforced; only what a pod says about that is kept. */
  onPod(change: ObjectChange<Pod>): readonly string[];
  /** One frontend as of now, or undefined when there is no such Service. */
  get(key: string): Frontend | undefined;
  /** The keys of all frontends, in no order; with `get`, a way through everything that need not be built at once. */
  keys(): Iterable<string>;
  /** A live view of everything (see {@link Snapshot}). */
  snapshot(): Snapshot;
  /** Calls the listener with the keys of each change; the result ends that. */
  onChange(listener: (keys: readonly string[]) => void): () => void;
}

/** What the model needs to know of its cluster. */
export interface TrafficModelOptions {
  /** What counts for Services that do not say themselves (see FAMILY_READINESS_ANNOTATION); `report` by default. */
  readonly familyReadiness?: FamilyReadiness;
}

/**
 * Creates an empty model. A change costs work in proportion to the Service it is about: frontends are rebuilt one by
 * one, and only when somebody reads after a change, so a burst about one Service costs one rebuild.
 */
export function createTrafficModel(options: TrafficModelOptions = {}): TrafficModel {
  const state = new ModelState(options.familyReadiness ?? "report");
  return {
    onService: (change) => state.onService(change),
    onSlice: (change) => state.onSlice(change),
    onNamespace: (change) => state.onNamespace(change),
    onPod: (change) => state.onPod(change),
    get: (key) => state.get(key),
    keys: () => state.keys(),
    snapshot: () => state.snapshot(),
    onChange: (listener) => state.onChange(listener),
  };
}

class ModelState {
  readonly #services = new Map<string, Service>();
  /** Slices by Service: lists, because most are of one or two. */
  readonly #slices = new Map<string, readonly EndpointSlice[]>();
  /** Which Service a slice was filed under, since its label may change. */
  readonly #serviceOfSlice = new Map<string, string>();
  readonly #frontends = new Map<string, Frontend>();
  readonly #dirty = new Set<string>();
  readonly #namespaces = new Set<string>();
  readonly #listeners = new Set<(keys: readonly string[]) => void>();
  readonly #familyReadiness: FamilyReadiness;
  /** Pods that do not answer over a family; nearly none. */
  readonly #silent = new Map<string, SilentFamilies>();
  /** Pods of frontends that enforce readiness per family, both ways. Frontends that are dirty will look anyway. */
  readonly #enforcedPods = new Map<string, readonly string[]>();
  readonly #frontendsOfPod = new SmallSets();

  constructor(familyReadiness: FamilyReadiness) {
    this.#familyReadiness = familyReadiness;
  }

  onService({ type, object }: ObjectChange<Service>): readonly string[] {
    const key = keyOf(object);
    if (type === "deleted") this.#services.delete(key);
    else this.#services.set(key, object);
    return this.#changed([key]);
  }

  onSlice({ type, object }: ObjectChange<EndpointSlice>): readonly string[] {
    const key = keyOf(object);
    const before = this.#serviceOfSlice.get(key);
    const service = type === "deleted" ? undefined : serviceOf(object);
    if (before !== undefined && before !== service) this.#unfile(key, before, object);
    if (service !== undefined) this.#file(key, service, object);
    const touched = before === service ? [service] : [before, service];
    return this.#changed(touched.filter((name) => name !== undefined));
  }

  onNamespace({ type, object }: ObjectChange<KubeObject>): readonly string[] {
    if (type === "deleted") this.#namespaces.delete(object.metadata.name);
    else this.#namespaces.add(object.metadata.name);
    return [];
  }

  onPod({ type, object }: ObjectChange<Pod>): readonly string[] {
    const key = keyOf(object);
    const before = this.#silent.get(key);
    const silent = type === "deleted" ? undefined : silentFamiliesOf(object);
    if (silent === undefined) this.#silent.delete(key);
    else this.#silent.set(key, silent);
    const same = FAMILIES.every(
      (family) => (before?.[family] === undefined) === (silent?.[family] === undefined),
    );
    return same ? [] : this.#changed([...this.#frontendsOfPod.of(key)]);
  }

  get(key: string): Frontend | undefined {
    if (this.#dirty.delete(key)) this.#rebuild(key);
    return this.#frontends.get(key);
  }

  keys(): Iterable<string> {
    return this.#services.keys();
  }

  snapshot(): Snapshot {
    for (const key of this.#dirty) this.#rebuild(key);
    this.#dirty.clear();
    return { frontends: this.#frontends, namespaces: this.#namespaces };
  }

  onChange(listener: (keys: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #file(key: string, service: string, slice: EndpointSlice): void {
    this.#serviceOfSlice.set(key, service);
    this.#slices.set(service, [...this.#otherSlices(service, slice), slice]);
  }

  #unfile(key: string, service: string, slice: EndpointSlice): void {
    this.#serviceOfSlice.delete(key);
    const rest = this.#otherSlices(service, slice);
    if (rest.length === 0) this.#slices.delete(service);
    else this.#slices.set(service, rest);
  }

  #otherSlices(service: string, { metadata }: EndpointSlice): readonly EndpointSlice[] {
    return this.#slices.get(service)?.filter((other) => other.metadata.name !== metadata.name) ?? [];
  }

  #rebuild(key: string): void {
    const service = this.#services.get(key);
    const frontend = service && buildFrontend(service, this.#slices.get(key) ?? []);
    const enforced =
      frontend !== undefined && enforcesFamilyReadiness(service as Service, this.#familyReadiness);
    this.#indexPods(key, enforced ? frontend : undefined);
    if (frontend === undefined) this.#frontends.delete(key);
    else if (!enforced) this.#frontends.set(key, frontend);
    else
      this.#frontends.set(
        key,
        withFamilyReadiness(frontend, (pod) => this.#silent.get(pod)),
      );
  }

  #indexPods(key: string, frontend: Frontend | undefined): void {
    for (const pod of this.#enforcedPods.get(key) ?? []) this.#frontendsOfPod.delete(pod, key);
    const pods = (frontend?.backends ?? []).flatMap(({ pod }) =>
      pod ? [[pod.namespace, pod.name].join("/")] : [],
    );
    if (pods.length === 0) this.#enforcedPods.delete(key);
    else this.#enforcedPods.set(key, pods);
    for (const pod of pods) this.#frontendsOfPod.add(pod, key);
  }

  #changed(keys: readonly string[]): readonly string[] {
    for (const key of keys) this.#dirty.add(key);
    if (keys.length > 0) for (const listener of this.#listeners) listener(keys);
    return keys;
  }
}

function keyOf({ metadata }: KubeObject): string {
  return [metadata.namespace ?? "", metadata.name].join("/");
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[SERVICE_NAME_LABEL];
  return name ? `${metadata.namespace ?? ""}/${name}` : undefined;
}
