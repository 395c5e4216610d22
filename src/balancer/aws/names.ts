/** Names of what is made in AWS: readable, at most 32 characters where AWS says so, and different where AWS has no change. */
import { createHash } from "node:crypto";

/** Whom a name is for. */
export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** `k8s-<namespace>-<name>-<hash>`: eight letters and digits of each, and ten of the hash of all parts. */
function hashedName({ namespace, name }: Named, parts: readonly string[]): string {
  // a separator that is in no part: parts that run into each other must not give one hash
  const hash = createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 10);
  return `k8s-${plain(namespace).slice(0, 8)}-${plain(name).slice(0, 8)}-${hash}`;
}

function plain(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, "");
}

/** A load balancer's name, where the Service names none: another scheme is another name, as both may exist for a while. */
export function loadBalancerName(service: Named, cluster: string, uid: string, scheme: string): string {
  return hashedName(service, [cluster, uid, scheme]);
}

/** What a target group's name depends on: all that AWS cannot change. */
export interface TargetGroupIdentity {
  readonly cluster: string;
  /** The Service whose load balancer it is. */
  readonly uid: string;
  /** The Service whose targets are in it, where that is another one. */
  readonly backendUid: string | undefined;
  readonly port: number;
  readonly targetPort: number;
  readonly targetType: string;
  readonly protocol: string;
  /** The AWS controller has it not in the hash, and so gets stuck when the family changes. */
  readonly ipAddressType: string;
  readonly healthCheckProtocol: string;
}

/** A target group's name. */
export function targetGroupName(service: Named, identity: TargetGroupIdentity): string {
  const { cluster, uid, backendUid = "", port, targetPort } = identity;
  const { targetType, protocol, ipAddressType, healthCheckProtocol } = identity;
  const numbers = [String(targetPort), String(port)];
  return hashedName(service, [
    cluster,
    uid,
    backendUid,
    ...numbers,
    targetType,
    protocol,
    ipAddressType,
    healthCheckProtocol,
  ]);
}

/** The name of a Service's own security group. */
export function securityGroupName(service: Named, cluster: string, uid: string): string {
  return hashedName(service, [cluster, "group", service.namespace, service.name, uid]);
}

/**
 * The name of the group that all load balancers of a cluster share, and that nodes let in. The AWS controller calls its
 * own `k8s-traffic-…`, and both may work in one VPC while Services are handed over.
 */
export function backendGroupName(cluster: string, vpcId: string): string {
  const hash = createHash("sha256").update(`${cluster}/${vpcId}`).digest("hex").slice(0, 10);
  return `tandem-traffic-${cluster.replaceAll(/[^A-Za-z0-9-]/g, "").slice(0, 200)}-${hash}`;
}
