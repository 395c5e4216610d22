/** The actions of ELBv2 that the fake answers over HTTP: forms in, answers out, over the same rules. */
import type { BareListener, BareLoadBalancer, BareTargetGroup } from "../../../../src/balancer/aws/api.ts";
import type { DesiredListener, SubnetMapping, Target } from "../../../../src/balancer/aws/model.ts";
import type { HealthCheck } from "../../../../src/traffic/balancer/model.ts";
import type { FakeAws } from "../fake.ts";
import { insist } from "../world.ts";
import type { Answer, Params } from "./form.ts";

/** A list that is given out in pages: the element it is in, and its items. */
export interface Listing {
  readonly element: string;
  readonly items: readonly Answer[];
}

/** What each action does; it gives an Answer, a {@link Listing} as `listing`, or nothing. */
export type Actions = Readonly<Record<string, (aws: FakeAws, params: Params) => unknown>>;

const listing = (element: string, items: readonly Answer[]) => ({ listing: { element, items } });
const pairs = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).map(([Key, Value]) => ({ Key, Value }));

/** Fields without those that are undefined: an absent field is absent. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

function zone(aws: FakeAws, it: SubnetMapping): Answer {
  const addresses = {
    AllocationId: it.allocationId,
    PrivateIPv4Address: it.privateIpv4Address,
    IPv6Address: it.ipv6Address,
  };
  const any = Object.values(addresses).some((value) => value !== undefined);
  return {
    ZoneName: aws.world.subnets.get(it.subnetId)?.availabilityZone,
    SubnetId: it.subnetId,
    LoadBalancerAddresses: any ? [addresses] : [],
    SourceNatIpv6Prefixes: it.sourceNatIpv6Prefix === undefined ? undefined : [it.sourceNatIpv6Prefix],
  };
}

function loadBalancer(aws: FakeAws, it: BareLoadBalancer): Answer {
  return {
    LoadBalancerArn: it.arn,
    DNSName: it.dnsName,
    CanonicalHostedZoneId: "Z2IFOLAFXWLO4F",
    CreatedTime: it.created,
    LoadBalancerName: it.name,
    Scheme: it.scheme,
    VpcId: it.vpcId,
    State: { Code: it.state },
    Type: it.type,
    AvailabilityZones: it.subnets.map((subnet) => zone(aws, subnet)),
    SecurityGroups: it.securityGroups,
    IpAddressType: it.ipAddressType,
    EnablePrefixForIpv6SourceNat: it.prefixForIpv6SourceNat,
  };
}

function listener(loadBalancerArn: string | undefined, it: BareListener): Answer {
  const [first, ...rest] = it.forward;
  // a listener that was made without weights has none
  const weighted = rest.length > 0 || first?.weight !== 1;
  const groups = it.forward.map((to) => ({
    TargetGroupArn: to.targetGroup,
    Weight: weighted ? to.weight : undefined,
  }));
  return {
    ListenerArn: it.arn,
    LoadBalancerArn: loadBalancerArn,
    Port: it.port,
    Protocol: it.protocol,
    Certificates: it.defaultCertificates.map((CertificateArn) => ({ CertificateArn })),
    SslPolicy: it.sslPolicy,
    AlpnPolicy: it.alpnPolicy === undefined ? undefined : [it.alpnPolicy],
    DefaultActions: [
      {
        Type: "forward",
        TargetGroupArn: rest.length === 0 ? first?.targetGroup : undefined,
        ForwardConfig: {
          TargetGroups: groups,
          TargetGroupStickinessConfig: { Enabled: it.sticky === true },
        },
      },
    ],
  };
}

function targetGroup(it: BareTargetGroup): Answer {
  const check = it.healthCheck;
  return {
    TargetGroupArn: it.arn,
    TargetGroupName: it.name,
    Protocol: it.protocol,
    Port: it.port,
    VpcId: it.vpcId,
    HealthCheckProtocol: check.protocol,
    HealthCheckPort: check.port,
    HealthCheckEnabled: true,
    HealthCheckPath: check.path,
    HealthCheckIntervalSeconds: check.intervalSeconds,
    HealthCheckTimeoutSeconds: check.timeoutSeconds,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    Matcher: check.successCodes === undefined ? undefined : { HttpCode: check.successCodes },
    LoadBalancerArns: it.loadBalancers,
    TargetType: it.targetType,
    IpAddressType: it.ipAddressType,
  };
}

function mappings(params: Params): SubnetMapping[] {
  return params.many("SubnetMappings").map((it) =>
    present({
      subnetId: it.text("SubnetId"),
      allocationId: it.maybe("AllocationId"),
      privateIpv4Address: it.maybe("PrivateIPv4Address"),
      ipv6Address: it.maybe("IPv6Address"),
      sourceNatIpv6Prefix: it.maybe("SourceNatIpv6Prefix"),
    }),
  ) as SubnetMapping[];
}

const prefixOf = (params: Params) => params.maybe("EnablePrefixForIpv6SourceNat") as "on" | "off" | undefined;

function listenerSpec(params: Params): DesiredListener {
  const [action] = params.many("DefaultActions");
  insist(action?.text("Type") === "forward", "ValidationError", "an action of type forward is needed");
  const groups = action.one("ForwardConfig").many("TargetGroups");
  const single = [{ targetGroup: action.text("TargetGroupArn"), weight: 1 }];
  const certificates = params.many("Certificates").map((it) => it.text("CertificateArn"));
  insist(certificates.length <= 1, "TooManyCertificates", "only the default certificate can be given here");
  return {
    port: params.number("Port"),
    protocol: params.text("Protocol") as DesiredListener["protocol"],
    forward:
      groups.length === 0
        ? single
        : groups.map((it) => ({
            targetGroup: it.text("TargetGroupArn"),
            weight: it.number("Weight"),
          })),
    sticky: action.one("ForwardConfig").one("TargetGroupStickinessConfig").text("Enabled") === "true",
    certificates,
    sslPolicy: params.maybe("SslPolicy"),
    alpnPolicy: params.texts("AlpnPolicy")[0],
    attributes: {},
    tags: params.pairs("Tags"),
  };
}

function healthCheck(params: Params): HealthCheck {
  const port = params.text("HealthCheckPort");
  return {
    protocol: params.text("HealthCheckProtocol") as HealthCheck["protocol"],
    port: port === "traffic-port" ? port : Number(port),
    path: params.maybe("HealthCheckPath"),
    intervalSeconds: params.number("HealthCheckIntervalSeconds"),
    timeoutSeconds: params.number("HealthCheckTimeoutSeconds"),
    healthyThreshold: params.number("HealthyThresholdCount"),
    unhealthyThreshold: params.number("UnhealthyThresholdCount"),
    successCodes: params.one("Matcher").maybe("HttpCode"),
  };
}

function targets(params: Params): Target[] {
  return params
    .many("Targets")
    .map((it) =>
      present({ id: it.text("Id"), port: it.number("Port"), availabilityZone: it.maybe("AvailabilityZone") }),
    ) as Target[];
}

/** ARNs or names asked for; AWS takes 20 of one kind at a time. */
function by(params: Params, arns: string): { arns?: string[]; names?: string[] } {
  const asked = params.has(arns)
    ? { arns: params.texts(arns) }
    : params.has("Names")
      ? { names: params.texts("Names") }
      : {};
  const count = (asked.arns ?? asked.names ?? []).length;
  insist(count <= 20, "ValidationError", "at most 20 can be asked for at a time");
  return asked;
}

