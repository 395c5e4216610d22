import type { LoadBalancerIngress, Service } from "../../objects/types.ts";

/** Asks for certain addresses, at most one a family, divided by commas; `spec.loadBalancerIP` has place for one only. */
export const REQUESTED_ADDRESSES = "tandem.dev/load-balancer-ips";

/** Why a Service lacks an address that it should have. */
export interface AddressProblem {
  readonly reason: string;
  readonly message: string;
}

/** What a Service gets: addresses in the order of its families, and what it was refused. */
export interface Assignment {
  readonly ingress: readonly LoadBalancerIngress[];
  readonly problems: readonly AddressProblem[];
}

/** Who has which address. What a Service's status says it keeps, so that the statuses are all the memory there is. */
export interface BalancerAddresses {
  /** Gives a Service its addresses; the same ones again where nothing changed. */
  assign(service: Service): Assignment;
  /** Takes a Service's addresses back; says whether it had any. */
  release(key: string): boolean;
}

/** The name of the lab's own class of balancers; a Service without a class is the lab's, too. */
const BALANCER_CLASS = "tandem.dev/lab";

/** With these types a Service is a load balancer's as on AWS, which the balancer outside of the nodes stands in for. */
const BALANCER_TYPE = "service.beta.kubernetes.io/aws-load-balancer-type";
const OTHER_TYPES: readonly string[] = ["external", "nlb-ip"];

/** Whether the lab gives the Service its addresses: of type LoadBalancer, and no balancer of another class. */
export function isOurs({ metadata, spec }: Service): boolean {
  if (spec.type !== "LoadBalancer" || metadata.deletionTimestamp !== undefined) return false;
  const { annotations = {} } = metadata;
  if (spec.loadBalancerClass === undefined && OTHER_TYPES.includes(annotations[BALANCER_TYPE] ?? ""))
    return false;
  return spec.loadBalancerClass === undefined || spec.loadBalancerClass === BALANCER_CLASS;
}
