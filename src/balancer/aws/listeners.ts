/** Listeners and target groups of a Service, one of each a port; more groups where a forward action shares a port out. */
import type { Family } from "../../ip/family.ts";
import { listenerProtocolOf, targetProtocolOf } from "../../traffic/balancer/index.ts";
import type {
  BalancerModel,
  BalancerPort,
  ForwardTarget,
  HealthCheck,
} from "../../traffic/balancer/model.ts";
import type { DesiredListener, DesiredTargetGroup, ListenerProtocol, Surroundings, Tags } from "./model.ts";
import { targetGroupName } from "./names.ts";
import { instanceTargets, podTargets } from "./targets.ts";

const DEFAULT_TLS_POLICY = "ELBSecurityPolicy-2016-08";
/** AWS's weight of a group that has none. */
const DEFAULT_WEIGHT = 1;

/** What a target group is made of, whoever's targets are in it. */
interface GroupPlan {
  /** `namespace/name`. */
  readonly service: string;
  readonly backendUid: string | undefined;
  readonly protocol: ListenerProtocol;
  readonly port: number;
  readonly nodePort: number | undefined;
  readonly targetPort: number | string;
  readonly portName: string;
  readonly endpoints: BalancerModel["endpoints"];
  readonly healthCheck: HealthCheck;
}

/** The listeners and their target groups; a group that two listeners share is there once. */
export function listenersOf(
  model: BalancerModel,
  surroundings: Surroundings,
  tagsOf: (resource: string) => Tags,
): { listeners: DesiredListener[]; targetGroups: DesiredTargetGroup[] } {
  const groups = new Map<string, DesiredTargetGroup>();
  const add = (port: BalancerPort, plan: GroupPlan): string => {
    const group = targetGroup(model, surroundings, port, plan, tagsOf);
    groups.set(group.name, groups.get(group.name) ?? group);
    return group.name;
  };
  const listeners = model.ports.map((port): DesiredListener => {
    const protocol = listenerProtocolOf(port);
    const own = {
      targetGroup: add(port, ownPlan(model, port)),
      weight: port.forward?.ownWeight ?? DEFAULT_WEIGHT,
    };
    const others = (port.forward?.others ?? []).map((target) => ({
      targetGroup: target.kind === "arn" ? target.arn : add(port, otherPlan(target, protocol)),
      weight: target.weight ?? DEFAULT_WEIGHT,
    }));
    return {
      port: port.port,
      protocol,
      forward: [own, ...others],
      ...(port.forward?.sticky && { sticky: true }),
      ...tlsOf(port, protocol),
      attributes: port.listenerAttributes,
      tags: tagsOf(String(port.port)),
    };
  });
  return { listeners, targetGroups: [...groups.values()] };
}

function tlsOf({ tls }: BalancerPort, protocol: ListenerProtocol) {
  if (protocol !== "TLS" || tls === undefined)
    return { certificates: [], sslPolicy: undefined, alpnPolicy: undefined };
  const { certificates, policy = DEFAULT_TLS_POLICY, alpn } = tls;
  return { certificates, sslPolicy: policy, alpnPolicy: alpn };
}

function ownPlan(model: BalancerModel, port: BalancerPort): GroupPlan {
  return {
    ...port,
    service: model.key,
    backendUid: undefined,
    protocol: targetProtocolOf(port),
    portName: port.name,
    endpoints: model.endpoints,
  };
}

function otherPlan(target: ForwardTarget & { kind: "service" }, listener: ListenerProtocol): GroupPlan {
  const protocol = listener === "TLS" && target.decrypt ? "TCP" : listener;
  return { ...target, service: target.key, backendUid: target.uid, protocol };
}

function targetGroup(
  model: BalancerModel,
  surroundings: Surroundings,
  { targetAttributes }: BalancerPort,
  plan: GroupPlan,
  tagsOf: (resource: string) => Tags,
): DesiredTargetGroup {
  const { targetType, uid } = model;
  const family = model.targetFamilies[0] ?? "IPv4";
  const ipAddressType = family === "IPv6" ? "ipv6" : "ipv4";
  const { protocol, backendUid, healthCheck } = plan;
  const port = groupPort(targetType, plan);
  const [namespace = "", name = ""] = plan.service.split("/");
  const identity = { cluster: surroundings.clusterName, uid, backendUid, port: plan.port, targetPort: port };
  return {
    name: targetGroupName(
      { namespace, name },
      { ...identity, targetType, protocol, ipAddressType, healthCheckProtocol: healthCheck.protocol },
    ),
    protocol,
    port,
    targetType,
    ipAddressType,
    vpcId: surroundings.vpcId,
    healthCheck,
    attributes: targetAttributes,
    targets: targetsOf(model, surroundings, plan, family),
    tags: tagsOf(`${plan.service}:${plan.port}`),
  };
}

/** A default that no target uses, as each says its own port; 1 where pods differ, as their port is a name. */
function groupPort(targetType: "instance" | "ip", { nodePort, port, targetPort }: GroupPlan): number {
  if (targetType === "instance") return nodePort ?? port;
  return typeof targetPort === "number" ? targetPort : 1;
}

function targetsOf(model: BalancerModel, surroundings: Surroundings, plan: GroupPlan, family: Family) {
  if (model.targetType === "ip") return podTargets(plan.endpoints, plan.portName, family, surroundings);
  return plan.nodePort === undefined ? [] : instanceTargets(model.nodes, plan.nodePort);
}
