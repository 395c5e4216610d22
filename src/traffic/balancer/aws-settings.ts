/** What annotations ask of AWS alone, checked as far as it can be without asking AWS. */
import { isIPv4, isIPv6 } from "node:net";
import type { ServicePort } from "../../objects/types.ts";
import type { AnnotationName } from "./annotations/index.ts";
import type { Translation } from "./context.ts";
import type { AwsSettings, BalancerScheme } from "./model.ts";
import { parseBool } from "./parse.ts";

/** The scheme asked for, by `scheme`, else by the older `internal`; undefined: the one there is, else the default. */
export function schemeOf({ annotations }: Translation): BalancerScheme | undefined {
  const scheme = annotations.get("scheme");
  if (annotations.has("scheme")) return scheme as BalancerScheme | undefined;
  const internal = annotations.get("internal");
  if (internal === undefined) return undefined;
  return internal ? "internal" : "internet-facing";
}

/** All of AWS's settings, from annotations and the operator's flags. */
export function awsSettings(
  translation: Translation,
  ipAddressType: AwsSettings["ipAddressType"],
): AwsSettings {
  const { annotations, flags } = translation;
  const loadBalancerAttributes = attributesOf(translation);
  checkAddresses(translation);
  checkSourceNat(translation, ipAddressType);
  checkSecurityGroups(translation);
  refuseQuic(translation);
  return {
    ipAddressType,
    loadBalancerName: nameOf(translation),
    subnets: annotations.get("subnets") ?? [],
    eipAllocations: annotations.get("eipAllocations") ?? [],
    privateIpv4Addresses: annotations.get("privateIpv4Addresses") ?? [],
    ipv6Addresses: annotations.get("ipv6Addresses") ?? [],
    prefixForIpv6SourceNat: annotations.get("prefixForIpv6SourceNat") as "on" | "off" | undefined,
    sourceNatIpv6Prefixes: annotations.get("sourceNatIpv6Prefixes") ?? [],
    loadBalancerAttributes,
    securityGroups: annotations.get("securityGroups") ?? [],
    manageBackendSecurityGroupRules:
      annotations.get("manageBackendRules") ?? flags.manageBackendSecurityGroupRules,
    disableSecurityGroups: annotations.get("disableSecurityGroups") ?? false,
    securityGroupPrefixLists: annotations.get("prefixLists"),
    inboundRulesOnPrivateLink: annotations.get("privateLinkRules") as "on" | "off" | undefined,
    icmpForPathMtuDiscovery: icmpOf(translation),
    additionalTags: tagsOf(translation),
    multiClusterTargetGroups: annotations.get("multiCluster") ?? false,
    minimumCapacityUnits: capacityOf(translation),
    actions: actionsOf(translation),
    deletionProtection: deletionProtection(translation, loadBalancerAttributes),
  };
}

/** The rules of AWS for names; the controller knows the length only. */
function nameOf({ annotations }: Translation): string | undefined {
  const name = annotations.get("name");
  if (name === undefined || name === "") return undefined;
  const next = "use letters, digits and single hyphens inside, not starting with internal-";
  if (!/^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/.test(name))
    annotations.refuse("name", `${name} has characters that AWS has not in names of load balancers`, next);
  else if (name.startsWith("internal-"))
    annotations.refuse("name", "names that start with internal- are AWS's own", next);
  return name;
}