const BALANCERS: Actions = {
  DescribeLoadBalancers: (aws, params) =>
    listing(
      "LoadBalancers",
      aws.now.describeLoadBalancers(by(params, "LoadBalancerArns")).map((it) => loadBalancer(aws, it)),
    ),
  DescribeLoadBalancerAttributes: (aws, params) => ({
    Attributes: pairs(aws.now.describeLoadBalancerAttributes(params.text("LoadBalancerArn"))),
  }),
  CreateLoadBalancer(aws, params) {
    insist(params.text("Type") === "network", "ValidationError", "this fake has network load balancers only");
    const made = aws.now.createLoadBalancer({
      name: params.text("Name"),
      scheme: params.text("Scheme") as "internal",
      ipAddressType: params.text("IpAddressType") as "ipv4",
      subnets: mappings(params),
      securityGroups: params.texts("SecurityGroups"),
      prefixForIpv6SourceNat: prefixOf(params),
      tags: params.pairs("Tags"),
    });
    return { LoadBalancers: [loadBalancer(aws, made)] };
  },
  DeleteLoadBalancer: (aws, params) => aws.now.deleteLoadBalancer(params.text("LoadBalancerArn")),
  ModifyLoadBalancerAttributes: (aws, params) =>
    aws.now.modifyLoadBalancerAttributes(params.text("LoadBalancerArn"), params.pairs("Attributes")),
  SetIpAddressType: (aws, params) =>
    aws.now.setIpAddressType(params.text("LoadBalancerArn"), params.text("IpAddressType") as "ipv4"),
  SetSubnets: (aws, params) =>
    aws.now.setSubnets(params.text("LoadBalancerArn"), mappings(params), prefixOf(params)),
  SetSecurityGroups(aws, params) {
    const enforce = params.maybe("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic") as
      | "on"
      | "off"
      | undefined;
    aws.now.setSecurityGroups(params.text("LoadBalancerArn"), params.texts("SecurityGroups"), enforce);
    return {};
  },
  ModifyCapacityReservation(aws, params) {
    const reset = params.maybe("ResetCapacityReservation") === "true";
    const units = reset ? undefined : params.one("MinimumLoadBalancerCapacity").number("CapacityUnits");
    aws.now.modifyCapacity(params.text("LoadBalancerArn"), units);
    return {};
  },
  DescribeTags(aws, params) {
    const arns = params.texts("ResourceArns");
    insist(arns.length <= 20, "ValidationError", "at most 20 resources can be asked for at a time");
    const tags = aws.now.describeTags(arns);
    return {
      TagDescriptions: [...tags].map(([ResourceArn, record]) => ({ ResourceArn, Tags: pairs(record) })),
    };
  },
  AddTags(aws, params) {
    for (const arn of params.texts("ResourceArns")) aws.now.addTags(arn, params.pairs("Tags"));
    return {};
  },
  RemoveTags(aws, params) {
    for (const arn of params.texts("ResourceArns")) aws.now.removeTags(arn, params.texts("TagKeys"));
    return {};
  },
};

