/**
 * What kube-proxy says to its flags (cmd/kube-proxy/app/options.go, pkg/proxy/apis/config/validation). With --config the
 * file counts instead of nearly all flags, and it cannot be seen from here.
 */
import { type GoIP, goFamily, goNetFamily, isDualStack, parseCIDRSloppy, parseIPSloppy } from "./go-net.ts";
import { lastValue, listValue, type ParsedFlags, splitHostPort } from "./pflag.ts";
import { parseGoInteger } from "./values.ts";
import { accept, aggregate, goQuote, refuse, type Verdict } from "./verdict.ts";

const ROOT = "KubeProxyConfiguration";
const PAIR =
  "must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]";
const BLOCK = "must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)";
const LOCAL_MODES = ["ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix", ""];
const PROXY_MODES = ["iptables", "ipvs", "nftables"];

/** Judges what pflag made of kube-proxy's arguments. */
export function judgeProxy(flags: ParsedFlags): Verdict {
  if (lastValue(flags, "config")) return accept();
  const hostname = lastValue(flags, "hostname-override");
  if (hostname && hostname.trim() === "")
    return refuse("failed complete: empty hostname-override is invalid");
  const error = aggregate(validate(flags));
  return error === undefined ? accept(notes(flags)) : refuse(`failed validate: ${error}`);
}

function invalid(path: string, value: string | readonly string[] | number, why: string): string {
  const shown = typeof value === "string" ? goQuote(value) : JSON.stringify(value);
  return `${ROOT}.${path}: Invalid value: ${shown}: ${why}`;
}

function validate(flags: ParsedFlags): string[] {
  return [
    ...checkRange(flags, "iptables-masquerade-bit", 0, 31, "KubeProxyIPTablesConfiguration.MasqueradeBit"),
    ...(lastValue(flags, "proxy-mode") === "ipvs" ? checkExcluded(flags) : []),
    ...checkNotNegative(flags, "conntrack-max-per-core", "MaxPerCore"),
    ...checkNotNegative(flags, "conntrack-min", "Min"),
    ...checkRange(flags, "oom-score-adj", -1000, 1000, "KubeProxyLinuxConfiguration.OOMScoreAdj"),
    ...checkProxyMode(flags),
    ...checkHostPort(flags, "healthz", "HealthzBindAddress", "0.0.0.0:10256"),
    ...checkHostPort(flags, "metrics", "MetricsBindAddress", "127.0.0.1:10249"),
    ...checkNodePortAddresses(flags),
    ...checkLocalMode(flags),
  ];
}

function numberOf(flags: ParsedFlags, name: string): number | undefined {
  const text = lastValue(flags, name);
  return text === undefined ? undefined : Number(parseGoInteger(text));
}

function checkRange(flags: ParsedFlags, name: string, low: number, high: number, path: string): string[] {
  const value = numberOf(flags, name);
  if (value === undefined || (value >= low && value <= high)) return [];
  return [invalid(path, value, `must be within the range [${low}, ${high}]`)];
}

function checkNotNegative(flags: ParsedFlags, name: string, field: string): string[] {
  const value = numberOf(flags, name);
  if (value === undefined || value >= 0) return [];
  const path = `KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration.${field}`;
  return [invalid(path, value, "must be greater than or equal to 0")];
}

function checkProxyMode(flags: ParsedFlags): string[] {
  const mode = lastValue(flags, "proxy-mode") ?? "";
  if (mode === "" || PROXY_MODES.includes(mode)) return [];
  const why = `must be ${PROXY_MODES.join(", ")} or blank (blank means the best-available proxy [currently iptables])`;
  return [invalid("Mode.ProxyMode", mode, why)];
}

/** The address of a server: its flag, completed by the deprecated flag of its port, of which 0 means no server. */
function checkHostPort(flags: ParsedFlags, server: string, field: string, fallback: string): string[] {
  const port = numberOf(flags, `${server}-port`);
  const given = lastValue(flags, `${server}-bind-address`) || fallback;
  if (port === 0) return [];
  const address = appendPort(given, port ?? Number(fallback.slice(fallback.lastIndexOf(":") + 1)));
  const split = splitHostPort(address);
  if (split.error !== undefined) return [invalid(field, address, "must be IP:port")];
  const errors: string[] = [];
  if (parseIPSloppy(split.host) === undefined) errors.push(invalid(field, split.host, "must be a valid IP"));
  const number = /^[+-]?[0-9]+$/.test(split.port) ? Number(split.port) : 0;
  if (number < 1 || number > 65535) errors.push(invalid(field, split.port, "must be a valid port"));
  return errors;
}

