import { labelName } from "../metadata/names.ts";
import { sameJson } from "../patch/json-value.ts";
import { bumpGeneration, COMMON } from "../strategy/core.ts";
import type { KindRules } from "../strategy/rules.ts";
import { defaultStatefulSet } from "./defaults.ts";
import type { ControllerRevision, StatefulSet } from "./types.ts";
import {
  validateRevision,
  validateRevisionUpdate,
  validateStatefulSet,
  validateStatefulSetStatus,
  validateStatefulSetUpdate,
} from "./validate.ts";

/** pkg/registry/apps/statefulset/strategy.go; the numbers of pods are always written. */
export const STATEFUL_SET: KindRules<StatefulSet> = {
  ...COMMON,
  nameRule: labelName,
  default: defaultStatefulSet,
  prepareForCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
    set.metadata.generation = 1;
  },
  prepareForUpdate(next, stored) {
    next.status = stored.status ?? { replicas: 0, availableReplicas: 0 };
    bumpGeneration(next, stored, !sameJson(next.spec, stored.spec));
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
  },
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  validateStatus: validateStatefulSetStatus,
};

/** pkg/registry/apps/controllerrevision/strategy.go */
export const CONTROLLER_REVISION: KindRules<ControllerRevision> = {
  ...COMMON,
  validate: validateRevision,
  validateUpdate: validateRevisionUpdate,
};
