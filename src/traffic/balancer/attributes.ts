/** Attributes of load balancers, target groups and listeners: AWS refuses a wrong one only once half of all is made. */
import { closest } from "../../errors/closest.ts";
import type { AnnotationName } from "./annotations/index.ts";
import type { Translation } from "./context.ts";
import { PROXY_ATTRIBUTE } from "./proxy-protocol.ts";

/** What a value may be: one of a few, a number within bounds, or anything. */
type Rule = readonly string[] | Bounds | undefined;

interface Bounds {
  readonly from: number;
  readonly to: number;
}
type Rules = Readonly<Record<string, Rule>>;

const ANY = undefined;
const BOOLEAN = ["true", "false"];
const ZONES = "load_balancing.cross_zone.enabled";
const DNS = "target_group_health.dns_failover.minimum_healthy_targets";
const ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";

/** As the API reference says of TargetGroupAttribute, for network load balancers. */
const OF_TARGET_GROUPS: Rules = {
  "deregistration_delay.timeout_seconds": { from: 0, to: 3600 },
  "deregistration_delay.connection_termination.enabled": BOOLEAN,
  "stickiness.enabled": BOOLEAN,
  "stickiness.type": ["source_ip"],
  [ZONES]: [...BOOLEAN, "use_load_balancer_configuration"],
  "preserve_client_ip.enabled": ANY, // the controller's own check and words: annotations/traffic.ts
  [PROXY_ATTRIBUTE]: BOOLEAN,
  "proxy_protocol_v2.client_to_server.header_placement": ["on_first_ack", "on_first_ack_with_payload"],
  "target_health_state.unhealthy.connection_termination.enabled": BOOLEAN,
  "target_health_state.unhealthy.draining_interval_seconds": { from: 0, to: 360_000 },
  [`${DNS}.count`]: ANY,
  [`${DNS}.percentage`]: ANY,
  [`${ROUTING}.count`]: ANY,
  [`${ROUTING}.percentage`]: ANY,
};

const OF_LISTENERS: Rules = { "tcp.idle_timeout.seconds": { from: 60, to: 6000 } };

const OF_LOAD_BALANCERS: Rules = {
  "deletion_protection.enabled": ANY, // read as Go reads it: aws-settings.ts
  [ZONES]: BOOLEAN,
  "access_logs.s3.enabled": BOOLEAN,
  "access_logs.s3.bucket": ANY,
  "access_logs.s3.prefix": ANY,
  "ipv6.deny_all_igw_traffic": BOOLEAN,
  "zonal_shift.config.enabled": BOOLEAN,
  "dns_record.client_routing_policy": ANY, // the controller's own check and words: annotations/account.ts
  "secondary_ips.auto_assigned.per_subnet": { from: 0, to: 7 },
};

/** Warns of attributes that AWS has not, and refuses values that it does not take. */
export function checkAttributes(translation: Translation): void {
  const { annotations } = translation;
  const check = checkMap.bind(undefined, translation);
  check("attributes", annotations.get("attributes"), OF_LOAD_BALANCERS, "");
  check("targetGroupAttributes", annotations.get("targetGroupAttributes"), OF_TARGET_GROUPS, "");
  for (const suffix of annotations.suffixes("targetGroupAttributesOf"))
    check(
      "targetGroupAttributesOf",
      annotations.at("targetGroupAttributesOf", suffix),
      OF_TARGET_GROUPS,
      suffix,
    );
  for (const suffix of annotations.suffixes("listenerAttributesOf"))
    check("listenerAttributesOf", annotations.at("listenerAttributesOf", suffix), OF_LISTENERS, suffix);
}

function checkMap(
  { annotations, provider }: Translation,
  name: AnnotationName,
  attributes: Readonly<Record<string, string>> = {},
  rules: Rules,
  suffix: string,
): void {
  for (const [key, value] of Object.entries(attributes)) {
    if (!Object.hasOwn(rules, key)) {
      const meant = closest(key, Object.keys(rules));
      const next = meant === undefined ? "look for it in AWS's documentation" : `write ${meant}`;
      annotations.warn(name, `no attribute ${key} is known`, next, suffix);
      continue;
    }
    const rule = rules[key];
    // an empty value takes a wish of all groups away from one
    if (value === "" || rule === undefined || takes(rule, value)) continue;
    const ours = provider === "aws" || key === PROXY_ATTRIBUTE;
    annotations[ours ? "refuse" : "warn"](
      name,
      `${key} cannot be ${value}`,
      `write ${wordsOf(rule)}`,
      suffix,
    );
  }
}

function takes(rule: NonNullable<Rule>, value: string): boolean {
  if (!isBounds(rule)) return rule.includes(value);
  return /^[0-9]+$/.test(value) && Number(value) >= rule.from && Number(value) <= rule.to;
}

function wordsOf(rule: NonNullable<Rule>): string {
  return isBounds(rule) ? `a number from ${rule.from} to ${rule.to}` : rule.join(" or ");
}

function isBounds(rule: NonNullable<Rule>): rule is Bounds {
  return "from" in rule;
}
