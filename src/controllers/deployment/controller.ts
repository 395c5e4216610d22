import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Deployment, Pod, ReplicaSet } from "../../objects/types.ts";
import { isNamespaceTerminating } from "../endpointslice/controller.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { matchesSelector } from "../runtime/labels.ts";
import { adoptPatch, claim, controllerOf, controllerReference, releasePatch } from "../runtime/owners.ts";
import { planDeployment, type DeploymentPlan } from "./reconcile.ts";
import { findNewSet, replicasOf, REVISION, scaleAnnotations } from "./replica-sets.ts";
import type { Scaling } from "./scale.ts";
import { deploymentStatus } from "./status.ts";

const SOURCE = "deployment-controller";

/** Rolls out every Deployment. */
export function runDeployments(context: ControllerContext): void {
  const { informers, writer, events } = context;
  const deployments = informers.of<Deployment>(KINDS.Deployment);
  const sets = informers.of<ReplicaSet>(KINDS.ReplicaSet);
  const pods = informers.of<Pod>(KINDS.Pod);

  const queue = context.queue({ name: "deployment" }, async (key) => {
    const deployment = deployments.get(key);
    if (deployment === undefined) return;
    const namespace = deployment.metadata.namespace ?? "";
    const owned = await claimSets(deployment, sets.list(namespace));
    const plan = planDeployment(deployment, owned, pods.list(namespace));
    await carryOut(deployment, plan);
    await writeStatus(key, deployment, plan);
  });

  async function claimSets(deployment: Deployment, all: readonly ReplicaSet[]): Promise<ReplicaSet[]> {
    const { owned, adopted, released } = claim(deployment, deployment.spec.selector, all);
    const reference = controllerReference(KINDS.Deployment, deployment);
    await Promise.all([
      ...adopted.map((set) => writer.patch(KINDS.ReplicaSet, set, adoptPatch(set, reference))),
      ...released.map((set) =>
        writer.patch(KINDS.ReplicaSet, set, releasePatch(set, deployment.metadata.uid)),
      ),
    ]);
    return owned.map((set) => sets.get(objectKey(set)) ?? set);
  }

  async function carryOut(deployment: Deployment, plan: DeploymentPlan): Promise<void> {
    if (plan.revision !== undefined) await markRevision(deployment, String(plan.revision));
    if (plan.create !== undefined) await createSet(deployment, plan.create);
    if (plan.update !== undefined) await writer.update(KINDS.ReplicaSet, plan.update);
    await Promise.all(plan.scale.map((scaling) => scale(deployment, scaling)));
    await Promise.all(plan.delete.map((set) => writer.delete(KINDS.ReplicaSet, set)));
  }

  async function markRevision(deployment: Deployment, revision: string): Promise<void> {
    if (deployment.metadata.annotations?.[REVISION] === revision) return;
    const patch = { metadata: { uid: deployment.metadata.uid, annotations: { [REVISION]: revision } } };
    await writer.patch(KINDS.Deployment, deployment, patch);
  }

  async function createSet(deployment: Deployment, set: ReplicaSet): Promise<void> {
    try {
      await writer.create<ReplicaSet>(KINDS.ReplicaSet, set);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      if (!(error instanceof ApiError) || error.status.reason !== "AlreadyExists") throw error;
      await onNameTaken(deployment, set);
      throw error;
    }
    if (replicasOf(set) === 0) return;
    events.record(
      SOURCE,
      deployment,
      "Normal",
      "ScalingReplicaSet",
      scaledText("up", set, replicasOf(set), 0),
    );
  }

  /** Another template has the same hash: from now on this Deployment's hashes are counted up. */
  async function onNameTaken(deployment: Deployment, set: ReplicaSet): Promise<void> {
    const other = sets.get(objectKey(set));
    const own = other !== undefined && controllerOf(other)?.uid === deployment.metadata.uid;
    if (other === undefined || (own && findNewSet(deployment, [other]) !== undefined)) return;
    const { collisionCount = 0 } = (deployment.status ?? {}) as { collisionCount?: number };
    const patch = { status: { collisionCount: collisionCount + 1 } };
    await writer.patch(KINDS.Deployment, deployment, patch, { subresource: "status" });
  }

  async function scale(deployment: Deployment, { set, replicas }: Scaling): Promise<void> {
    const before = replicasOf(set);
    const metadata = {
      ...set.metadata,
      annotations: { ...set.metadata.annotations, ...scaleAnnotations(deployment) },
    };
    await writer.update(KINDS.ReplicaSet, { ...set, metadata, spec: { ...set.spec, replicas } });
    if (replicas === before) return;
    const direction = replicas > before ? "up" : "down";
    events.record(
      SOURCE,
      deployment,
      "Normal",
      "ScalingReplicaSet",
      scaledText(direction, set, replicas, before),
    );
  }

  async function writeStatus(key: string, read: Deployment, plan: DeploymentPlan): Promise<void> {
    const deployment = deployments.get(key);
    if (deployment === undefined || deployment.metadata.uid !== read.metadata.uid) return;
    const fresh = (set: ReplicaSet): ReplicaSet => sets.get(objectKey(set)) ?? set;
    const made = plan.newSet ?? plan.create;
    const newSet = made && sets.get(objectKey(made));
    const generation = read.metadata.generation;
    // What was observed is the generation that was read, should the Deployment have changed meanwhile.
    const seen = {
      ...deployment,
      metadata: { ...deployment.metadata, generation },
      spec: read.spec,
    } as Deployment;
    const { status, recheck } = deploymentStatus(
      seen,
      newSet,
      plan.oldSets.map(fresh),
      Date.now(),
      plan.create !== undefined,
    );
    if (recheck !== undefined) queue.addAfter(key, recheck);
    if (sameValue(withoutZeros(deployment.status), withoutZeros(status))) return;
    await writer.update(KINDS.Deployment, { ...deployment, status }, { subresource: "status" });
  }

  deployments.onChange(({ object }) => queue.add(objectKey(object)));
  sets.onChange(({ object, previous }) => {
    for (const owner of new Set([controllerOf(object), previous && controllerOf(previous)])) {
      if (owner?.kind === "Deployment") queue.add(`${object.metadata.namespace}/${owner.name}`);
    }
    if (controllerOf(object) !== undefined) return;
    for (const deployment of deployments.list(object.metadata.namespace ?? "")) {
      if (matchesSelector(deployment.spec.selector, object.metadata.labels)) queue.add(objectKey(deployment));
    }
  });
  // Recreate waits for the last old pod.
  pods.onChange(({ type, object }) => {
    const owner = controllerOf(object);
    if (type !== "deleted" || owner?.kind !== "ReplicaSet") return;
    const set = sets.get(`${object.metadata.namespace}/${owner.name}`);
    const deployment = set && controllerOf(set);
    if (deployment?.kind === "Deployment") queue.add(`${object.metadata.namespace}/${deployment.name}`);
  });
}

function scaledText(direction: "up" | "down", set: ReplicaSet, replicas: number, before: number): string {
  return `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
}
