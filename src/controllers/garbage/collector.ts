import type { KubeClient, ObjectChange } from "../../client/index.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject, OwnerReference } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import type { Informers } from "../runtime/informers.ts";
import { releasePatch } from "../runtime/owners.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import type { Writer } from "../runtime/writer.ts";
import {
  FOREGROUND,
  type GraphNode,
  judge,
  ORPHAN,
  type OwnerState,
  OwnershipGraph,
  waitsFor,
} from "./graph.ts";
import { FollowedKinds } from "./kinds.ts";

/** The kinds that the controllers cache; the metadata of all others is watched for the collector alone. */
const CACHED: readonly Kind[] = [
  KINDS.Pod,
  KINDS.ReplicaSet,
  KINDS.Deployment,
  KINDS.DaemonSet,
  KINDS.StatefulSet,
  KINDS.ControllerRevision,
  KINDS.Job,
  KINDS.Service,
  KINDS.EndpointSlice,
  KINDS.Endpoints,
  KINDS.ConfigMap,
  KINDS.Secret,
  KINDS.ServiceAccount,
  KINDS.Lease,
  KINDS.Node,
  KINDS.Namespace,
];

/** Deletes what belongs to owners that are gone: in the background, in the foreground, or leaving orphans. */
export function runGarbageCollector(context: ControllerContext): void {
  new Collector(context).follow();
}

class Collector {
  readonly #client: KubeClient;
  readonly #writer: Writer;
  readonly #informers: Informers;
  readonly #graph = new OwnershipGraph();
  readonly #queue: WorkQueue;
  readonly #kinds: FollowedKinds;
  /** Objects whose owners are of kinds that the server does not have at present. */
  readonly #undecided = new Set<string>();

