import type { Informer, ObjectChange } from "../../client/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Deployment, Pod, ReplicaSet } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { claimDependents, followDependents } from "../runtime/dependents.ts";
import { sameValue, withoutZeros } from "../runtime/equal.ts";
import { controllerOf } from "../runtime/owners.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import type { Writer } from "../runtime/writer.ts";
import { planDeployment, type DeploymentPlan } from "./reconcile.ts";
import { findNewSet, replicasOf, REVISION, scaleAnnotations } from "./replica-sets.ts";
import type { Scaling } from "./scale.ts";
import { deploymentStatus } from "./status.ts";

const SOURCE = "deployment-controller";

/** Rolls out every Deployment. */
export function runDeployments(context: ControllerContext): void {
  new Deployments(context).follow();
}

class Deployments {
  readonly #context: ControllerContext;
  readonly #writer: Writer;
  readonly #deployments: Informer<Deployment>;
  readonly #sets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #queue: WorkQueue;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#writer = context.writer;
    this.#deployments = context.informers.of(KINDS.Deployment);
    this.#sets = context.informers.of(KINDS.ReplicaSet);
    this.#pods = context.informers.of(KINDS.Pod);
    this.#queue = context.queue({ name: "deployment" }, (key) => this.#reconcile(key));
  }

  follow(): void {
    this.#deployments.onChange(({ object }) => this.#queue.add(objectKey(object)));
    followDependents(this.#queue, KINDS.Deployment, this.#deployments, this.#sets);
    this.#pods.onChange((change) => this.#onPod(change));
  }

  /** Recreate waits for the last old pod. */
  #onPod({ type, object }: ObjectChange<Pod>): void {
    const owner = controllerOf(object);
    if (type !== "deleted" || owner?.kind !== "ReplicaSet") return;
    const set = this.#sets.get(`${object.metadata.namespace}/${owner.name}`);
    const deployment = set && controllerOf(set);
    if (deployment?.kind === "Deployment") this.#queue.add(`${object.metadata.namespace}/${deployment.name}`);
  }

  async #reconcile(key: string): Promise<void> {
    const deployment = this.#deployments.get(key);
    if (deployment === undefined) return;
    const namespace = deployment.metadata.namespace ?? "";
    const owned = await this.#claimSets(deployment, this.#sets.list(namespace));
    const plan = planDeployment(deployment, owned, this.#pods.list(namespace));
    await this.#carryOut(deployment, plan);
    await this.#writeStatus(key, deployment, plan);
  }

  async #claimSets(deployment: Deployment, all: readonly ReplicaSet[]): Promise<ReplicaSet[]> {
    const owner = [KINDS.Deployment, deployment] as const;
    const { owned } = await claimDependents(this.#writer, owner, [KINDS.ReplicaSet, all]);
    return owned.map((set) => this.#fresh(set));
  }

  /** A ReplicaSet as it is by now. */
  #fresh(set: ReplicaSet): ReplicaSet {
    return this.#sets.get(objectKey(set)) ?? set;
  }

  async #carryOut(deployment: Deployment, plan: DeploymentPlan): Promise<void> {
    if (plan.revision !== undefined) await this.#markRevision(deployment, String(plan.revision));
    if (plan.create !== undefined) await this.#createSet(deployment, plan.create);
    if (plan.update !== undefined) await this.#writer.update(KINDS.ReplicaSet, plan.update);
    await Promise.all(plan.scale.map((scaling) => this.#scale(deployment, scaling)));
    await Promise.all(plan.delete.map((set) => this.#writer.delete(KINDS.ReplicaSet, set)));
  }

  async #markRevision(deployment: Deployment, revision: string): Promise<void> {
    if (deployment.metadata.annotations?.[REVISION] === revision) return;
    const patch = { metadata: { uid: deployment.metadata.uid, annotations: { [REVISION]: revision } } };
    // by way of the status, as kube-controller-manager does: a change of annotations alone counts as a generation
    await this.#writer.patch(KINDS.Deployment, deployment, patch, { subresource: "status" });
  }

  async #createSet(deployment: Deployment, set: ReplicaSet): Promise<void> {
    try {
      await this.#writer.create<ReplicaSet>(KINDS.ReplicaSet, set);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      if (!(error instanceof ApiError) || error.status.reason !== "AlreadyExists") throw error;
      await this.#onNameTaken(deployment, set);
      throw error;
    }
    if (replicasOf(set) > 0) this.#recordScaling(deployment, set, replicasOf(set), 0);
  }

  /** Another template has the same hash: from now on this Deployment's hashes are counted up. */
  async #onNameTaken(deployment: Deployment, set: ReplicaSet): Promise<void> {
    const other = this.#sets.get(objectKey(set));
    const own = other !== undefined && controllerOf(other)?.uid === deployment.metadata.uid;
    if (other === undefined || (own && findNewSet(deployment, [other]) !== undefined)) return;
    const { collisionCount = 0 } = (deployment.status ?? {}) as { collisionCount?: number };
    const patch = { status: { collisionCount: collisionCount + 1 } };
    await this.#writer.patch(KINDS.Deployment, deployment, patch, { subresource: "status" });
  }

  async #scale(deployment: Deployment, { set, replicas }: Scaling): Promise<void> {
    const before = replicasOf(set);
    const metadata = {
      ...set.metadata,
      annotations: { ...set.metadata.annotations, ...scaleAnnotations(deployment) },
    };
    await this.#writer.update(KINDS.ReplicaSet, { ...set, metadata, spec: { ...set.spec, replicas } });
    if (replicas !== before) this.#recordScaling(deployment, set, replicas, before);
  }

  #recordScaling(deployment: Deployment, set: ReplicaSet, replicas: number, before: number): void {
    const direction = replicas > before ? "up" : "down";
    const text = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    this.#context.events.record(SOURCE, deployment, "Normal", "ScalingReplicaSet", text);
  }

  async #writeStatus(key: string, read: Deployment, plan: DeploymentPlan): Promise<void> {
    const deployment = this.#deployments.get(key);
    if (deployment === undefined || deployment.metadata.uid !== read.metadata.uid) return;
    const made = plan.newSet ?? plan.create;
    const { status, recheck } = deploymentStatus(
      asRead(deployment, read),
      made && this.#sets.get(objectKey(made)),
      plan.oldSets.map((set) => this.#fresh(set)),
      Date.now(),
      plan.create !== undefined,
    );
    if (recheck !== undefined) this.#queue.addAfter(key, recheck);
    if (sameValue(withoutZeros(deployment.status), withoutZeros(status))) return;
    await this.#writer.update(KINDS.Deployment, { ...deployment, status }, { subresource: "status" });
  }
}

/** What was observed is the generation that was read, should the Deployment have changed meanwhile. */
function asRead(deployment: Deployment, { metadata: { generation }, spec }: Deployment): Deployment {
  return { ...deployment, metadata: { ...deployment.metadata, generation }, spec } as Deployment;
}
