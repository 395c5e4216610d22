/**
 * What kube-controller-manager says to its flags: the options' validation, then what its node IPAM controller says when
 * it starts (cmd/kube-controller-manager/app/core.go, pkg/controller/nodeipam).
 */
import type { PerFamily } from "../../ip/family.ts";
import { type GoNet, goNetFamily, isDualStack, parseCIDRSloppy } from "./go-net.ts";
import { isTrue, lastValue, listValue, type ParsedFlags } from "./pflag.ts";
import { parseGoInteger } from "./values.ts";
import { accept, refuse, type Verdict } from "./verdict.ts";

/** Masks of the nodes' pod ranges where no flag says otherwise. */
const DEFAULT_MASKS = { IPv4: 24, IPv6: 64 } as const;
/** The node IPAM controller keeps a bitmap of an IPv6 range's blocks: at most 2^16 of them. */
const MAX_IPV6_BITS = 16;

/** Judges what pflag made of kube-controller-manager's arguments. */
export function judgeControllerManager(flags: ParsedFlags): Verdict {
  const services = (lastValue(flags, "service-cluster-ip-range") ?? "").split(",");
  if (services.length > 2) return refuse("--service-cluster-ip-range can not contain more than two entries");
  if (!allocatesRanges(flags)) {
    return accept(
      lastValue(flags, "cluster-cidr") === undefined
        ? []
        : [
            "without --allocate-node-cidrs nodes get no ranges from --cluster-cidr, and the ranges are not checked",
          ],
    );
  }
  const error = startNodeIpam(flags, services);
  return error === undefined ? accept() : refuse(error);
}

/** Whether the node IPAM controller runs: --allocate-node-cidrs, and --controllers does not leave it out. */
export function allocatesRanges(flags: ParsedFlags): boolean {
  if (!isTrue(lastValue(flags, "allocate-node-cidrs"))) return false;
  const given = listValue(flags, "controllers");
  const names = given.length === 0 ? ["*"] : given;
  for (const name of ["node-ipam-controller", "nodeipam"]) {
    if (names.includes(name)) return true;
    if (names.includes(`-${name}`)) return false;
  }
  return names.includes("*");
}

function startNodeIpam(flags: ParsedFlags, services: readonly string[]): string | undefined {
  const allocator = lastValue(flags, "cidr-allocator-type") ?? "RangeAllocator";
  if (allocator === "CloudAllocator") {
    return "--cidr-allocator-type is set to 'CloudAllocator' but cloud provider is not configured";
  }
  const clusters = parseClusterRanges(lastValue(flags, "cluster-cidr") ?? "");
  if (typeof clusters === "string") return clusters;
  const masks = maskSizes(flags, clusters);
  return (
    checkServiceRanges(services) ??
    (typeof masks === "string" ? masks : checkMasks(clusters, masks)) ??
    (allocator === "RangeAllocator" ? undefined : `invalid CIDR allocator type: ${allocator}`)
  );
}

/** validateCIDRs. */
function parseClusterRanges(text: string): GoNet[] | string {
  const nets: GoNet[] = [];
  for (const [index, item] of text.trim().split(",").entries()) {
    const net = parseCIDRSloppy(item);
    if (net === undefined) return `invalid CIDR[${index}]: <nil> (invalid CIDR address: ${item})`;
    nets.push(net);
  }
  if (nets.length > 1 && !isDualStack(nets)) {
    const count = `len of ClusterCIDRs==${nets.length}`;
    return `${count} and they are not configured as dual stack (at least one from each IPFamily`;
  }
  return nets.length > 2 ? `length of clusterCIDRs is:${nets.length} more than max allowed of 2` : nets;
}

/**
 * The Service ranges are only there to keep node ranges off them. One that does not parse is logged with this text, and
 * counts as a refusal here: the component runs without the protection that was asked for.
 */
function checkServiceRanges(services: readonly string[]): string | undefined {
  const nets: GoNet[] = [];
  for (const text of services.filter((item) => item.trim() !== "")) {
    const net = parseCIDRSloppy(text);
    if (net === undefined) return `invalid CIDR address: ${text}`;
    nets.push(net);
  }
  return nets.length === 2 && !isDualStack(nets)
    ? "serviceCIDR and secondaryServiceCIDR are not dualstack (from different IPfamiles)"
    : undefined;
}

/** setNodeCIDRMaskSizes: the mask per family, 0 standing for a flag that was not given. */
function maskSizes(flags: ParsedFlags, clusters: readonly GoNet[]): Required<PerFamily<number>> | string {
  const size = (name: string) => Number(parseGoInteger(lastValue(flags, name) ?? "0"));
  const both = size("node-cidr-mask-size");
  const IPv4 = size("node-cidr-mask-size-ipv4");
  const IPv6 = size("node-cidr-mask-size-ipv6");
  if (clusters.length > 1) {
    if (both !== 0) return "usage of --node-cidr-mask-size is not allowed with dual-stack clusters";
  } else {
    if (both !== 0 && (IPv4 !== 0 || IPv6 !== 0)) {
      return (
        "usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 is not allowed if --node-cidr-mask-size is " +
        "set. For dual-stack clusters please unset it and use IPFamily specific flags"
      );
    }
    if (both !== 0) return { IPv4: both, IPv6: both };
    const only = goNetFamily(clusters[0]!);
    const wrong = only === "IPv4" ? IPv6 : IPv4;
    const flag = only === "IPv4" ? "ipv6" : "ipv4";
    if (wrong !== 0)
      return `usage of --node-cidr-mask-size-${flag} is not allowed for a single-stack ${only} cluster`;
  }
  return { IPv4: IPv4 || DEFAULT_MASKS.IPv4, IPv6: IPv6 || DEFAULT_MASKS.IPv6 };
}

/** NewNodeIpamController, then cidrset.NewCIDRSet for each range. */
function checkMasks(clusters: readonly GoNet[], masks: Required<PerFamily<number>>): string | undefined {
  if (clusters.some((net) => net.ones > masks[goNetFamily(net)])) {
    return (
      "Controller: Invalid --cluster-cidr, mask size of cluster CIDR must be less than or equal to " +
      "--node-cidr-mask-size configured for CIDR family"
    );
  }
  const tooBig = clusters.some((net) => goNetFamily(net) === "IPv6" && masks.IPv6 - net.ones > MAX_IPV6_BITS);
  return tooBig ? "New CIDR set failed; the node CIDR size is too big" : undefined;
}