const LISTENERS: Actions = {
  DescribeListeners(aws, params) {
    const arn = params.text("LoadBalancerArn");
    return listing(
      "Listeners",
      aws.now.describeListeners(arn).map((it) => listener(arn, it)),
    );
  },
  DescribeListenerAttributes: (aws, params) => ({
    Attributes: pairs(aws.now.describeListenerAttributes(params.text("ListenerArn"))),
  }),
  DescribeListenerCertificates(aws, params) {
    const arns = aws.now.describeListenerCertificates(params.text("ListenerArn"));
    // the default one is not always the first
    return listing(
      "Certificates",
      arns.map((CertificateArn, index) => ({ CertificateArn, IsDefault: index === 0 })).toReversed(),
    );
  },
  CreateListener(aws, params) {
    const arn = params.text("LoadBalancerArn");
    return { Listeners: [listener(arn, aws.now.createListener(arn, listenerSpec(params)))] };
  },
  ModifyListener: (aws, params) => aws.now.modifyListener(params.text("ListenerArn"), listenerSpec(params)),
  ModifyListenerAttributes: (aws, params) =>
    aws.now.modifyListenerAttributes(params.text("ListenerArn"), params.pairs("Attributes")),
  AddListenerCertificates: (aws, params) =>
    aws.now.addListenerCertificates(
      params.text("ListenerArn"),
      params.many("Certificates").map((it) => it.text("CertificateArn")),
    ),
  RemoveListenerCertificates: (aws, params) =>
    aws.now.removeListenerCertificates(
      params.text("ListenerArn"),
      params.many("Certificates").map((it) => it.text("CertificateArn")),
    ),
  DeleteListener: (aws, params) => aws.now.deleteListener(params.text("ListenerArn")),
};

const TARGET_GROUPS: Actions = {
  DescribeTargetGroups(aws, params) {
    const one = params.maybe("LoadBalancerArn");
    const asked = one === undefined ? by(params, "TargetGroupArns") : { loadBalancer: one };
    return listing("TargetGroups", aws.now.describeTargetGroups(asked).map(targetGroup));
  },
  DescribeTargetGroupAttributes: (aws, params) => ({
    Attributes: pairs(aws.now.describeTargetGroupAttributes(params.text("TargetGroupArn"))),
  }),
  DescribeTargetHealth: (aws, params) => ({
    TargetHealthDescriptions: aws.now.describeTargetHealth(params.text("TargetGroupArn")).map((it) => ({
      Target: { Id: it.id, Port: it.port, AvailabilityZone: it.availabilityZone },
      TargetHealth: { State: it.health, Reason: it.reason },
    })),
  }),
  CreateTargetGroup(aws, params) {
    const made = aws.now.createTargetGroup({
      name: params.text("Name"),
      protocol: params.text("Protocol") as "TCP",
      port: params.number("Port"),
      targetType: params.text("TargetType") as "ip",
      ipAddressType: params.text("IpAddressType") as "ipv4",
      vpcId: params.text("VpcId"),
      healthCheck: healthCheck(params),
      tags: params.pairs("Tags"),
    });
    return { TargetGroups: [targetGroup(made)] };
  },
  ModifyTargetGroup: (aws, params) =>
    aws.now.modifyTargetGroup(params.text("TargetGroupArn"), healthCheck(params)),
  ModifyTargetGroupAttributes: (aws, params) =>
    aws.now.modifyTargetGroupAttributes(params.text("TargetGroupArn"), params.pairs("Attributes")),
  RegisterTargets: (aws, params) => aws.now.registerTargets(params.text("TargetGroupArn"), targets(params)),
  DeregisterTargets: (aws, params) =>
    aws.now.deregisterTargets(params.text("TargetGroupArn"), targets(params)),
  DeleteTargetGroup: (aws, params) => aws.now.deleteTargetGroup(params.text("TargetGroupArn")),
};

/** The actions of ELB's query API. */
export const ELB_ACTIONS: Actions = { ...BALANCERS, ...LISTENERS, ...TARGET_GROUPS };
