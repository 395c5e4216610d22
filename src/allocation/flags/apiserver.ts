/**
 * What kube-apiserver says to its flags (cmd/kube-apiserver/app/options: completion.go, then validation.go). Flags that
 * need the machine to judge (files, etcd) are taken as good.
 */
import {
  formatGoIP,
  formatGoNet,
  type GoIP,
  type GoNet,
  goFamily,
  goNetFamily,
  goNetSize,
  isDualStack,
  parseCIDRSloppy,
  parseIPStrict,
} from "./go-net.ts";
import { lastValue, type ParsedFlags } from "./pflag.ts";
import { parseGoInteger, parsePortRange } from "./values.ts";
import { accept, aggregate, refuse, type Verdict } from "./verdict.ts";

/** The range that is taken when the flag is absent or empty. */
export const DEFAULT_SERVICE_RANGE = "10.0.0.0/24";
const SMALLEST_RANGE = 8n;

/** Judges what pflag made of kube-apiserver's arguments. */
export function judgeApiserver(flags: ParsedFlags): Verdict {
  const text = lastValue(flags, "service-cluster-ip-range") ?? "";
  const ranges = completeRanges(text);
  if (typeof ranges === "string") return refuse(ranges);
  const address = publicAddress(flags);
  const error = aggregate(validate(flags, text, ranges, address));
  if (error !== undefined) return refuse(error);
  const primary = goNetFamily(ranges[0]!);
  return accept(
    address === undefined && primary === "IPv6"
      ? ["without --advertise-address the host's own address is advertised, and it has to be IPv6"]
      : [],
  );
}

/** getServiceIPAndRanges: the ranges, at most two of them looked at, or why there are none. */
function completeRanges(text: string): GoNet[] | string {
  const [first, second] = text === "" ? [DEFAULT_SERVICE_RANGE] : text.split(",");
  const primary = parseCIDRSloppy(first!);
  if (primary === undefined) return "service-cluster-ip-range[0] is not a valid cidr";
  if (goNetSize(primary) < SMALLEST_RANGE) {
    const why = `the service cluster IP range must be at least ${SMALLEST_RANGE} IP addresses`;
    return `error determining service IP ranges for primary service cidr: ${why}`;
  }
  if (second === undefined) return [primary];
  const secondary = parseCIDRSloppy(second);
  return secondary === undefined ? "service-cluster-ip-range[1] is not an ip net" : [primary, secondary];
}

/** The address that the server tells clients to use; undefined where it takes the host's own. */
function publicAddress(flags: ParsedFlags): GoIP | undefined {
  const advertised = readAddress(lastValue(flags, "advertise-address"));
  if (advertised !== undefined && !isUnspecified(advertised)) return advertised;
  const bound = readAddress(lastValue(flags, "bind-address"));
  return bound === undefined || isUnspecified(bound) || isLoopback(bound) ? undefined : bound;
}

function readAddress(text: string | undefined): GoIP | undefined {
  return text === undefined ? undefined : parseIPStrict(text.trim());
}

function isUnspecified(ip: GoIP): boolean {
  return ip === 0n || ip === 0xffffn << 32n;
}

function isLoopback(ip: GoIP): boolean {
  return ip === 1n || (goFamily(ip) === "IPv4" && ((ip >> 24n) & 0xffn) === 127n);
}

function validate(
  flags: ParsedFlags,
  text: string,
  ranges: readonly GoNet[],
  address: GoIP | undefined,
): string[] {
  return [
    ...validateSecurePort(flags),
    ...validateRanges(text, ranges),
    ...validateNodePort(flags),
    ...validateFamilies(flags, ranges[0]!, address),
    ...validateCount(flags),
  ];
}

function validateSecurePort(flags: ParsedFlags): string[] {
  const port = Number(parseGoInteger(lastValue(flags, "secure-port") ?? "6443"));
  if (port >= 1 && port <= 65535) return [];
  return [`--secure-port ${port} must be between 1 and 65535, inclusive. It cannot be turned off with 0`];
}

function validateRanges(text: string, ranges: readonly GoNet[]): string[] {
  const errors: string[] = [];
  if (text.split(",").length > 2)
    errors.push("--service-cluster-ip-range must not contain more than two entries");
  if (ranges.length > 1 && !isDualStack(ranges)) {
    errors.push(
      "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family",
    );
  }
  return errors;
}

function validateNodePort(flags: ParsedFlags): string[] {
  const port = Number(parseGoInteger(lastValue(flags, "kubernetes-service-node-port") ?? "0"));
  const range = parsePortRange(lastValue(flags, "service-node-port-range") ?? "30000-32767");
  const errors: string[] = [];
  if (port < 0 || port > 65535) {
    errors.push(
      `--kubernetes-service-node-port ${port} must be between 0 and 65535, inclusive. ` +
        "If 0, the Kubernetes master service will be of type ClusterIP",
    );
  }
  if (port > 0 && (port < range.base || port >= range.base + range.size)) {
    const shown = range.size === 0 ? "" : `${range.base}-${range.base + range.size - 1}`;
    errors.push(`kubernetes service node port range ${shown} doesn't contain ${port}`);
  }
  return errors;
}

/** The Service `kubernetes` has one family, and its endpoint is the public address (KEP-2438). */
function validateFamilies(flags: ParsedFlags, primary: GoNet, address: GoIP | undefined): string[] {
  if (lastValue(flags, "endpoint-reconciler-type") === "none" || address === undefined) return [];
  if (goNetFamily(primary) === goFamily(address)) return [];
  const range = formatGoNet(primary);
  return [`service IP family "${range}" must match public address family "${formatGoIP(address)}"`];
}

function validateCount(flags: ParsedFlags): string[] {
  const count = Number(parseGoInteger(lastValue(flags, "apiserver-count") ?? "1"));
  return count > 0 ? [] : [`--apiserver-count should be a positive number, but value '${count}' provided`];
}