  constructor(context: ControllerContext) {
    this.#client = context.client;
    this.#writer = context.writer;
    this.#informers = context.informers;
    this.#queue = context.queue({ name: "garbage-collector", workers: 16 }, (uid) => this.#look(uid));
    this.#kinds = new FollowedKinds(context, CACHED, {
      onChange: (kind, change) => this.#changed(kind, change),
      onForgotten: (object) => this.#graph.forget(object),
      onKinds: () => this.#decide(),
    });
  }

  follow(): void {
    for (const kind of CACHED)
      this.#informers.of<KubeObject>(kind).onChange((change) => this.#changed(kind, change));
  }

  #changed(kind: Kind, { type, object }: ObjectChange<KubeObject>): void {
    const uid = object.metadata.uid ?? "";
    if (type !== "deleted") {
      this.#graph.put(kind, object);
      if (this.#needsLook(object)) this.#queue.add(uid);
      return;
    }
    this.#graph.remove(object);
    this.#undecided.delete(uid);
    for (const dependent of this.#graph.dependentsOf(uid))
      this.#queue.add(dependent.object.metadata.uid ?? "");
    for (const owner of object.metadata.ownerReferences ?? []) this.#queue.add(owner.uid);
  }

  #needsLook(object: KubeObject): boolean {
    const owners = object.metadata.ownerReferences ?? [];
    return (
      waitsFor(object, FOREGROUND) ||
      waitsFor(object, ORPHAN) ||
      owners.some(({ uid }) => {
        const owner = this.#graph.get(uid);
        return owner === undefined || waitsFor(owner.object, FOREGROUND);
      })
    );
  }

  /** Kinds came or went: what could not be decided may be now. */
  #decide(): void {
    for (const uid of this.#undecided) this.#queue.add(uid);
    this.#undecided.clear();
  }

  async #look(uid: string): Promise<void> {
    let node = this.#graph.get(uid);
    if (node !== undefined && (waitsFor(node.object, ORPHAN) || waitsFor(node.object, FOREGROUND))) {
      // else dependants that are not listed yet would be taken for none
      await this.#kinds.settled();
      node = this.#graph.get(uid);
    }
    if (node === undefined) return;
    if (waitsFor(node.object, ORPHAN)) return this.#orphanDependents(uid, node);
    if (waitsFor(node.object, FOREGROUND)) return this.#deleteDependents(uid, node);
    await this.#collect(uid, node);
  }

  async #collect(uid: string, { kind, object }: GraphNode): Promise<void> {
    const owners = object.metadata.ownerReferences ?? [];
    const states = new Map<OwnerReference, OwnerState>();
    for (const owner of owners) states.set(owner, await this.#stateOf(owner, object));
    const hasDependents = this.#graph.dependentsOf(uid).length > 0;
    const verdict = judge(object, (owner) => states.get(owner) ?? "present", hasDependents);
    if (verdict.type === "delete")
      await this.#writer.delete(kind, object, { propagationPolicy: verdict.policy });
    else if (verdict.type === "unlink") {
      const metadata = { uid: object.metadata.uid, ownerReferences: verdict.owners };
      await unlessGone(this.#writer.patch(kind, object, { metadata }));
    }
  }

  /** The graph knows most owners; of others the server is asked, since an owner may be newer than its watch. */
  async #stateOf(owner: OwnerReference, dependent: KubeObject): Promise<OwnerState> {
    const known = this.#graph.get(owner.uid);
    if (known !== undefined) return stateOfKnown(known.object, dependent);
    if (this.#graph.isGone(owner.uid)) return "absent";
    const kind = await this.#kinds.find(owner.apiVersion, owner.kind);
    if (kind === undefined) return this.#undecidedOf(dependent);
    // Such a reference is wrong and decides nothing, as with the real collector.
    if (kind.namespaced && dependent.metadata.namespace === undefined) return "present";
    try {
      const namespace = kind.namespaced ? dependent.metadata.namespace : undefined;
      const found = await this.#client.get<KubeObject>(kind, owner.name, namespace);
      if (found.metadata.uid !== owner.uid) return "absent";
      return waitsFor(found, FOREGROUND) ? "waiting" : "present";
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
      // Without a name it is the kind that was not found: it went a moment ago.
      return error.status.details?.name === undefined ? this.#undecidedOf(dependent) : "absent";
    }
  }

  #undecidedOf({ metadata }: KubeObject): OwnerState {
    this.#undecided.add(metadata.uid ?? "");
    return "present";
  }

  async #deleteDependents(uid: string, { kind, object }: GraphNode): Promise<void> {
    const dependents = this.#graph.dependentsOf(uid);
    const blocking = dependents.filter((dependent) =>
      (dependent.object.metadata.ownerReferences ?? []).some(
        (owner) => owner.uid === uid && owner.blockOwnerDeletion === true,
      ),
    );
    for (const dependent of dependents) this.#queue.add(dependent.object.metadata.uid ?? "");
    if (blocking.length === 0) await this.#removeFinalizer(kind, object, FOREGROUND);
  }

  async #orphanDependents(uid: string, { kind, object }: GraphNode): Promise<void> {
    const dependents = this.#graph.dependentsOf(uid);
    await Promise.all(
      dependents.map((dependent) =>
        unlessGone(this.#writer.patch(dependent.kind, dependent.object, releasePatch(dependent.object, uid))),
      ),
    );
    await this.#removeFinalizer(kind, object, ORPHAN);
  }

  async #removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): Promise<void> {
    const { uid, resourceVersion, finalizers = [], name, namespace } = object.metadata;
    const left = finalizers.filter((item) => item !== finalizer);
    const patch = { metadata: { uid, resourceVersion, finalizers: left.length > 0 ? left : null } };
    // Not through the writer: with its last finalizer the object vanishes.
    await unlessGone(this.#client.patch(kind, name, namespace, patch, { type: "merge" }));
  }
}

/** Of an owner in the graph; one in another namespace owns nothing here. */
function stateOfKnown(owner: KubeObject, dependent: KubeObject): OwnerState {
  const { namespace } = owner.metadata;
  if (namespace !== undefined && dependent.metadata.namespace === undefined) return "present";
  if (namespace !== undefined && namespace !== dependent.metadata.namespace) return "absent";
  return waitsFor(owner, FOREGROUND) ? "waiting" : "present";
}

/** The object may have gone meanwhile. */
async function unlessGone(writing: Promise<unknown>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 404) throw error;
  }
}
