/**
 * The attributes that network load balancers, their target groups and listeners have, with what their values may be: as
 * the SDK's own documentation of LoadBalancerAttribute, TargetGroupAttribute and ListenerAttribute says.
 */
import type { FakeListener, FakeLoadBalancer, FakeTargetGroup } from "./world.ts";
import { insist } from "./world.ts";

type Grammar = Readonly<Record<string, RegExp | readonly [low: number, high: number]>>;

const CONFLICT = "InvalidConfigurationRequest";
const SECONDARY = "secondary_ips.auto_assigned.per_subnet";
const TERMINATES = "target_health_state.unhealthy.connection_termination.enabled";
const BOOLEAN = /^(true|false)$/;

/** What a new load balancer has. */
export function loadBalancerDefaults(scheme: string): Record<string, string> {
  return {
    "deletion_protection.enabled": "false",
    "load_balancing.cross_zone.enabled": "false",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "ipv6.deny_all_igw_traffic": String(scheme === "internal"),
    "zonal_shift.config.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    [SECONDARY]: "0",
  };
}

const OF_LOAD_BALANCERS: Grammar = {
  "deletion_protection.enabled": BOOLEAN,
  "load_balancing.cross_zone.enabled": BOOLEAN,
  "access_logs.s3.enabled": BOOLEAN,
  "access_logs.s3.bucket": /^.*$/,
  "access_logs.s3.prefix": /^.*$/,
  "ipv6.deny_all_igw_traffic": BOOLEAN,
  "zonal_shift.config.enabled": BOOLEAN,
  "dns_record.client_routing_policy":
    /^(any_availability_zone|partial_availability_zone_affinity|availability_zone_affinity)$/,
  [SECONDARY]: [0, 7],
};

const OF_TARGET_GROUPS: Grammar = {
  "deregistration_delay.timeout_seconds": [0, 3600],
  "deregistration_delay.connection_termination.enabled": BOOLEAN,
  "stickiness.enabled": BOOLEAN,
  "stickiness.type": /^source_ip$/,
  "load_balancing.cross_zone.enabled": /^(true|false|use_load_balancer_configuration)$/,
  "preserve_client_ip.enabled": BOOLEAN,
  "proxy_protocol_v2.enabled": BOOLEAN,
  "proxy_protocol_v2.client_to_server.header_placement": /^on_first_ack(_with_payload)?$/,
  [TERMINATES]: BOOLEAN,
  "target_health_state.unhealthy.draining_interval_seconds": [0, 360_000],
  "target_group_health.dns_failover.minimum_healthy_targets.count": /^(off|[1-9][0-9]*)$/,
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": /^(off|[1-9][0-9]?|100)$/,
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": /^[1-9][0-9]*$/,
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": /^(off|[1-9][0-9]?|100)$/,
};

function check(kind: string, grammar: Grammar, attributes: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(attributes)) {
    const rule = Object.hasOwn(grammar, key) ? grammar[key] : undefined;
    insist(rule !== undefined, "ValidationError", `${kind} attribute key '${key}' is not recognized`);
    const number = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN;
    const good = rule instanceof RegExp ? rule.test(value) : number >= rule[0] && number <= rule[1];
    insist(good, "ValidationError", `${kind} attribute value '${value}' is not valid for '${key}'`);
  }
}

/** Refuses attributes of load balancers that AWS refuses. */
export function checkLoadBalancerAttributes(
  it: Pick<FakeLoadBalancer, "attributes">,
  attributes: Readonly<Record<string, string>>,
): void {
  check("Load balancer", OF_LOAD_BALANCERS, attributes);
  const [before, after] = [it.attributes[SECONDARY] ?? "0", attributes[SECONDARY] ?? "7"];
  insist(Number(after) >= Number(before), CONFLICT, `${SECONDARY} cannot be decreased`);
  const logs = { ...it.attributes, ...attributes };
  insist(
    logs["access_logs.s3.enabled"] !== "true" || logs["access_logs.s3.bucket"] !== "",
    CONFLICT,
    "access_logs.s3.bucket is required where access logs are enabled",
  );
}

const carriesUdp = (protocol: string) => ["UDP", "TCP_UDP", "QUIC", "TCP_QUIC"].includes(protocol);

/** What a new target group has: a client's address is kept for instances and for UDP. */
export function targetGroupDefaults(
  group: Pick<FakeTargetGroup, "protocol" | "targetType">,
): Record<string, string> {
  return {
    "deregistration_delay.timeout_seconds": "300",
    "deregistration_delay.connection_termination.enabled": String(carriesUdp(group.protocol)),
    "stickiness.enabled": "false",
    "stickiness.type": "source_ip",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "preserve_client_ip.enabled": String(group.targetType === "instance" || carriesUdp(group.protocol)),
    "proxy_protocol_v2.enabled": "false",
    "proxy_protocol_v2.client_to_server.header_placement": "on_first_ack_with_payload",
    [TERMINATES]: String(!carriesUdp(group.protocol)),
    "target_health_state.unhealthy.draining_interval_seconds": "0",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
  };
}

/** Refuses attributes of target groups that AWS refuses. */
export function checkTargetGroupAttributes(
  group: Pick<FakeTargetGroup, "protocol" | "attributes">,
  attributes: Readonly<Record<string, string>>,
): void {
  check("Target group", OF_TARGET_GROUPS, attributes);
  const all = { ...group.attributes, ...attributes };
  const drains = Number(all["target_health_state.unhealthy.draining_interval_seconds"] ?? 0) > 0;
  insist(!drains || all[TERMINATES] === "false", CONFLICT, `a draining interval needs ${TERMINATES}=false`);
  if (!carriesUdp(group.protocol)) return;
  const udp = `of ${group.protocol} target groups`;
  insist(attributes["preserve_client_ip.enabled"] !== "false", CONFLICT, `client addresses ${udp} are kept`);
  insist(attributes[TERMINATES] !== "true", CONFLICT, `${TERMINATES} ${udp} cannot be enabled`);
}

/** The attributes of a new listener. */
export function listenerDefaults(protocol: string): Record<string, string> {
  return protocol === "TCP" ? { "tcp.idle_timeout.seconds": "350" } : {};
}

/** Only TCP listeners have a time to set; that of TLS is fixed. */
export function checkListenerAttributes(
  listener: Pick<FakeListener, "protocol">,
  attributes: Readonly<Record<string, string>>,
): void {
  check(
    "Listener",
    listener.protocol === "TCP" ? { "tcp.idle_timeout.seconds": [60, 6000] } : {},
    attributes,
  );
}
