import { labelName } from "../metadata/names.ts";
import { COMMON } from "../strategy/core.ts";
import type { KindRules } from "../strategy/rules.ts";
import { specAndStatus } from "../strategy/spec-and-status.ts";
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
  ...specAndStatus<StatefulSet>(() => ({ replicas: 0, availableReplicas: 0 })),
  nameRule: labelName,
  default: defaultStatefulSet,
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
