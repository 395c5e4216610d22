/** Which pods take mutual TLS, for those who call pods without being one of a mesh's own: the proxies of Gateways. */
import type { MeshPolicy } from "../../objects/mesh/index.ts";
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import type { Pod } from "../../objects/types.ts";
import { keep } from "../gateway/equality.ts";
import { keyOf, namespaceOf } from "../gateway/objects.ts";
import type { ObjectChange } from "../tracker.ts";
import { workloadIdentity } from "./names.ts";
import { PolicyBook } from "./policies.ts";
import { type Later, type Modes, Turnover } from "./turnover.ts";
import { type Workload, workloadOf } from "./workloads.ts";

/** The kinds that the model takes in: pods with sidecars (others count for nothing), and policies of the mesh. */
export interface PeerIntakeKinds {
  Pod: Pod;
  MeshPolicy: MeshPolicy;
}

/** Who is met with mutual TLS, kept up to date by single changes. */
export interface PeerModel {
  on<K extends keyof PeerIntakeKinds>(kind: K, change: ObjectChange<PeerIntakeKinds[K]>): void;
  /**
   * The identity that the sidecar of a pod (`namespace/name`) shows at a port; undefined where connections to it are
   * plain: there is no sidecar, capture leaves the port out, or policies disable mutual TLS there.
   */
  identityAt(pod: string, port: number): string | undefined;
  /** Pods for which {@link PeerModel.identityAt} may give other answers than when this was asked last. */
  takeChanges(): ReadonlySet<string>;
  /** Calls the listener when there are changes after there were none; the result ends that. */
  onDirty(listener: () => void): () => void;
}

/**
 * Creates an empty model. A change of a policy costs work in proportion to the pods of its namespace.
 *
 * @param later for changes to and from `Disabled` in steps (turnover.ts); without it they happen at once
 */
export function createPeerModel(trustDomain: string, later?: Later): PeerModel {
  return new Peers(trustDomain, later);
}

/** What is known of a pod with a sidecar. */
interface Entry {
  readonly workload: Workload;
  readonly identity: string;
  readonly modes: Modes;
}

class Peers implements PeerModel {
  readonly #trustDomain: string;
  readonly #policies = new PolicyBook();
  /** By namespace, then by `namespace/name`. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #listeners = new Set<() => void>();
  readonly #turnover: Turnover;
  #changes = new Set<string>();

  constructor(trustDomain: string, later: Later | undefined) {
    this.#trustDomain = trustDomain;
    this.#turnover = new Turnover(later, (pod) => this.#again(pod));
  }

  on<K extends keyof PeerIntakeKinds>(kind: K, change: ObjectChange<PeerIntakeKinds[K]>): void {
    if (kind === "Pod") this.#onPod(change as ObjectChange<Pod>);
    else this.#onPolicy(change as ObjectChange<MeshPolicy>);
  }

  identityAt(pod: string, port: number): string | undefined {
    const entry = this.#entries.get(namespaceOf(pod))?.get(pod);
    if (entry === undefined || isPast(entry.workload, port)) return undefined;
    const { mutualTls, portMutualTls } = entry.modes;
    return (portMutualTls[port] ?? mutualTls) === "disabled" ? undefined : entry.identity;
  }

  takeChanges(): ReadonlySet<string> {
    const changes = this.#changes;
    this.#changes = new Set();
    return changes;
  }

  onDirty(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #onPod({ type, object }: ObjectChange<Pod>): void {
    const workload = type === "deleted" ? undefined : workloadOf(object);
    if (workload === undefined) this.#drop(keyOf(object));
    else this.#put(workload);
  }

  #drop(key: string): void {
    const namespace = namespaceOf(key);
    const known = this.#entries.get(namespace);
    this.#turnover.drop(key);
    if (!known?.delete(key)) return;
    if (known.size === 0) this.#entries.delete(namespace);
    this.#soil(key);
  }

  #onPolicy({ type, object }: ObjectChange<MeshPolicy>): void {
    const key = keyOf(object);
    this.#policies.set("MeshPolicy", key, type === "deleted" ? undefined : object);
    const namespace = namespaceOf(key);
    const places = namespace === MESH_NAMESPACE ? [...this.#entries.keys()] : [namespace];
    for (const place of places)
      for (const { workload } of [...(this.#entries.get(place)?.values() ?? [])]) this.#put(workload);
  }

  #again(pod: string): void {
    const entry = this.#entries.get(namespaceOf(pod))?.get(pod);
    if (entry !== undefined) this.#put(entry.workload);
  }

  #put(workload: Workload): void {
    const { key, namespace, account } = workload;
    const known = this.#entries.get(namespace) ?? new Map<string, Entry>();
    this.#entries.set(namespace, known);
    const { mutualTls, portMutualTls } = this.#policies.settingsOf(workload);
    const identity = workloadIdentity(this.#trustDomain, namespace, account);
    const before = known.get(key);
    // what nobody has asked for yet, as at the start, does not change for anybody
    const untold = this.#changes.has(key);
    const { spoken } = this.#turnover.turn(key, { mutualTls, portMutualTls }, untold);
    const after = keep(before, { workload, identity, modes: spoken });
    if (after === before) return;
    known.set(key, after);
    this.#soil(key);
  }

  #soil(pod: string): void {
    const wasClean = this.#changes.size === 0;
    this.#changes.add(pod);
    if (!wasClean) return;
    for (const listener of this.#listeners) listener();
  }
}

/** Whether capture leaves a port out, so that no sidecar hears it. */
function isPast({ uncaptured }: Workload, port: number): boolean {
  if (uncaptured === undefined) return false;
  const { excluded, included } = uncaptured;
  return excluded.includes(port) || (included !== undefined && !included.includes(port));
}
