/** Whose a Service is: the rules of the AWS Load Balancer Controller (pkg/service/service_utils.go), and ours. */
import { closest } from "../../errors/closest.ts";
import type { Service } from "../../objects/types.ts";
import { ANNOTATIONS } from "./annotations/index.ts";
import type { BalancerFinding, Ownership } from "./model.ts";
import { annotationField } from "./reader.ts";

/** The class of Services that Tandem serves on AWS and, where it runs there, locally. */
const BALANCER_CLASS = "tandem.dev/nlb";
/** The class that the local provider alone serves. */
const LOCAL_CLASS = "tandem.dev/local";

/** Whose classes are ours: the provider's own and, with a flag, one more (`service.k8s.aws/nlb`). */
export interface OwnershipOptions {
  readonly provider: "aws" | "local";
  readonly loadBalancerClass?: string | undefined;
}

/**
 * Decides whether a Service is ours. A class decides alone; without one the annotations `type: external` with a target
 * type, or `type: nlb-ip`. Other types of Service are never ours (the controller's gate ServiceTypeLoadBalancerOnly).
 */
export function ownershipOf(service: Service, options: OwnershipOptions): Ownership {
  const { spec, metadata } = service;
  if (isLocals(service, options)) return LOCALS;
  if (metadata.deletionTimestamp !== undefined) return { owned: false, reason: "it is being deleted" };
  const annotations = metadata.annotations ?? {};
  if (spec.type !== "LoadBalancer") return otherType(service, annotations);
  if (spec.loadBalancerClass !== undefined) return byClass(spec.loadBalancerClass, options);
  return byAnnotations(annotations);
}

const LOCALS: Ownership = {
  owned: false,
  reason: `its loadBalancerClass ${LOCAL_CLASS} is the local provider's`,
  anothers: true,
};

/** Both providers have one finalizer: that of AWS must not take it from what the local one made. */
function isLocals({ spec }: Service, { provider, loadBalancerClass }: OwnershipOptions): boolean {
  const given = spec.type === "LoadBalancer" ? spec.loadBalancerClass : undefined;
  return provider === "aws" && given === LOCAL_CLASS && given !== loadBalancerClass;
}

function otherType({ spec }: Service, annotations: Readonly<Record<string, string>>): Ownership {
  const reason = `it is of type ${spec.type ?? "ClusterIP"}, not LoadBalancer`;
  if (!byAnnotations(annotations).owned) return { owned: false, reason };
  const message =
    `a Service of type ${spec.type ?? "ClusterIP"} gets no load balancer, whatever its annotations say ` +
    "(the AWS Load Balancer Controller without ServiceTypeLoadBalancerOnly would make one)";
  const next = "set spec.type to LoadBalancer, or take the annotations away";
  return { owned: false, reason, finding: { level: "warning", field: "spec.type", message, next } };
}

/** Classes that look like ours and are not: the local provider's, and the lab's own. */
const OTHERS = [LOCAL_CLASS, "tandem.dev/lab"];

function byClass(given: string, { provider, loadBalancerClass }: OwnershipOptions): Ownership {
  const ours = provider === "local" ? [BALANCER_CLASS, LOCAL_CLASS] : [BALANCER_CLASS];
  if (ours.includes(given) || given === loadBalancerClass) return { owned: true, by: "class" };
  const known = [...ours, ...(loadBalancerClass === undefined ? [] : [loadBalancerClass])];
  const reason = `its loadBalancerClass ${given} is another's (here: ${[...new Set(known)].join(", ")})`;
  const meant = OTHERS.includes(given) ? undefined : closest(given, ours);
  // a class does not change: what was made was so under another flag, or before the Service was one of another type
  if (meant === undefined) return { owned: false, reason, stays: true };
  const message = `nobody serves loadBalancerClass ${given}`;
  const next = `write ${meant}: the class cannot be changed, so the Service must be made anew`;
  return {
    owned: false,
    reason,
    finding: { level: "warning", field: "spec.loadBalancerClass", message, next },
    stays: true,
  };
}

const TYPES = ["external", "nlb-ip"];
/** What the in-tree provider reads in the same annotation. */
const IN_TREE_TYPES = ["nlb", "clb", "classic"];

function byAnnotations(annotations: Readonly<Record<string, string>>): Ownership {
  const type = annotations[ANNOTATIONS.type.key];
  const target = annotations[ANNOTATIONS.targetType.key];
  if (type === "nlb-ip") return { owned: true, by: "annotations" };
  if (type === "external") {
    if (target === "instance" || target === "ip") return { owned: true, by: "annotations" };
    const reason = "no target type goes with type external";
    return { owned: false, reason, finding: noTarget(target), stays: true };
  }
  if (type === undefined)
    return { owned: false, reason: "it has neither a loadBalancerClass of ours nor type external" };
  const reason = `${ANNOTATIONS.type.key} is ${type}: the in-tree cloud provider's`;
  const meant = IN_TREE_TYPES.includes(type) ? undefined : closest(type, TYPES);
  return meant === undefined
    ? { owned: false, reason }
    : { owned: false, reason, finding: typing(type, meant), stays: true };
}

function noTarget(target: string | undefined): BalancerFinding {
  const key = ANNOTATIONS.targetType.key;
  const meant = target === undefined ? undefined : closest(target, ["instance", "ip"]);
  const message =
    target === undefined
      ? "with type external and no target type the Service is served by nobody: neither here nor in-tree"
      : `unknown target type ${JSON.stringify(target)}: with type external the Service is served by nobody`;
  return {
    level: "error",
    field: annotationField(key),
    message,
    next: meant === undefined ? `set ${key} to instance or ip` : `write ${meant}`,
  };
}

function typing(type: string, meant: string): BalancerFinding {
  const message = `unknown type ${JSON.stringify(type)}: the Service is left to the in-tree cloud provider`;
  return { level: "warning", field: annotationField(ANNOTATIONS.type.key), message, next: `write ${meant}` };
}
