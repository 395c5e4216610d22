/** What load balancers of both families need of a Shoot, which Gardener does not check, or only in the account. */
import { invalid } from "../../objects/field-errors.ts";
import type { KnownVpc, Shoot, ShootFinding } from "./model.ts";

type Remark = Pick<ShootFinding, "level" | "field" | "message" | "next" | "by">;

/** The two switches and the VPC, as one looks at them. */
export interface Switches {
  readonly dualStack: boolean;
  readonly controller: boolean;
  /** Whether the cluster itself has IPv6: Gardener then switches the controller on. */
  readonly ipv6: boolean;
  readonly vpcId: string | undefined;
  /** Subnets that the user made: Gardener gives them no IPv6 ranges. */
  readonly ownSubnets: boolean;
}

/** Reads the switches of a Shoot. */
export function switchesOf({ spec }: Shoot): Switches {
  const { infrastructureConfig: infrastructure, controlPlaneConfig: control } = spec?.provider ?? {};
  const families = spec?.networking?.ipFamilies ?? ["IPv4"];
  const ipv6 = families.includes("IPv6");
  return {
    dualStack: infrastructure?.dualStack?.enabled === true,
    controller: control?.loadBalancerController?.enabled === true || ipv6,
    ipv6,
    vpcId: infrastructure?.networks?.vpc?.id,
    ownSubnets: (infrastructure?.networks?.zones ?? []).some((zone) => zone?.workersSubnetID !== undefined),
  };
}

/** Judges the switches together, and the VPC where something is known of it. */
export function checkPreconditions(now: Switches, vpc: KnownVpc | undefined): Remark[] {
  return [...checkSwitches(now), ...checkVpcRange(now, vpc)];
}

function checkSwitches({ dualStack, controller, ipv6 }: Switches): Remark[] {
  if (dualStack && !controller)
    return [
      warning(
        "loadBalancerController.enabled",
        "the VPC gets IPv6, but nobody makes dual-stack load balancers: the in-tree controller makes IPv4 ones only",
        "set controlPlaneConfig.loadBalancerController.enabled to true",
      ),
    ];
  if (!dualStack && !ipv6 && controller)
    return [
      warning(
        "dualStack.enabled",
        "the load balancer controller runs, but subnets have no IPv6: Services with ip-address-type dualstack fail",
        "set infrastructureConfig.dualStack.enabled to true (it cannot be set back)",
      ),
    ];
  if (!dualStack && !ipv6)
    return [
      warning(
        "dualStack.enabled",
        "clients with IPv6 only cannot reach Services of this cluster",
        "set infrastructureConfig.dualStack.enabled and controlPlaneConfig.loadBalancerController.enabled to true",
      ),
    ];
  return [];
}

function warning(field: string, message: string, next: string): Remark {
  return { level: "warning", field, message, next, by: "tandem" };
}

/** What adds the range: Gardener adds none to a VPC that it did not make. */
function addRange(vpcId: string): string {
  return `aws ec2 associate-vpc-cidr-block --amazon-provided-ipv6-cidr-block --vpc-id ${vpcId}`;
}

/** Gardener looks this up in the account (ConfigValidator); here it is known from `vpc`, or not at all. */
function checkVpcRange(
  { dualStack, ipv6, vpcId, ownSubnets }: Switches,
  vpc: KnownVpc | undefined,
): Remark[] {
  if (vpcId === undefined || !(dualStack || ipv6)) return [];
  const field = "networks.vpc.id";
  const known = vpc !== undefined && (vpc.id === undefined || vpc.id === vpcId);
  const subnets = ownSubnets
    ? [
        {
          level: "note" as const,
          field: "networks.zones",
          message: "whether the subnets of yours have IPv6 ranges cannot be seen from the Shoot",
          next: "give each load balancer subnet an IPv6 /64 beside its IPv4 range",
          by: "tandem" as const,
        },
      ]
    : [];
  if (known && vpc.ipv6Cidrs.length > 0) return subnets;
  if (known) {
    const { message } = invalid(field, vpcId, `VPC ${vpcId} has no ipv6 CIDR`);
    return [{ level: "error", field, message, next: addRange(vpcId), by: "gardener" }, ...subnets];
  }
  const other = vpc?.id === undefined ? "" : ` (what is given tells of VPC ${vpc.id})`;
  const message = `whether VPC ${vpcId} has an Amazon-provided IPv6 CIDR cannot be seen from the Shoot${other}; Gardener refuses it without one`;
  const next = `check it with aws ec2 describe-vpcs --vpc-ids ${vpcId}, and give the answer with --vpc FILE`;
  return [{ level: "note", field, message, next, by: "tandem" }, ...subnets];
}

/** Judges a change of the switches. */
export function checkSwitching(old: Switches, now: Switches): Remark[] {
  const remarks: Remark[] = [];
  if (old.controller && !now.controller)
    remarks.push(
      warning(
        "loadBalancerController.enabled",
        "Services that the controller serves keep its finalizer: deleting them hangs, and their load balancers stay",
        "delete or hand over these Services first, then switch the controller off",
      ),
    );
  if (!old.dualStack && now.dualStack)
    remarks.push({
      level: "note",
      field: "dualStack.enabled",
      message: "this switch goes one way: it cannot be set back to false",
      next: undefined,
      by: "tandem",
    });
  return remarks;
}
