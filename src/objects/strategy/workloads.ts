import { defaultDaemonSet, defaultDeployment, defaultReplicaSet } from "../defaults/workloads.ts";
import { immutable } from "../metadata/validate-metadata.ts";
import { sameJson } from "../patch/json-value.ts";
import type { DaemonSet, Deployment, KubeObject, ReplicaSet } from "../types.ts";
import { validateDaemonSet, validateDeployment, validateReplicaSet } from "../validation/workloads.ts";
import { bumpGeneration, COMMON } from "./core.ts";
import type { KindRules } from "./rules.ts";
import { specAndStatus } from "./spec-and-status.ts";

interface Workload extends KubeObject {
  spec: { selector: unknown };
  status?: object;
}

function selectorStays(next: Workload, stored: Workload) {
  return immutable("spec.selector", next.spec.selector, stored.spec.selector);
}

/** pkg/registry/apps/deployment/strategy.go */
export const DEPLOYMENT: KindRules<Deployment> = {
  ...COMMON,
  default: defaultDeployment,
  prepareForCreate(deployment) {
    deployment.status = {};
    deployment.metadata.generation = 1;
  },
  prepareForUpdate(next, stored) {
    next.status = stored.status ?? {};
    const annotated = sameJson(next.metadata.annotations ?? {}, stored.metadata.annotations ?? {});
    bumpGeneration(next, stored, !annotated || !sameJson(next.spec, stored.spec));
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
    if (stored.metadata.labels === undefined) delete next.metadata.labels;
    else next.metadata.labels = stored.metadata.labels;
  },
  validate: validateDeployment,
  validateUpdate: (next, stored) => [...validateDeployment(next), ...selectorStays(next, stored)],
};

/** pkg/registry/apps/replicaset/strategy.go; the number of replicas is always written. */
export const REPLICA_SET: KindRules<ReplicaSet> = {
  ...COMMON,
  ...specAndStatus<ReplicaSet>(() => ({ replicas: 0 })),
  default: defaultReplicaSet,
  validate: validateReplicaSet,
  validateUpdate: (next, stored) => [...validateReplicaSet(next), ...selectorStays(next, stored)],
};

const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

const WRITTEN_DAEMON_SET = specAndStatus<DaemonSet>(() => ({
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
}));

/** pkg/registry/apps/daemonset/strategy.go; in v1 the generation of the template is an annotation. */
export const DAEMON_SET: KindRules<DaemonSet> = {
  ...COMMON,
  ...WRITTEN_DAEMON_SET,
  default: defaultDaemonSet,
  prepareForCreate(set) {
    WRITTEN_DAEMON_SET.prepareForCreate(set);
    setTemplateGeneration(set, 1);
  },
  prepareForUpdate(next, stored) {
    const before = Number(stored.metadata.annotations?.[TEMPLATE_GENERATION] ?? 0);
    const changed = !sameJson(next.spec.template, stored.spec.template);
    setTemplateGeneration(next, changed ? before + 1 : before);
    WRITTEN_DAEMON_SET.prepareForUpdate(next, stored);
  },
  validate: validateDaemonSet,
  validateUpdate: (next, stored) => [...validateDaemonSet(next), ...selectorStays(next, stored)],
};
