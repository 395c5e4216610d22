/** What the kubelet says to --node-ip (component-helpers' ParseNodeIPArgument, kubelet_node_status.go). */
import { formatGoIP, type GoIP, goFamily, parseIPSloppy } from "./go-net.ts";
import { lastValue, type ParsedFlags } from "./pflag.ts";
import { accept, goQuote, refuse, type Verdict } from "./verdict.ts";

const V4_UNSPECIFIED = 0xffffn << 32n;

/** Judges what pflag made of the kubelet's arguments. */
export function judgeKubelet(flags: ParsedFlags): Verdict {
  const text = lastValue(flags, "node-ip") ?? "";
  const ips = nodeIps(flags);
  const why = checkNodeIps(ips, lastValue(flags, "cloud-provider") ?? "");
  if (why !== undefined) return refuse(`bad --node-ip ${goQuote(text)}: ${why}`);
  return accept([...droppedItems(text), ...ips.flatMap(checkUsable)]);
}

/** The addresses of --node-ip; items that are none are left out, as the kubelet does. */
export function nodeIps(flags: ParsedFlags): GoIP[] {
  return items(lastValue(flags, "node-ip") ?? "")
    .map(parseIPSloppy)
    .filter((ip) => ip !== undefined);
}

/** Whether an address asks for the host's own address of that family instead of naming one. */
export function isWildcard(ip: GoIP): boolean {
  return ip === 0n || ip === V4_UNSPECIFIED;
}

function items(text: string): string[] {
  return text === "" ? [] : text.split(",").map((item) => item.trim());
}

function checkNodeIps(ips: readonly GoIP[], cloudProvider: string): string | undefined {
  if (ips.length > 2 || (ips.length === 2 && goFamily(ips[0]!) === goFamily(ips[1]!))) {
    return "must contain either a single IP or a dual-stack pair of IPs";
  }
  if (ips.length < 2) return undefined;
  if (cloudProvider !== "" && cloudProvider !== "external")
    return "dual-stack not supported in this configuration";
  return ips.some(isWildcard) ? "dual-stack node IP cannot include '0.0.0.0' or '::'" : undefined;
}

function droppedItems(text: string): string[] {
  return items(text)
    .filter((item) => parseIPSloppy(item) === undefined)
    .map((item) => `${goQuote(item)} in --node-ip is no IP address, and the kubelet ignores it`);
}

/** validateNodeIP: the kubelet starts, but its node gets no addresses. */
function checkUsable(ip: GoIP): string[] {
  const kind = unusableKind(ip);
  return kind === undefined ? [] : [`failed to validate nodeIP: nodeIP can't be ${kind} (${formatGoIP(ip)})`];
}

function unusableKind(ip: GoIP): string | undefined {
  const v4 = goFamily(ip) === "IPv4" ? Number(ip & 0xffffffffn) : undefined;
  if (v4 === undefined ? ip === 1n : v4 >>> 24 === 127) return "loopback address";
  if (v4 === undefined ? ip >> 120n === 0xffn : v4 >>> 28 === 14) return "a multicast address";
  if (v4 === undefined ? ip >> 118n === 0x3fan : v4 >>> 16 === 0xa9fe) return "a link-local unicast address";
  return undefined;
}
