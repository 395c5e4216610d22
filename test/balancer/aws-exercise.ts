/** Every function of the AwsApi at least once, as a life of one load balancer; gives what each answered. */
import type { AwsApi } from "../../src/balancer/aws/api.ts";
import { AwsError } from "../../src/balancer/aws/api.ts";
import type { SecurityRule } from "../../src/balancer/aws/model.ts";
import { listenerSpec, loadBalancerSpec, targetGroupSpec } from "./fake-aws/specs.ts";
import { TCP_CHECK } from "../traffic/balancer/fixtures.ts";

/** What the account has that a load balancer needs. */
export interface Ground {
  readonly vpcId: string;
  readonly subnets: readonly string[];
  readonly instances: readonly string[];
  readonly certificates: readonly string[];
}

/** Calls with their answers, in order. */
export type Transcript = (readonly [call: string, answer: unknown])[];

/** An API that writes down what it was asked and what it answered, errors by their code. */
export function recording(api: AwsApi, transcript: Transcript): AwsApi {
  const names = Object.keys(api) as (keyof AwsApi)[];
  const record =
    (name: keyof AwsApi) =>
    async (...args: unknown[]) => {
      const call = api[name] as unknown;
      if (typeof call !== "function") return undefined;
      try {
        const answer: unknown = await (call as (...rest: unknown[]) => Promise<unknown>)(...args);
        transcript.push([name, answer]);
        return answer;
      } catch (error) {
        transcript.push([
          name,
          error instanceof AwsError ? { code: error.code, retryable: error.retryable } : error,
        ]);
        throw error;
      }
    };
  return Object.fromEntries(names.map((name) => [name, record(name)])) as unknown as AwsApi;
}

const RULES: SecurityRule[] = [
  { protocol: "tcp", fromPort: 80, toPort: 80, cidr: "0.0.0.0/0", description: "clients" },
  { protocol: "tcp", fromPort: 80, toPort: 80, ipv6Cidr: "::/0" },
  { protocol: "icmpv6", fromPort: 2, toPort: 0, ipv6Cidr: "2001:db8::/32" },
  { protocol: "-1", fromPort: -1, toPort: -1, cidr: "192.0.2.0/24" },
];

/** Reads the ground and makes a security group with rules and tags. */
export async function exerciseNetwork(api: AwsApi, ground: Ground): Promise<string> {
  const { vpcId } = ground;
  await api.describeVpc(vpcId);
  await api.describeVpc("vpc-0123456789abcdef0");
  await api.describeSubnets(vpcId);
  await api.describeInstanceGroups([...ground.instances, "i-0123456789abcdef9"]);
  const spec = { name: "front", description: "clients of web", vpcId, tags: { owner: "test", stage: "one" } };
  const group = await api.createSecurityGroup(spec);
  await api.createSecurityGroup(spec).catch(() => {});
  await api.authorizeIngress(group, RULES);
  await api.authorizeIngress(group, [{ protocol: "tcp", fromPort: 1, toPort: 2, group }]);
  await api.authorizeIngress(group, RULES.slice(0, 1)).catch(() => {});
  await api.describeSecurityGroups({ vpcId, ids: [group] });
  await api.revokeIngress(group, RULES.slice(2));
  await api.tagResources([group], { stage: "two", extra: "a & b <c>" });
  await api.untagResources([group], ["owner"]);
  await api.describeSecurityGroups({ vpcId, tags: { stage: "two" } });
  await api.describeSecurityGroups({ vpcId, ids: ["sg-0123456789abcdef0"] });
  return group;
}

