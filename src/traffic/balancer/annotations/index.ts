/**
 * Every annotation of a Service that says something to its load balancer: those of the AWS Load Balancer Controller
 * (v3.5, pkg/annotations/constants.go), with its defaults and its words for what it refuses, and our own.
 */
import { ACCOUNT } from "./account.ts";
import { OWN } from "./own.ts";
import { type AnnotationSpec, aws } from "./spec.ts";
import { TRAFFIC } from "./traffic.ts";

export { type AnnotationSpec, AWS_BALANCER_PREFIX, type ValueType } from "./spec.ts";

/** The annotations by a short name of ours. */
export const ANNOTATIONS = { ...TRAFFIC, ...ACCOUNT, ...OWN } as const;

/** The short name of an annotation. */
export type AnnotationName = keyof typeof ANNOTATIONS;

/** All annotations, those of families among them. */
export const ALL_ANNOTATIONS: readonly (AnnotationSpec & { readonly id: AnnotationName })[] = Object.entries(
  ANNOTATIONS,
).map(([id, spec]) => ({ id: id as AnnotationName, ...spec }));

/** Keys that only the in-tree cloud provider reads: no typing errors, but without effect here. */
export const IN_TREE_ONLY: readonly string[] = [
  aws("access-log-emit-interval"),
  aws("connection-draining-enabled"),
  aws("connection-draining-timeout"),
  aws("connection-idle-timeout"),
  aws("extra-security-groups"),
];