/** Attributes, with those of the deprecated annotations over them. */
function attributesOf({ annotations }: Translation): Record<string, string> {
  const attributes: Record<string, string> = { ...annotations.get("attributes") };
  if (annotations.get("accessLog") === true) {
    attributes["access_logs.s3.enabled"] = "true";
    const bucket = annotations.get("accessLogBucket");
    const prefix = annotations.get("accessLogPrefix");
    if (bucket !== undefined) attributes["access_logs.s3.bucket"] = bucket;
    if (prefix !== undefined) attributes["access_logs.s3.prefix"] = prefix;
  }
  const crossZone = annotations.get("crossZone");
  if (crossZone !== undefined) attributes["load_balancing.cross_zone.enabled"] = String(crossZone);
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function deletionProtection(
  { annotations }: Translation,
  attributes: Readonly<Record<string, string>>,
): boolean {
  const value = attributes["deletion_protection.enabled"];
  if (value === undefined) return false;
  const parsed = parseBool(value);
  if ("value" in parsed) return parsed.value;
  annotations.refuse(
    "attributes",
    `deletion_protection.enabled=${value}: ${parsed.error}`,
    "write true or false",
  );
  return false;
}

/** That lists of addresses hold addresses, and go with the scheme; whether they fit subnets is known later. */
function checkAddresses(translation: Translation): void {
  const { annotations } = translation;
  const scheme = schemeOf(translation);
  const asked = annotations.get("ipAddressType") ?? "ipv4";
  const set = (name: AnnotationName) =>
    ((annotations.get(name) as readonly string[] | undefined) ?? []).length > 0;
  if (set("eipAllocations") && scheme === "internal")
    annotations.refuse(
      "eipAllocations",
      "EIP allocations can only be set for internet facing load balancers",
      "set service.beta.kubernetes.io/aws-load-balancer-scheme to internet-facing",
    );
  if (set("privateIpv4Addresses") && scheme === "internet-facing")
    annotations.refuse(
      "privateIpv4Addresses",
      "private IPv4 addresses can only be set for internal load balancers",
      "set service.beta.kubernetes.io/aws-load-balancer-scheme to internal",
    );
  if (set("ipv6Addresses") && asked !== "dualstack")
    annotations.refuse(
      "ipv6Addresses",
      "IPv6 addresses can only be set for dualstack load balancers",
      "set service.beta.kubernetes.io/aws-load-balancer-ip-address-type to dualstack",
    );
  checkCounts(translation);
  checkTexts(translation, "privateIpv4Addresses", "private IPv4 addresses", "IPv4", isIPv4);
  checkTexts(translation, "ipv6Addresses", "IPv6 addresses", "IPv6", (text) => isIPv6(text));
}

const ONE_A_SUBNET = [
  ["eipAllocations", "EIP allocations"],
  ["privateIpv4Addresses", "private IPv4 addresses"],
  ["ipv6Addresses", "IPv6 addresses"],
] as const;

/** One a subnet, where the Service names its subnets; of those that are found the provider says it. */
function checkCounts({ annotations }: Translation): void {
  const subnets = new Set(annotations.get("subnets")).size;
  for (const [name, what] of ONE_A_SUBNET) {
    const count = (annotations.get(name) ?? []).length;
    if (subnets === 0 || count === 0 || count === subnets) continue;
    const message = `count of ${what} (${count}) and subnets (${subnets}) must match`;
    annotations.refuse(name, message, "give one for each of aws-load-balancer-subnets");
  }
}

function checkTexts(
  { annotations }: Translation,
  name: "privateIpv4Addresses" | "ipv6Addresses",
  what: string,
  family: string,
  isOfFamily: (text: string) => boolean,
): void {
  for (const address of annotations.get(name) ?? []) {
    const kind = isIPv4(address) || isIPv6(address) ? `valid ${family} address` : "valid IP address";
    if (!isOfFamily(address))
      annotations.refuse(name, `${what} must be ${kind}: ${address}`, `write ${family} addresses`);
  }
}

/** networking/utils.go; the base address's place in its subnet is checked once subnets are known. */
function checkSourceNat({ annotations }: Translation, ipAddressType: AwsSettings["ipAddressType"]): void {
  const on = annotations.get("prefixForIpv6SourceNat") === "on";
  const dualstack = "set service.beta.kubernetes.io/aws-load-balancer-ip-address-type to dualstack";
  if (on && ipAddressType === "ipv4")
    annotations.refuse(
      "prefixForIpv6SourceNat",
      "enable-prefix-for-ipv6-source-nat annotation is only applicable to Network Load Balancers using Dualstack IP address type.",
      dualstack,
    );
  const prefixes = annotations.get("sourceNatIpv6Prefixes");
  if (prefixes === undefined) return;
  const refuse = (message: string, next: string) =>
    annotations.refuse("sourceNatIpv6Prefixes", message, next);
  if (ipAddressType !== "dualstack")
    refuse(
      "source-nat-ipv6-prefixes annotation can only be set for Network Load Balancers using Dualstack IP address type.",
      dualstack,
    );
  else if (!on)
    refuse(
      "source-nat-ipv6-prefixes annotation is only applicable if enable-prefix-for-ipv6-source-nat annotation is set to on.",
      "set service.beta.kubernetes.io/aws-load-balancer-enable-prefix-for-ipv6-source-nat to on",
    );
  for (const prefix of prefixes) {
    const why = whyNoPrefix(prefix);
    if (why !== undefined)
      refuse(`Invalid value in source-nat-ipv6-prefixes: ${prefix}.${why}`, "write an IPv6 /80");
  }
}

function whyNoPrefix(prefix: string): string | undefined {
  if (prefix === "auto_assigned") return undefined;
  const [address = "", length] = prefix.split("/");
  if (length === undefined) return "";
  if (length !== "80") return ` Prefix length must be 80, but ${length} is specified.`;
  return isIPv6(address) ? undefined : " Value must be a valid IPv6 CIDR.";
}

function checkSecurityGroups({ annotations, flags }: Translation): void {
  const named = (annotations.get("securityGroups") ?? []).length > 0;
  const manage = annotations.get("manageBackendRules") ?? flags.manageBackendSecurityGroupRules ?? false;
  if (named && manage && flags.enableBackendSecurityGroup === false)
    annotations.refuse(
      "manageBackendRules",
      "backendSG feature is required to manage worker node SG rules when frontendSG is manually specified",
      "set the annotation to false, or let the cluster have a shared group",
    );
}

function icmpOf({ annotations }: Translation): boolean {
  const value = annotations.get("icmp");
  if (value !== undefined && value !== "on" && value !== "off")
    annotations.warn("icmp", `${value} has no effect: ICMP is not let in`, "write on");
  return value === "on";
}

/** Keys by which things are found again. */
const TRACKING = /^(elbv2|service)\.k8s\.aws\/|^tandem\.dev\//;

/** The operator's tags win over those of the annotation, as `--default-tags` does. */
function tagsOf({ annotations, flags }: Translation): Record<string, string> {
  const own = annotations.get("additionalTags") ?? {};
  for (const key of Object.keys(own)) {
    if (key.toLowerCase().startsWith("aws:"))
      annotations.refuse(
        "additionalTags",
        `tag key ${key} is AWS's own`,
        "choose a key without aws: before it",
      );
    else if (TRACKING.test(key))
      annotations.warn(
        "additionalTags",
        `tag ${key} says whose a thing is and cannot be set`,
        "take it away",
      );
    if (flags.externalManagedTags?.includes(key))
      annotations.refuse(
        "additionalTags",
        `external managed tag key ${key} cannot be specified on Service`,
        "take that tag away: somebody else keeps it",
      );
  }
  return { ...own, ...flags.defaultTags };
}

/**
 * QUIC targets need a server id each (QuicServerId of RegisterTargets), which connections carry and which their servers
 * have to be told; nothing here gives one out, and AWS registers no target without.
 */
function refuseQuic({ annotations, service }: Translation): void {
  const named = annotations.get("quicPorts") ?? [];
  const ports: readonly ServicePort[] = service.spec.ports ?? [];
  for (const text of named) {
    const same = ports.filter(({ name, port }) => name === text || String(port) === text);
    const [first] = same;
    if (first === undefined) annotations.warn("quicPorts", `the Service has no port ${text}`);
    else if (!ports.some(({ port, protocol }) => port === first.port && protocol === "UDP"))
      annotations.refuse(
        "quicPorts",
        `Unsupported QUIC upgrade for protocol ${first.protocol ?? "TCP"}`,
        "name UDP ports only",
      );
    else
      annotations.refuse(
        "quicPorts",
        `port ${text} cannot be QUIC: AWS wants a server id (QuicServerId) of every target, and Tandem registers targets without`,
        "take the annotation away: a UDP port carries QUIC, too, without moves of clients between networks",
      );
  }
}

/** 0 asks for none, as with the AWS controller: what was reserved is given back. */
function capacityOf({ annotations }: Translation): number | undefined {
  const units = Number(annotations.get("capacity")?.["CapacityUnits"] ?? 0);
  return units === 0 ? undefined : units;
}

function actionsOf({ annotations }: Translation): Record<string, unknown> {
  const suffixes = annotations.suffixes("actionsOf");
  return Object.fromEntries(suffixes.map((suffix) => [suffix, annotations.at("actionsOf", suffix)]));
}
