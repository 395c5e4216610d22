/**
 * The steps from what exists to what should, as data: made by plan.ts, done by apply.ts, read by people through
 * {@link describeStep}. Things are named by ARN or id where they exist, by name where an earlier step makes them.
 */
import type { PlannedStep } from "../../traffic/balancer/provider.ts";
import type { HealthCheck } from "../../traffic/balancer/model.ts";
import type {
  DesiredListener,
  DesiredLoadBalancer,
  DesiredSecurityGroup,
  DesiredTargetGroup,
  IpAddressType,
  SecurityRule,
  SubnetMapping,
  Tags,
  Target,
} from "./model.ts";

/** An ARN or id, or the name of what an earlier step makes. */
export type Reference = string;

/** A load balancer that gave way to another and is kept for a while, as the Service's annotation remembers it. */
export interface Replaced {
  readonly arn: string;
  readonly name: string;
  readonly hostname: string;
  /** ISO 8601: when it may be deleted. */
  readonly deadline: string;
}

/** `from → to` of one field, for the reader. */
export interface Change {
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

/** A step on something that exists or was just made; `name` is for the reader. */
interface On {
  readonly name: string;
  readonly target: Reference;
}

/** One step; `do` says what is done. */
export type Step =
  | { readonly do: "createSecurityGroup"; readonly spec: Omit<DesiredSecurityGroup, "inbound"> }
  | (On & { readonly do: "authorizeIngress"; readonly rules: readonly Rule[] })
  | (On & { readonly do: "revokeIngress"; readonly rules: readonly SecurityRule[] })
  | (On & { readonly do: "deleteSecurityGroup" })
  | { readonly do: "createTargetGroup"; readonly spec: DesiredTargetGroup }
  | (On & {
      readonly do: "modifyHealthCheck";
      readonly healthCheck: HealthCheck;
      readonly changes: readonly Change[];
    })
  | (On & {
      readonly do: "modifyTargetGroupAttributes";
      readonly attributes: Readonly<Record<string, string>>;
      readonly changes: readonly Change[];
    })
  | (On & { readonly do: "registerTargets"; readonly targets: readonly Target[] })
  | (On & { readonly do: "deregisterTargets"; readonly targets: readonly Target[] })
  | (On & { readonly do: "deleteTargetGroup" })
  | {
      readonly do: "createLoadBalancer";
      readonly spec: DesiredLoadBalancer;
      readonly securityGroups: readonly Reference[];
    }
  | (On & {
      readonly do: "setSubnets";
      readonly subnets: readonly SubnetMapping[];
      readonly prefix: "on" | "off" | undefined;
      readonly changes: readonly Change[];
    })
  | (On & {
      readonly do: "setIpAddressType";
      readonly type: IpAddressType;
      readonly changes: readonly Change[];
    })
  | (On & {
      readonly do: "setSecurityGroups";
      readonly groups: readonly Reference[];
      readonly onPrivateLink: "on" | "off" | undefined;
      readonly changes: readonly Change[];
    })
  | (On & {
      readonly do: "modifyLoadBalancerAttributes";
      readonly attributes: Readonly<Record<string, string>>;
      readonly changes: readonly Change[];
    })
  | (On & { readonly do: "modifyCapacity"; readonly units: number | undefined })
  | (On & { readonly do: "deleteLoadBalancer"; readonly why: string })
  | { readonly do: "createListener"; readonly on: Reference; readonly spec: DesiredListener }
  | (On & {
      readonly do: "modifyListener";
      readonly spec: DesiredListener;
      readonly changes: readonly Change[];
      /** A try that AWS may refuse, in which case `instead` is done: old and new group side by side. */
      readonly instead?: DesiredListener;
    })
  | (On & {
      readonly do: "modifyListenerAttributes";
      readonly attributes: Readonly<Record<string, string>>;
      readonly changes: readonly Change[];
    })
  | (On & {
      readonly do: "changeCertificates";
      readonly add: readonly string[];
      readonly remove: readonly string[];
    })
  | (On & { readonly do: "deleteListener" })
  | (On & {
      readonly do: "tag";
      readonly kind: "LoadBalancer" | "TargetGroup" | "Listener" | "SecurityGroup";
      readonly add: Tags;
      readonly remove: readonly string[];
    })
  /** Nothing after this is done in this run; what it waits for is looked at again after `againAfterMs`. */
  | { readonly do: "wait"; readonly name: string; readonly for: string; readonly againAfterMs: number }
  /** From here on the Service's status says this load balancer. */
  | { readonly do: "publish"; readonly target: Reference; readonly from: string | undefined }
  /** Remembers in an annotation what gave way, and until when it stays. */
  | { readonly do: "remember"; readonly replaced: readonly Replaced[]; readonly added: readonly Replaced[] };

/** A rule whose source may be a group that an earlier step makes. */
export type Rule = SecurityRule;

/** One step of this kind. */
export type StepOf<K extends Step["do"]> = Extract<Step, { readonly do: K }>;

/** Whether a step changes something at AWS. */
export function isWrite(step: Step): boolean {
  return step.do !== "wait" && step.do !== "publish" && step.do !== "remember";
}

/** A step as a line of a plan. */
export function describeStep(step: Step): PlannedStep {
  const [verb, kind] = WORDS[step.do];
  return { verb, kind: kind ?? kindOf(step), name: nameOf(step), details: detailsOf(step) };
}

const WORDS: Record<Step["do"], readonly [PlannedStep["verb"], string | undefined]> = {
  createSecurityGroup: ["create", "SecurityGroup"],
  authorizeIngress: ["change", "SecurityGroup"],
  revokeIngress: ["change", "SecurityGroup"],
  deleteSecurityGroup: ["delete", "SecurityGroup"],
  createTargetGroup: ["create", "TargetGroup"],
  modifyHealthCheck: ["change", "TargetGroup"],
  modifyTargetGroupAttributes: ["change", "TargetGroup"],
  registerTargets: ["change", "TargetGroup"],
  deregisterTargets: ["change", "TargetGroup"],
  deleteTargetGroup: ["delete", "TargetGroup"],
  createLoadBalancer: ["create", "LoadBalancer"],
  setSubnets: ["change", "LoadBalancer"],
  setIpAddressType: ["change", "LoadBalancer"],
  setSecurityGroups: ["change", "LoadBalancer"],
  modifyLoadBalancerAttributes: ["change", "LoadBalancer"],
  modifyCapacity: ["change", "LoadBalancer"],
  deleteLoadBalancer: ["delete", "LoadBalancer"],
  createListener: ["create", "Listener"],
  modifyListener: ["change", "Listener"],
  modifyListenerAttributes: ["change", "Listener"],
  changeCertificates: ["change", "Listener"],
  deleteListener: ["delete", "Listener"],
  tag: ["change", undefined],
  wait: ["wait", "LoadBalancer"],
  publish: ["change", "Service"],
  remember: ["change", "Service"],
};

function kindOf(step: Step): string {
  return step.do === "tag" ? step.kind : "";
}

function nameOf(step: Step): string {
  if ("name" in step) return step.name;
  switch (step.do) {
    case "createListener":
      return listenerName(step.spec);
    case "publish":
      return "status";
    case "remember":
      return "metadata.annotations";
    default:
      return step.spec.name;
  }
}

/** A listener as it is called in plans: `TCP 443`. */
export function listenerName({ protocol, port }: { protocol: string; port: number }): string {
  return `${protocol} ${port}`;
}

function detailsOf(step: Step): string[] {
  if ("changes" in step && step.do !== "modifyListener") return step.changes.map(changeText);
  switch (step.do) {
    case "createSecurityGroup":
      return [step.spec.description];
    case "authorizeIngress":
      return step.rules.map((rule) => `allow ${ruleText(rule)}`);
    case "revokeIngress":
      return step.rules.map((rule) => `no longer allow ${ruleText(rule)}`);
    case "createTargetGroup":
      return targetGroupDetails(step.spec);
    case "registerTargets":
      return step.targets.map((target) => `register ${targetText(target)}`);
    case "deregisterTargets":
      return step.targets.map((target) => `deregister ${targetText(target)}`);
    case "createLoadBalancer":
      return loadBalancerDetails(step);
    case "modifyCapacity":
      return [`capacity units: ${step.units ?? "no minimum"}`];
    case "createListener":
      return listenerDetails(step.spec);
    case "modifyListener":
      return step.changes.map(changeText);
    case "changeCertificates":
      return [...step.add.map((arn) => `add ${arn}`), ...step.remove.map((arn) => `remove ${arn}`)];
    case "tag":
      return [
        ...Object.entries(step.add).map(([key, value]) => `tag ${key}=${value}`),
        ...step.remove.map((key) => `remove tag ${key}`),
      ];
    case "wait":
      return [`until ${step.for}`];
    case "deleteLoadBalancer":
      return [step.why];
    case "publish":
      return [`hostname: ${step.from ?? "none"} → that of ${step.target.split("/").at(-2) ?? step.target}`];
    case "remember":
      return step.added.map(({ name, deadline }) => `replaced: ${name} stays until ${deadline}`);
    default:
      return [];
  }
}

function changeText({ field, from, to }: Change): string {
  return `${field}: ${from} → ${to}`;
}

function targetText({ id, port }: Target): string {
  return `${id}:${port}`;
}

function ruleText(rule: SecurityRule): string {
  const source = rule.cidr ?? rule.ipv6Cidr ?? rule.prefixList ?? rule.group ?? "";
  const icmp = rule.protocol.startsWith("icmp");
  const ports = rule.fromPort === rule.toPort ? `${rule.fromPort}` : `${rule.fromPort}-${rule.toPort}`;
  return `${rule.protocol} ${icmp ? `type ${rule.fromPort} code ${rule.toPort}` : ports} from ${source}`;
}

function targetGroupDetails(spec: DesiredTargetGroup): string[] {
  const { protocol, path, port, intervalSeconds } = spec.healthCheck;
  return [
    `${spec.protocol} ${spec.port}, ${spec.targetType} targets, ${spec.ipAddressType}`,
    `health check: ${protocol} ${port}${path ?? ""} every ${intervalSeconds} s`,
  ];
}

function loadBalancerDetails({ spec, securityGroups }: StepOf<"createLoadBalancer">): string[] {
  return [
    `${spec.scheme}, ${spec.ipAddressType}`,
    `subnets: ${spec.subnets.map(subnetText).join(", ")}`,
    `security groups: ${securityGroups.join(", ") || "none"}`,
  ];
}

/** A subnet with the addresses asked for in it. */
export function subnetText(mapping: SubnetMapping): string {
  const { subnetId, allocationId, privateIpv4Address, ipv6Address, sourceNatIpv6Prefix } = mapping;
  const fixed = [allocationId, privateIpv4Address, ipv6Address, sourceNatIpv6Prefix].filter(Boolean);
  return fixed.length === 0 ? subnetId : `${subnetId} (${fixed.join(", ")})`;
}

function listenerDetails(spec: DesiredListener): string[] {
  const tls = spec.certificates.length === 0 ? [] : [`certificates: ${spec.certificates.join(", ")}`];
  return [`forward to ${forwardText(spec.forward)}`, ...tls];
}

/** Where a listener forwards: names of target groups, with weights where there are several. */
export function forwardText(forward: DesiredListener["forward"]): string {
  const named = forward.map(({ targetGroup, weight }) => {
    const name = targetGroup.startsWith("arn:")
      ? (targetGroup.split("/").at(-2) ?? targetGroup)
      : targetGroup;
    return forward.length === 1 ? name : `${name} (${weight})`;
  });
  return named.join(", ") || "nothing";
}
