import type { Condition, KubeObject, LabelSelector } from "../types.ts";

/** A number of pods, or a share of them such as `25%`. */
export type IntOrPercent = number | string;

/** A PodDisruptionBudget (policy/v1): how many of its pods an eviction has to leave. */
export interface PodDisruptionBudget extends KubeObject {
  spec: {
    minAvailable?: IntOrPercent;
    maxUnavailable?: IntOrPercent;
    /** None selects nothing, one without any requirement every pod of the namespace. */
    selector?: LabelSelector;
    unhealthyPodEvictionPolicy?: string;
  };
  status?: DisruptionStatus;
}

/** What a budget allows; it holds for the generation that it names. */
export interface DisruptionStatus {
  observedGeneration?: number;
  disruptionsAllowed: number;
  currentHealthy: number;
  desiredHealthy: number;
  expectedPods: number;
  /** When evictions of pods were granted, by the pods' names, until these are seen being deleted. */
  disruptedPods?: Record<string, string>;
  conditions?: Condition[];
}
