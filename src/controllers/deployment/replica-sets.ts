import { KINDS } from "../../objects/kinds.ts";
import type { Deployment, PodTemplateSpec, ReplicaSet } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";
import { controllerReference } from "../runtime/owners.ts";
import { resolveCount, templateHash } from "../runtime/pod-template.ts";

/** Tells the pods of a Deployment's ReplicaSets apart. */
const HASH_LABEL = "pod-template-hash";
/** The annotation that carries the revision of a ReplicaSet, and of its Deployment. */
export const REVISION = "deployment.kubernetes.io/revision";
const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
const DESIRED = "deployment.kubernetes.io/desired-replicas";
const MAXIMUM = "deployment.kubernetes.io/max-replicas";
/** Annotations of a Deployment that are its own; all others go down to its ReplicaSets. */
const OWN_ANNOTATIONS = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  REVISION_HISTORY,
  DESIRED,
  MAXIMUM,
  "deprecated.deployment.rollback.to",
]);

/** How many pods there may be during a rollout beyond, and how many may be lacking of, those wanted. */
export interface Fences {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** The pods a Deployment wants. */
export function replicasOf(object: Deployment | ReplicaSet): number {
  return object.spec.replicas ?? 1;
}

/**
 * The bounds of a rolling update; both 0 would stand still, so one may be lacking then (ResolveFenceposts).
 */
export function fencesOf(deployment: Deployment): Fences {
  if (deployment.spec.strategy?.type === "Recreate" || replicasOf(deployment) === 0) {
    return { maxSurge: 0, maxUnavailable: 0 };
  }
  const { maxSurge = "25%", maxUnavailable = "25%" } = deployment.spec.strategy?.rollingUpdate ?? {};
  const total = replicasOf(deployment);
  const surge = resolveCount(maxSurge, total, true);
  const lacking = Math.min(resolveCount(maxUnavailable, total, false), total);
  return { maxSurge: surge, maxUnavailable: surge === 0 && lacking === 0 ? 1 : lacking };
}

/** The ReplicaSet of the Deployment's present template: the oldest one, should there be several. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec.template);
  return oldestFirst(sets).find((set) => sameValue(withoutHash(set.spec.template), wanted));
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { creationTimestamp: _, ...metadata } = template.metadata ?? {};
  const { [HASH_LABEL]: __, ...labels } = metadata.labels ?? {};
  return { metadata: { ...metadata, labels }, spec: template.spec };
}

/** By creation, then by name (ReplicaSetsByCreationTimestamp). */
export function oldestFirst(sets: readonly ReplicaSet[]): ReplicaSet[] {
  const key = ({ metadata }: ReplicaSet): string => `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
  return [...sets].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The number of a ReplicaSet's revision; 0 when it has none. */
export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0) || 0;
}

/** The ReplicaSet that a Deployment's present template needs. */
export function newReplicaSet(
  deployment: Deployment,
  replicas: number,
  revision: number,
  collisions: number,
): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = templateHash(withoutHash(template), collisions);
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  const { name, namespace } = deployment.metadata;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: annotationsFor(deployment, undefined, revision),
      ownerReferences: [controllerReference(KINDS.Deployment, deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** The annotations of the new ReplicaSet; the revisions that it had before are kept as its history. */
export function annotationsFor(
  deployment: Deployment,
  set: ReplicaSet | undefined,
  revision: number,
): Record<string, string> {
  const own = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([key]) => !OWN_ANNOTATIONS.has(key),
  );
  const annotations = {
    ...set?.metadata.annotations,
    ...Object.fromEntries(own),
    ...scaleAnnotations(deployment),
  };
  const present = set === undefined ? 0 : revisionOf(set);
  if (present < revision) {
    if (present > 0) {
      const history = (annotations[REVISION_HISTORY] ?? "").split(",").filter((item) => item !== "");
      annotations[REVISION_HISTORY] = [...history, String(present)].join(",");
    }
    annotations[REVISION] = String(revision);
  }
  return annotations;
}

/** What a ReplicaSet has to know to be scaled in proportion later. */
export function scaleAnnotations(deployment: Deployment): Record<string, string> {
  const wanted = replicasOf(deployment);
  return { [DESIRED]: String(wanted), [MAXIMUM]: String(wanted + fencesOf(deployment).maxSurge) };
}

/** The Deployment's size when the ReplicaSet was last scaled. */
export function desiredAnnotation(set: ReplicaSet): number | undefined {
  const value = set.metadata.annotations?.[DESIRED];
  return value === undefined ? undefined : Number(value);
}

/** The Deployment's greatest size when the ReplicaSet was last scaled. */
export function maximumAnnotation(set: ReplicaSet): number | undefined {
  const value = set.metadata.annotations?.[MAXIMUM];
  return value === undefined ? undefined : Number(value);
}
