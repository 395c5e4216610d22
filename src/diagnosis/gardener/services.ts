/** Services judged against the Shoot that they are meant for. */
import { ANNOTATIONS, annotationField, translateBalancer } from "../../traffic/balancer/index.ts";
import type { Service } from "../../objects/types.ts";
import type { ShootFinding } from "./model.ts";
import type { Switches } from "./preconditions.ts";

/** The class that Gardener's controller serves beside Services with annotations. */
const CLASS = "service.k8s.aws/nlb";

/** Judges one Service of type LoadBalancer: its own annotations, and what they need of the Shoot. */
export function checkService(service: Service, shoot: Switches): ShootFinding[] {
  if (service.spec?.type !== "LoadBalancer") return [];
  const object = `Service ${service.metadata.namespace ?? "default"}/${service.metadata.name}`;
  const { ownership, findings } = translateBalancer(service, {
    provider: "aws",
    nodes: [],
    endpointSlices: [],
    flags: { loadBalancerClass: CLASS },
  });
  const own = findings.map((finding): ShootFinding => ({ ...finding, object, by: "tandem" }));
  const notes = ownership.owned ? served(service, shoot) : unserved(service, shoot);
  return [...own, ...notes.map((note): ShootFinding => ({ ...note, object, by: "tandem" }))];
}

type Remark = Pick<ShootFinding, "level" | "field" | "message" | "next">;

function served({ metadata, spec }: Service, shoot: Switches): Remark[] {
  const annotations = metadata.annotations ?? {};
  const remarks: Remark[] = [];
  if (!shoot.controller)
    remarks.push({
      level: "error",
      field: spec.loadBalancerClass === undefined ? fieldOf("type") : "spec.loadBalancerClass",
      message: "nobody serves this Service: the Shoot's load balancer controller is off",
      next: "set controlPlaneConfig.loadBalancerController.enabled to true in the Shoot",
    });
  if (annotations[ANNOTATIONS.ipAddressType.key] === "dualstack" && !shoot.dualStack && !shoot.ipv6)
    remarks.push({
      level: shoot.ownSubnets ? "warning" : "error",
      field: fieldOf("ipAddressType"),
      message: shoot.ownSubnets
        ? "the Shoot lacks dualStack.enabled: it depends on your subnets whether they have IPv6 ranges"
        : "the Shoot lacks dualStack.enabled: its subnets have no IPv6 ranges, and the load balancer cannot be made",
      next: "set infrastructureConfig.dualStack.enabled to true in the Shoot",
    });
  const target = annotations[ANNOTATIONS.targetType.key];
  if (target === "ip" || annotations[ANNOTATIONS.type.key] === "nlb-ip")
    remarks.push({
      level: "error",
      field: fieldOf(target === "ip" ? "targetType" : "type"),
      message: "Gardener supports instance targets only",
      next: "set the type to external and the target type to instance",
    });
  return remarks;
}

function unserved({ metadata, spec }: Service, shoot: Switches): Remark[] {
  const annotations = metadata.annotations ?? {};
  if (annotations[ANNOTATIONS.ipAddressType.key] !== undefined && spec.loadBalancerClass === undefined)
    return [
      {
        level: "warning",
        field: fieldOf("ipAddressType"),
        message:
          "the in-tree controller serves this Service and does not read it: the load balancer is IPv4 only",
        next: `set ${ANNOTATIONS.type.key} to external and ${ANNOTATIONS.targetType.key} to instance (a new load balancer is made)`,
      },
    ];
  if (!shoot.ipv6 || annotations[ANNOTATIONS.ignored.key] === "true" || isInternal(annotations)) return [];
  return [
    {
      level: "note",
      field: "metadata.annotations",
      message:
        "the cluster has IPv6: Gardener makes new Services dual-stack, and leaves existing ones as they are",
      next: `set ${ANNOTATIONS.ignored.key} to "true" to decide yourself`,
    },
  ];
}

function isInternal(annotations: Readonly<Record<string, string>>): boolean {
  return (
    annotations[ANNOTATIONS.scheme.key] === "internal" || annotations[ANNOTATIONS.internal.key] === "true"
  );
}

function fieldOf(name: "type" | "ipAddressType" | "targetType"): string {
  return annotationField(ANNOTATIONS[name].key);
}
