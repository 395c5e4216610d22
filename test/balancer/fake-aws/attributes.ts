/** The attributes that load balancers, target groups and listeners have, with what their values may be. */
import type { FakeListener, FakeTargetGroup } from "./world.ts";
import { require } from "./world.ts";

type Grammar = Readonly<Record<string, RegExp | readonly [low: number, high: number]>>;

const BOOLEAN = /^(true|false)$/;

export const LOAD_BALANCER_DEFAULTS: Readonly<Record<string, string>> = {
  "deletion_protection.enabled": "false",
  "load_balancing.cross_zone.enabled": "false",
  "access_logs.s3.enabled": "false",
  "access_logs.s3.bucket": "",
  "access_logs.s3.prefix": "",
  "ipv6.deny_all_igw_traffic": "false",
  "zonal_shift.config.enabled": "false",
  "dns_record.client_routing_policy": "any_availability_zone",
  "secondary_ips.auto_assigned.per_subnet": "0",
};

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
  "secondary_ips.auto_assigned.per_subnet": [0, 7],
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
  "target_health_state.unhealthy.connection_termination.enabled": BOOLEAN,
  "target_health_state.unhealthy.draining_interval_seconds": [0, 360_000],
  "target_group_health.dns_failover.minimum_healthy_targets.count": /^(off|[1-9][0-9]*)$/,
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": /^(off|[1-9][0-9]?|100)$/,
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": /^[1-9][0-9]*$/,
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": /^(off|[1-9][0-9]?|100)$/,
};

function check(kind: string, grammar: Grammar, attributes: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(attributes)) {
    const rule = Object.hasOwn(grammar, key) ? grammar[key] : undefined;
    require(rule !== undefined, "ValidationError", `${kind} attribute key '${key}' is not recognized`);
    const number = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN;
    const good = rule instanceof RegExp ? rule.test(value) : number >= rule[0] && number <= rule[1];
    require(good, "ValidationError", `${kind} attribute value '${value}' is not valid for '${key}'`);
  }
}

export function checkLoadBalancerAttributes(attributes: Readonly<Record<string, string>>): void {
  check("Load balancer", OF_LOAD_BALANCERS, attributes);
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
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
  };
}

export function checkTargetGroupAttributes(
  group: Pick<FakeTargetGroup, "protocol">,
  attributes: Readonly<Record<string, string>>,
): void {
  check("Target group", OF_TARGET_GROUPS, attributes);
  if (!carriesUdp(group.protocol)) return;
  require(attributes["preserve_client_ip.enabled"] !==
    "false", "InvalidConfigurationRequest", `Client IP preservation cannot be disabled for ${group.protocol} target groups`);
}

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