function appendPort(address: string, port: number): string {
  const ip = parseIPSloppy(address);
  if (splitHostPort(address).error === undefined || ip === undefined) return address;
  return goFamily(ip) === "IPv4" ? `${address}:${port}` : `[${address}]:${port}`;
}

function checkNodePortAddresses(flags: ParsedFlags): string[] {
  const addresses = listValue(flags, "nodeport-addresses");
  const errors: string[] = [];
  for (const [index, address] of addresses.entries()) {
    const path = `NodePortAddresses[${index}]`;
    if (address === "primary") {
      if (addresses.length !== 1) errors.push(invalid(path, address, "can't use both 'primary' and CIDRs"));
      break;
    }
    if (parseCIDRSloppy(address) === undefined) errors.push(invalid(path, address, "must be a valid CIDR"));
  }
  return errors;
}

function checkExcluded(flags: ParsedFlags): string[] {
  return listValue(flags, "ipvs-exclude-cidrs").flatMap((cidr, index) => {
    if (parseCIDRSloppy(cidr) !== undefined) return [];
    return [invalid(`KubeProxyIPVSConfiguration.ExcludeCidrs[${index}]`, cidr, "must be a valid CIDR")];
  });
}

function checkLocalMode(flags: ParsedFlags): string[] {
  const mode = localMode(flags);
  const path = "DetectLocalConfiguration";
  switch (mode) {
    case "ClusterCIDR":
      return checkClusterRanges(lastValue(flags, "cluster-cidr"), `${path}.ClusterCIDRs`);
    case "NodeCIDR":
      return [];
    case "BridgeInterface":
      return lastValue(flags, "pod-bridge-interface")
        ? []
        : [invalid(`${path}.InterfaceName`, "", "must not be empty")];
    case "InterfaceNamePrefix":
      return lastValue(flags, "pod-interface-name-prefix")
        ? []
        : [invalid(`${path}.InterfacePrefix`, "", "must not be empty")];
    default: {
      const known = LOCAL_MODES.map(goQuote).join(", ");
      return [`${ROOT}.DetectLocalMode: Unsupported value: ${goQuote(mode)}: supported values: ${known}`];
    }
  }
}

/** How local traffic is told from other; only in mode ClusterCIDR does --cluster-cidr count. */
export function localMode(flags: ParsedFlags): string {
  return lastValue(flags, "detect-local-mode") || "ClusterCIDR";
}

/** validateDualStackCIDRStrings. */
function checkClusterRanges(text: string | undefined, path: string): string[] {
  if (text === undefined) return [];
  const items = text.split(",");
  if (items.length > 2) return [invalid(path, items, PAIR)];
  const nets = items.map(parseCIDRSloppy);
  const errors = items.flatMap((item, index) => {
    return nets[index] === undefined ? [invalid(`${path}[${index}]`, item, BLOCK)] : [];
  });
  const parsed = nets.filter((net) => net !== undefined);
  if (parsed.length === 2 && !isDualStack(parsed)) errors.push(invalid(path, items, PAIR));
  return errors;
}

/** checkBadIPConfig: what a running kube-proxy logs, as far as the flags show it. */
function notes(flags: ParsedFlags): string[] {
  const bound = parseIPSloppy(lastValue(flags, "bind-address") ?? "");
  const text = lastValue(flags, "cluster-cidr");
  if (bound === undefined || isUnspecified(bound) || text === undefined) return [];
  const primary = goFamily(bound);
  const families = text.split(",").map((item) => goNetFamily(parseCIDRSloppy(item)!));
  if (families.includes(primary)) return [];
  return [`cluster is ${primary}-primary but clusterCIDRs contains only ${families[0]} addresses`];
}

function isUnspecified(ip: GoIP): boolean {
  return ip === 0n || ip === 0xffffn << 32n;
}
