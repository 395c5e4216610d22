/** Target groups and their targets through the SDK. */
import type {
  CreateTargetGroupCommandInput,
  DescribeTargetGroupsCommandInput,
  ModifyTargetGroupCommandInput,
  TargetDescription,
  TargetGroup,
  TargetHealthDescription,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { HealthCheck } from "../../../traffic/balancer/model.ts";
import type { AwsApi, BareTargetGroup } from "../api.ts";
import type { ListenerProtocol, Target } from "../model.ts";
import type { Elb } from "./how.ts";
import { allOf, attributeRecord, chunks, tagList } from "./how.ts";

function healthCheckOf(it: TargetGroup): HealthCheck {
  const port = it.HealthCheckPort ?? "traffic-port";
  return {
    protocol: (it.HealthCheckProtocol ?? "TCP") as HealthCheck["protocol"],
    port: port === "traffic-port" ? port : Number(port),
    path: it.HealthCheckPath,
    intervalSeconds: it.HealthCheckIntervalSeconds ?? 0,
    timeoutSeconds: it.HealthCheckTimeoutSeconds ?? 0,
    healthyThreshold: it.HealthyThresholdCount ?? 0,
    unhealthyThreshold: it.UnhealthyThresholdCount ?? 0,
    successCodes: it.Matcher?.HttpCode,
  };
}

function bare(it: TargetGroup): BareTargetGroup {
  return {
    arn: it.TargetGroupArn ?? "",
    name: it.TargetGroupName ?? "",
    protocol: (it.Protocol ?? "TCP") as ListenerProtocol,
    port: it.Port ?? 0,
    targetType: it.TargetType ?? "instance",
    ipAddressType: it.IpAddressType ?? "ipv4",
    vpcId: it.VpcId ?? "",
    healthCheck: healthCheckOf(it),
    loadBalancers: it.LoadBalancerArns ?? [],
  };
}

function healthCheckInput(check: HealthCheck): Omit<ModifyTargetGroupCommandInput, "TargetGroupArn"> {
  return {
    HealthCheckProtocol: check.protocol,
    HealthCheckPort: String(check.port),
    HealthCheckPath: check.path,
    HealthCheckIntervalSeconds: check.intervalSeconds,
    HealthCheckTimeoutSeconds: check.timeoutSeconds,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    Matcher: check.successCodes === undefined ? undefined : { HttpCode: check.successCodes },
  };
}

function createInput(spec: Parameters<AwsApi["createTargetGroup"]>[0]): CreateTargetGroupCommandInput {
  return {
    Name: spec.name,
    Protocol: spec.protocol,
    Port: spec.port,
    VpcId: spec.vpcId,
    TargetType: spec.targetType,
    IpAddressType: spec.ipAddressType,
    HealthCheckEnabled: true,
    ...healthCheckInput(spec.healthCheck),
    Tags: tagList(spec.tags),
  };
}

function targetOf(it: TargetHealthDescription): Target & { health: string; reason?: string } {
  const { Id = "", Port = 0, AvailabilityZone } = it.Target ?? { Id: "" };
  return {
    id: Id ?? "",
    port: Port,
    ...(AvailabilityZone === undefined ? {} : { availabilityZone: AvailabilityZone }),
    health: it.TargetHealth?.State ?? "unavailable",
    ...(it.TargetHealth?.Reason === undefined ? {} : { reason: it.TargetHealth.Reason }),
  };
}

const sdkTarget = (it: Target): TargetDescription => ({
  Id: it.id,
  Port: it.port,
  AvailabilityZone: it.availabilityZone,
});

/** How many targets one request carries; AWS names no limit, its own controller takes as many. */
const TARGETS_A_REQUEST = 200;

type TargetCalls = Pick<AwsApi, "describeTargetHealth" | "registerTargets" | "deregisterTargets">;

function targetCalls({ client, how }: Elb): TargetCalls {
  return {
    async describeTargetHealth(arn) {
      const { TargetHealthDescriptions } = await client.describeTargetHealth({ TargetGroupArn: arn }, how);
      return (TargetHealthDescriptions ?? []).map(targetOf);
    },
    async registerTargets(arn, targets) {
      for (const part of chunks(targets, TARGETS_A_REQUEST))
        await client.registerTargets({ TargetGroupArn: arn, Targets: part.map(sdkTarget) }, how);
    },
    async deregisterTargets(arn, targets) {
      // the zone is no part of what a target is known by
      for (const part of chunks(targets, TARGETS_A_REQUEST)) {
        const Targets = part.map((it) => ({ Id: it.id, Port: it.port }));
        await client.deregisterTargets({ TargetGroupArn: arn, Targets }, how);
      }
    },
  };
}

function describe({ sdk, client, how }: Elb): AwsApi["describeTargetGroups"] {
  return async (by = {}) => {
    const inputs: DescribeTargetGroupsCommandInput[] = by.arns
      ? chunks(by.arns, 20).map((part) => ({ TargetGroupArns: part }))
      : by.names
        ? chunks(by.names, 20).map((part) => ({ Names: part }))
        : [by.loadBalancer === undefined ? {} : { LoadBalancerArn: by.loadBalancer }];
    const found: TargetGroup[] = [];
    for (const input of inputs) {
      const pages = sdk.paginateDescribeTargetGroups({ client }, input, how);
      found.push(...(await allOf(pages, (page) => page.TargetGroups)));
    }
    return found.map(bare);
  };
}

type TargetGroupCalls = TargetCalls &
  Pick<
    AwsApi,
    | "describeTargetGroups"
    | "describeTargetGroupAttributes"
    | "createTargetGroup"
    | "modifyTargetGroup"
    | "modifyTargetGroupAttributes"
    | "deleteTargetGroup"
  >;

/** The part of the API that is about target groups and targets. */
export function targetGroupCalls(elb: Elb): TargetGroupCalls {
  const { client, how } = elb;
  return {
    ...targetCalls(elb),
    describeTargetGroups: describe(elb),
    async describeTargetGroupAttributes(arn) {
      return attributeRecord(
        (await client.describeTargetGroupAttributes({ TargetGroupArn: arn }, how)).Attributes,
      );
    },
    async createTargetGroup(spec) {
      return bare((await client.createTargetGroup(createInput(spec), how)).TargetGroups?.[0] ?? {});
    },
    async modifyTargetGroup(arn, healthCheck) {
      await client.modifyTargetGroup({ TargetGroupArn: arn, ...healthCheckInput(healthCheck) }, how);
    },
    async modifyTargetGroupAttributes(arn, attributes) {
      await client.modifyTargetGroupAttributes({ TargetGroupArn: arn, Attributes: tagList(attributes) }, how);
    },
    async deleteTargetGroup(arn) {
      await client.deleteTargetGroup({ TargetGroupArn: arn }, how);
    },
  };
}