/** Makes a load balancer with a TCP listener and targets, and changes all that can be. */
export async function exerciseBalancer(api: AwsApi, ground: Ground, group: string): Promise<string> {
  const subnets = ground.subnets.map((subnetId) => ({ subnetId }));
  const { arn } = await api.createLoadBalancer(loadBalancerSpec({ subnets, securityGroups: [group] }));
  await api.describeLoadBalancers();
  await api.describeLoadBalancers({ names: ["web"] });
  await api.describeLoadBalancers({ names: ["none"] }).catch(() => {});
  await api.modifyLoadBalancerAttributes(arn, { "load_balancing.cross_zone.enabled": "true" });
  await api.describeLoadBalancerAttributes(arn);
  await api.setIpAddressType(arn, "dualstack");
  await api.setSubnets(arn, subnets.slice(0, 1), undefined).catch(() => {});
  await api.setSubnets(arn, subnets, "on");
  await api.setSecurityGroups(arn, [group], "on");
  await api.describeLoadBalancers({ arns: [arn] });
  await api.addTags(arn, { stage: "two" });
  await api.removeTags(arn, ["owner"]);
  await api.describeTags([arn]);
  return arn;
}

/** Makes a target group of instances and one of addresses, with health checks of both kinds. */
export async function exerciseTargets(api: AwsApi, ground: Ground): Promise<string> {
  const { vpcId } = ground;
  const { arn } = await api.createTargetGroup(targetGroupSpec({ vpcId }));
  const http = {
    ...TCP_CHECK,
    protocol: "HTTP",
    path: "/healthz",
    port: 10256,
    successCodes: "200-399",
  } as const;
  const ips = targetGroupSpec({ vpcId, name: "ips", targetType: "ip", healthCheck: http });
  const other = await api.createTargetGroup(ips);
  await api.createTargetGroup({ ...ips, port: 7 }).catch(() => {});
  await api.modifyTargetGroup(other.arn, { ...http, path: "/ready", intervalSeconds: 30 });
  await api.modifyTargetGroupAttributes(arn, { "proxy_protocol_v2.enabled": "true" });
  await api.describeTargetGroupAttributes(arn);
  await api.registerTargets(
    arn,
    ground.instances.map((id) => ({ id, port: 30080 })),
  );
  await api.registerTargets(other.arn, [{ id: "100.64.0.7", port: 80, availabilityZone: "all" }]);
  await api.describeTargetHealth(arn);
  await api.describeTargetHealth(other.arn);
  await api.describeTargetGroups({ names: ["ips", "web-80"] });
  await api.deregisterTargets(other.arn, [{ id: "100.64.0.7", port: 80, availabilityZone: "all" }]);
  await api.deleteTargetGroup(other.arn);
  return arn;
}

/** Makes listeners of TCP and TLS and takes all away again. */
export async function exerciseListeners(
  api: AwsApi,
  ground: Ground,
  balancer: string,
  group: string,
): Promise<void> {
  const [one = "", two = ""] = ground.certificates;
  const spec = listenerSpec(group);
  const tcp = await api.createListener(balancer, spec);
  const tls = await api.createListener(
    balancer,
    listenerSpec(group, { port: 443, protocol: "TLS", certificates: [one] }),
  );
  await api.describeListeners(balancer);
  await api.addListenerCertificates(tls.arn, [two]);
  await api.describeListenerCertificates(tls.arn);
  await api.removeListenerCertificates(tls.arn, [two]);
  await api.modifyListenerAttributes(tcp.arn, { "tcp.idle_timeout.seconds": "400" });
  await api.describeListenerAttributes(tcp.arn);
  await api.modifyListener(tcp.arn, { ...spec, port: 8080, forward: [{ targetGroup: group, weight: 7 }] });
  await api.describeListeners(balancer);
  await api.describeTags([tcp.arn, tls.arn, balancer, group]);
  await api.describeTargetGroups({ loadBalancer: balancer });
  await api.deleteTargetGroup(group).catch(() => {});
  await api.deleteListener(tls.arn);
  await api.deleteListener(tcp.arn);
  await api.deregisterTargets(
    group,
    ground.instances.map((id) => ({ id, port: 30080 })),
  );
  await api.deleteTargetGroup(group);
}
