import { ANNOTATIONS, type AnnotationName, annotationField } from "../../traffic/balancer/index.ts";
import type { BalancerFinding } from "../../traffic/balancer/model.ts";

/** Why a stack cannot be, thrown where that is found and caught by `desiredStack`; carries the finding. */
export class Refusal extends Error {
  readonly finding: BalancerFinding;

  constructor(finding: BalancerFinding) {
    super(finding.message);
    this.name = "Refusal";
    this.finding = finding;
  }
}

/** A refusal of an annotation's value. */
export function refuse(annotation: AnnotationName, message: string, next: string): Refusal {
  return new Refusal({ level: "error", field: annotationField(ANNOTATIONS[annotation].key), message, next });
}
