import type { ObjectChange } from "../../client/index.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject, OwnerReference } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { releasePatch } from "../runtime/owners.ts";
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
  const { client, informers, writer } = context;
  const graph = new OwnershipGraph();
  /** Objects whose owners are of kinds that the server does not have at present. */
  const undecided = new Set<string>();

  const queue = context.queue({ name: "garbage-collector", workers: 16 }, async (uid) => {
    let node = graph.get(uid);
    if (node !== undefined && (waitsFor(node.object, ORPHAN) || waitsFor(node.object, FOREGROUND))) {
      // else dependants that are not listed yet would be taken for none
      await kinds.settled();
      node = graph.get(uid);
    }
    if (node === undefined) return;
    if (waitsFor(node.object, ORPHAN)) return orphanDependents(uid, node);
    if (waitsFor(node.object, FOREGROUND)) return deleteDependents(uid, node);
    await collect(uid, node);
  });

  async function collect(uid: string, { kind, object }: GraphNode): Promise<void> {
    const owners = object.metadata.ownerReferences ?? [];
    const states = new Map<OwnerReference, OwnerState>();
    for (const owner of owners) states.set(owner, await stateOf(owner, object));
    const hasDependents = graph.dependentsOf(uid).length > 0;
    const verdict = judge(object, (owner) => states.get(owner) ?? "present", hasDependents);
    if (verdict.type === "delete") await writer.delete(kind, object, { propagationPolicy: verdict.policy });
    else if (verdict.type === "unlink") {
      const metadata = { uid: object.metadata.uid, ownerReferences: verdict.owners };
      await unlessGone(writer.patch(kind, object, { metadata }));
    }
  }

  /**
   * The graph knows most owners; of others the server is asked, since an owner may be newer than its watch.
   */
  async function stateOf(owner: OwnerReference, dependent: KubeObject): Promise<OwnerState> {
    const known = graph.get(owner.uid);
    if (known !== undefined) {
      const { namespace } = known.object.metadata;
      if (namespace !== undefined && dependent.metadata.namespace === undefined) return "present";
      if (namespace !== undefined && namespace !== dependent.metadata.namespace) return "absent";
      return waitsFor(known.object, FOREGROUND) ? "waiting" : "present";
    }
    if (graph.isGone(owner.uid)) return "absent";
    const kind = await kinds.find(owner.apiVersion, owner.kind);
    if (kind === undefined) return undecidedOf(dependent);
    // Such a reference is wrong and decides nothing, as with the real collector.
    if (kind.namespaced && dependent.metadata.namespace === undefined) return "present";
    try {
      const namespace = kind.namespaced ? dependent.metadata.namespace : undefined;
      const found = await client.get<KubeObject>(kind, owner.name, namespace);
      if (found.metadata.uid !== owner.uid) return "absent";
      return waitsFor(found, FOREGROUND) ? "waiting" : "present";
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
      // Without a name it is the kind that was not found: it went a moment ago.
      return error.status.details?.name === undefined ? undecidedOf(dependent) : "absent";
    }
  }

  function undecidedOf({ metadata }: KubeObject): OwnerState {
    undecided.add(metadata.uid ?? "");
    return "present";
  }

  async function deleteDependents(uid: string, { kind, object }: GraphNode): Promise<void> {
    const dependents = graph.dependentsOf(uid);
    const blocking = dependents.filter((dependent) =>
      (dependent.object.metadata.ownerReferences ?? []).some(
        (owner) => owner.uid === uid && owner.blockOwnerDeletion === true,
      ),
    );
    for (const dependent of dependents) queue.add(dependent.object.metadata.uid ?? "");
    if (blocking.length === 0) await removeFinalizer(kind, object, FOREGROUND);
  }

  async function orphanDependents(uid: string, { kind, object }: GraphNode): Promise<void> {
    await Promise.all(
      graph
        .dependentsOf(uid)
        .map((dependent) =>
          unlessGone(writer.patch(dependent.kind, dependent.object, releasePatch(dependent.object, uid))),
        ),
    );
    await removeFinalizer(kind, object, ORPHAN);
  }

  async function removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): Promise<void> {
    const { uid, resourceVersion, finalizers = [], name, namespace } = object.metadata;
    const left = finalizers.filter((item) => item !== finalizer);
    const patch = { metadata: { uid, resourceVersion, finalizers: left.length > 0 ? left : null } };
    // Not through the writer: with its last finalizer the object vanishes.
    await unlessGone(client.patch(kind, name, namespace, patch, { type: "merge" }));
  }

  function changed(kind: Kind, { type, object }: ObjectChange<KubeObject>): void {
    const uid = object.metadata.uid ?? "";
    if (type !== "deleted") {
      graph.put(kind, object);
      if (needsLook(object)) queue.add(uid);
      return;
    }
    graph.remove(object);
    undecided.delete(uid);
    for (const dependent of graph.dependentsOf(uid)) queue.add(dependent.object.metadata.uid ?? "");
    for (const owner of object.metadata.ownerReferences ?? []) queue.add(owner.uid);
  }

  for (const kind of CACHED) informers.of<KubeObject>(kind).onChange((change) => changed(kind, change));
  const kinds = new FollowedKinds(context, CACHED, {
    onChange: changed,
    onForgotten: (object) => graph.forget(object),
    onKinds: () => {
      for (const uid of undecided) queue.add(uid);
      undecided.clear();
    },
  });

  function needsLook(object: KubeObject): boolean {
    const owners = object.metadata.ownerReferences ?? [];
    return (
      waitsFor(object, FOREGROUND) ||
      waitsFor(object, ORPHAN) ||
      owners.some(({ uid }) => {
        const owner = graph.get(uid);
        return owner === undefined || waitsFor(owner.object, FOREGROUND);
      })
    );
  }
}

/** The object may have gone meanwhile. */
async function unlessGone(writing: Promise<unknown>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 404) throw error;
  }
}
