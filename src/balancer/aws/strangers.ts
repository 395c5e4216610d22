/**
 * Another cluster that has this one's name in the same VPC: told by the tag with its uid, so that neither takes the
 * other's load balancers for orphans of its own. Pure.
 */
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import type { Listing } from "./listing.ts";
import { TAG } from "./model.ts";

/** What another cluster has here under this cluster's name: one thing of it as evidence. */
export interface Strangers {
  readonly uid: string;
  /** As `LoadBalancer k8s-default-web-0123456789`. */
  readonly evidence: string;
}

/** The first of the other clusters with things here; undefined where there is none, or nobody knows this one's uid. */
export function strangersIn(listing: Listing): Strangers | undefined {
  const { loadBalancers, targetGroups, securityGroups } = listing.strangers();
  const kinds = { LoadBalancer: loadBalancers, TargetGroup: targetGroups, SecurityGroup: securityGroups };
  for (const [kind, things] of Object.entries(kinds)) {
    const [first] = things;
    const uid = first?.tags[TAG.clusterUid];
    if (first !== undefined && uid !== undefined) return { uid, evidence: `${kind} ${first.name}` };
  }
  return undefined;
}

/** Why nothing new is made beside another cluster of the same name, and what to do about it. */
export function whyRefused(strangers: Strangers, clusterName: string): string {
  return `${evidenceOf(strangers, clusterName)}; ${wayOut(strangers)}`;
}

/** The same for what deletes what is nobody's: here it may be, and somebody's there. */
export function besideStrangers(strangers: Strangers, clusterName: string): UserError {
  return new UserError({
    what: "cannot tell whose load balancers these are",
    where: `flag --cluster-name, value ${JSON.stringify(clusterName)}`,
    why: evidenceOf(strangers, clusterName),
    next: wayOut(strangers),
    exitCode: EXIT.badInput,
  });
}

function evidenceOf({ uid, evidence }: Strangers, clusterName: string): string {
  return `another cluster works under the name ${clusterName} in this VPC: ${evidence} is tagged ${TAG.clusterUid}=${uid}`;
}

function wayOut({ uid }: Strangers): string {
  return `start one of the two with a --cluster-name of its own; if that cluster is no more, start this one with --former-cluster-uid=${uid}`;
}
