/**
 * The rules of a pod whose TCP connections go through its sidecar, as a script for nft. Pure. One table of family inet
 * holds for IPv4 and IPv6; only matches on addresses name a family, and a pod without it never meets them.
 */
import { type Cidr, cidrsOverlap, formatCidr, parseCidr } from "../../ip/cidr.ts";
import { FAMILIES, type Family } from "../../ip/family.ts";
import { type CaptureSettings, INBOUND_SOURCES, SIDECAR_PORTS } from "./settings.ts";

/** The table of a pod's own network namespace; nobody else writes to it. */
export const CAPTURE_TABLE = "inet tandem-capture";

const ADDRESS: Readonly<Record<Family, string>> = { IPv4: "ip", IPv6: "ip6" };
const LOOPBACK: Readonly<Record<Family, string>> = { IPv4: "127.0.0.0/8", IPv6: "::1" };
const HOP_LIMIT: Readonly<Record<Family, string>> = { IPv4: "ip ttl", IPv6: "ip6 hoplimit" };
const TO_OUTBOUND = `redirect to :${SIDECAR_PORTS.outbound}`;
const TO_INBOUND = `redirect to :${SIDECAR_PORTS.inbound}`;
const DNS_PORT = 53;
/** Envoy would hand a connection to another pod's statistics to its own listener of that port, at any address. */
const OTHERS_OWN = [SIDECAR_PORTS.health, SIDECAR_PORTS.stats];

/** The script that puts the rules in the place of those of before, in one transaction. */
export function captureScript(settings: CaptureSettings): string {
  return `${removalScript()}table ${CAPTURE_TABLE} {\n${captureChains(settings).join("\n")}\n}\n`;
}

/** The script that takes the rules away; good also where there are none. */
export function removalScript(): string {
  return `table ${CAPTURE_TABLE}\ndelete table ${CAPTURE_TABLE}\n`;
}

/** The chains of the table; names and order are part of what {@link captureScript} promises. */
function captureChains(settings: CaptureSettings): string[] {
  return [
    chain("output", ["type nat hook output priority -100; policy accept", ...outbound(settings)]),
    chain("proxy", fromProxy()),
    chain("prerouting", ["type nat hook prerouting priority -100; policy accept", ...inbound(settings)]),
  ];
}

/** Order counts: what the sidecar does comes first, then what stays in the pod, then what is excluded. */
function outbound(settings: CaptureSettings): string[] {
  const { guards } = settings;
  return [
    "meta l4proto != tcp return",
    ...FAMILIES.map((family) => `${ADDRESS[family]} saddr ${INBOUND_SOURCES[family]} return`),
    ...oneOf("meta skuid", guards.users, "goto proxy"),
    ...oneOf("meta skgid", guards.groups, "goto proxy"),
    ...(guards.mark === undefined ? [] : [`meta mark ${guards.mark} goto proxy`]),
    `oifname "lo" return`,
    ...oneOf("oifname", settings.excludeInterfaces.map(quoted), "return"),
    ...oneOf("meta skuid", settings.excludeUsers, "return"),
    ...oneOf("tcp dport", [...settings.excludeOutboundPorts, ...OTHERS_OWN, DNS_PORT], "return"),
    ...ranges("daddr", settings.excludeOutboundRanges, "return"),
    ...oneOf("tcp dport", settings.includeOutboundPorts, TO_OUTBOUND),
    ...(settings.includeOutboundRanges === "all"
      ? [`meta l4proto tcp ${TO_OUTBOUND}`]
      : ranges("daddr", settings.includeOutboundRanges, TO_OUTBOUND, () => "meta l4proto tcp ")),
  ];
}

/**
 * The sidecar's own connections leave as they are. One to an address of its own pod is a call of the application to
 * itself by a Service: it comes in like any other caller's.
 */
function fromProxy(): string[] {
  return [
    `oifname != "lo" return`,
    ...FAMILIES.map((family) => `${ADDRESS[family]} daddr ${LOOPBACK[family]} return`),
    `tcp dport ${DNS_PORT} return`,
    `meta l4proto tcp ${TO_INBOUND}`,
  ];
}

function inbound(settings: CaptureSettings): string[] {
  const { includeInboundPorts: included, nodeAddresses, probePorts, probeHopLimit } = settings;
  const own = [...new Set([...Object.values(SIDECAR_PORTS), ...settings.excludeInboundPorts])];
  const asProbe = (family: Family): string =>
    asSet("tcp dport", probePorts) +
    (probeHopLimit === undefined ? "" : `${HOP_LIMIT[family]} ${probeHopLimit} `);
  const probed = probePorts.length === 0 ? [] : ranges("saddr", nodeAddresses, "return", asProbe);
  return [
    "meta l4proto != tcp return",
    ...oneOf("iifname", settings.excludeInterfaces.map(quoted), "return"),
    ...probed,
    ...oneOf("tcp dport", own, "return"),
    ...(included === "all" ? [`meta l4proto tcp ${TO_INBOUND}`] : oneOf("tcp dport", included, TO_INBOUND)),
  ];
}

/** A rule for each family that is among the ranges: here, and nowhere else, the families part. */
function ranges(
  side: "saddr" | "daddr",
  all: readonly string[],
  verdict: string,
  and: (family: Family) => string = () => "",
): string[] {
  return FAMILIES.flatMap((family) => {
    const own = all.map((text) => parseCidr(withPrefix(text))).filter((cidr) => cidr?.family === family);
    return oneOf(`${and(family)}${ADDRESS[family]} ${side}`, minimal(own as Cidr[]), verdict);
  });
}

/** nft refuses a set in which one range holds another: the wider ones, each once. */
function minimal(cidrs: readonly Cidr[]): string[] {
  const widest = cidrs.toSorted((a, b) => a.prefix - b.prefix);
  const kept: Cidr[] = [];
  for (const cidr of widest) if (!kept.some((other) => cidrsOverlap(other, cidr))) kept.push(cidr);
  return kept.map(formatCidr);
}

/** `10.0.0.1` is `10.0.0.1/32`. */
function withPrefix(text: string): string {
  if (text.includes("/")) return text;
  return `${text}/${text.includes(":") ? 128 : 32}`;
}

function oneOf(match: string, values: readonly (string | number)[], verdict: string): string[] {
  return values.length === 0 ? [] : [`${asSet(match, values)}${verdict}`];
}

function asSet(match: string, values: readonly (string | number)[]): string {
  const all = [...new Set(values)];
  return `${match} ${all.length === 1 ? all[0] : `{ ${all.join(", ")} }`} `;
}

function quoted(name: string): string {
  return JSON.stringify(name);
}

function chain(name: string, lines: readonly string[]): string {
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join("")}  }`;
}
