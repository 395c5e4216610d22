import { defaultDaemonSet, defaultDeployment, defaultReplicaSet } from "../defaults/workloads.ts";
import { immutable } from "../metadata/validate-metadata.ts";
import { sameJson } from "../patch/json-value.ts";
import type { DaemonSet, Deployment, KubeObject, ReplicaSet } from "../types.ts";
import { validateDaemonSet, validateDeployment, validateReplicaSet } from "../validation/workloads.ts";
import { bumpGeneration, COMMON } from "./core.ts";
import type { KindRules } from "./rules.ts";

interface Workload extends KubeObject {
  spec: { selector: unknown };
  status?: object;
}

function takeStatus(next: Workload, stored: Workload): void {
  next.status = stored.status ?? {};
}

function startFresh(object: Workload): void {
  object.status = {};
  object.metadata.generation = 1;
}

function selectorStays(next: Workload, stored: Workload) {
  return immutable("spec.selector", next.spec.selector, stored.spec.selector);
}

/** pkg/registry/apps/deployment/strategy.go */
export const DEPLOYMENT: KindRules<Deployment> = {
  ...COMMON,
  default: defaultDeployment,
  prepareForCreate: startFresh,
  prepareForUpdate(next, stored) {
    takeStatus(next, stored);
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
  default: defaultReplicaSet,
  prepareForCreate(set) {
    set.status = { replicas: 0 };
    set.metadata.generation = 1;
  },
  prepareForUpdate(next, stored) {
    takeStatus(next, stored);
    bumpGeneration(next, stored, !sameJson(next.spec, stored.spec));
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
  },
  validate: validateReplicaSet,
  validateUpdate: (next, stored) => [...validateReplicaSet(next), ...selectorStays(next, stored)],
};

const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

/** pkg/registry/apps/daemonset/strategy.go; in v1 the generation of the template is an annotation. */
export const DAEMON_SET: KindRules<DaemonSet> = {
  ...COMMON,
  default: defaultDaemonSet,
  prepareForCreate(set) {
    set.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
    set.metadata.generation = 1;
    setTemplateGeneration(set, 1);
  },
  prepareForUpdate(next, stored) {
    takeStatus(next, stored);
    const before = Number(stored.metadata.annotations?.[TEMPLATE_GENERATION] ?? 0);
    const changed = !sameJson(next.spec.template, stored.spec.template);
    setTemplateGeneration(next, changed ? before + 1 : before);
    bumpGeneration(next, stored, !sameJson(next.spec, stored.spec));
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
  },
  validate: validateDaemonSet,
  validateUpdate: (next, stored) => [...validateDaemonSet(next), ...selectorStays(next, stored)],
};
