import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import { parseAddress } from "../../ip/address.ts";
import { parseCidr } from "../../ip/cidr.ts";
import {
  applyCapture,
  type CaptureSettings,
  DEFAULT_CAPTURE,
  gatewaysOfPod,
  linksOfPod,
  removeCapture,
} from "../../kernel/capture/index.ts";

/** The flags of `tandem internal capture`: lists with commas between; `*` is everything where that makes sense. */
export interface CaptureFlags {
  inboundPorts?: string;
  excludeInboundPorts?: string;
  outboundPorts?: string;
  excludeOutboundPorts?: string;
  outboundRanges?: string;
  excludeOutboundRanges?: string;
  excludeInterfaces?: string;
  excludeUsers?: string;
  proxyUsers?: string;
  proxyGroups?: string;
  proxyMark?: string;
  probePorts?: string;
  /** Of what the node itself sends to its pods; else whatever has the node's address is a probe. */
  probeHopLimit?: string;
  /** Addresses of the node; else HOST_IPS. */
  nodeAddresses?: string;
  remove?: boolean;
  /** Whatever network namespace this is. */
  here?: boolean;
}

/**
 * `tandem internal capture`: the init container of a pod with a sidecar. It ends with an error, and the pod does not
 * start, unless every rule is in force.
 */
export async function runCapture(flags: CaptureFlags, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (flags.remove === true) {
    await removeCapture();
    console.log("the pod's traffic is captured no longer");
    return;
  }
  requirePod(flags, env);
  const settings = captureSettings(flags, env);
  refuseOwnLinks(settings.excludeInterfaces, await linksOfPod());
  const nodeAddresses = [...settings.nodeAddresses, ...(await gatewaysOfPod())];
  const { families, rules } = await applyCapture({ ...settings, nodeAddresses });
  const over = families.length === 0 ? "no family but its loopback" : families.join(" and ");
  console.log(`the pod's TCP connections go through its sidecar; the pod has ${over}`);
  console.log(rules.trimEnd());
}

/** By hand on a machine, the rules would cut the machine itself off. @throws UserError where no pod is named */
function requirePod({ here }: CaptureFlags, env: NodeJS.ProcessEnv): void {
  if (here === true || (env["POD_NAME"] ?? "") !== "") return;
  throw new UserError({
    what: "cannot capture the pod's traffic",
    why: "this may be no pod but the machine itself: POD_NAME is not set",
    next: "in a network namespace that is meant, give --here",
    exitCode: EXIT.usage,
  });
}

/**
 * Without the pod's own link nothing would be captured, and callers with sidecars would speak TLS to the application.
 * @throws UserError with the name that says so
 */
export function refuseOwnLinks(excluded: readonly string[], links: readonly string[]): void {
  const holds = (name: string, link: string) =>
    name.endsWith("*") ? link.startsWith(name.slice(0, -1)) : link === name;
  const name = excluded.find((each) => links.some((link) => holds(each, link)));
  if (name === undefined) return;
  throw new UserError({
    what: "cannot capture the pod's traffic",
    where: `annotation excludeInterfaces, value ${JSON.stringify(name)}`,
    why: "it is the pod's own link to its network: nothing would be captured, while others expect a sidecar there",
    next: 'name further interfaces only; for a pod without a sidecar set its label tandem.dev/inject to "false"',
    exitCode: EXIT.badInput,
  });
}

/** What the flags say. @throws UserError with the flag and value that cannot be read */
function captureSettings(flags: CaptureFlags, env: NodeJS.ProcessEnv): CaptureSettings {
  const { guards } = DEFAULT_CAPTURE;
  const { proxyUsers, proxyGroups, proxyMark, probeHopLimit } = flags;
  return {
    guards: {
      users: proxyUsers === undefined ? guards.users : numbers("--proxy-users", proxyUsers, MAX_ID),
      groups: proxyGroups === undefined ? guards.groups : numbers("--proxy-groups", proxyGroups, MAX_ID),
      ...(proxyMark !== undefined && { mark: numbers("--proxy-mark", proxyMark, MAX_ID)[0]! }),
    },
    includeInboundPorts: isAll(flags.inboundPorts) ? "all" : ports("--inbound-ports", flags.inboundPorts),
    excludeInboundPorts: ports("--exclude-inbound-ports", flags.excludeInboundPorts),
    includeOutboundPorts: ports("--outbound-ports", flags.outboundPorts),
    excludeOutboundPorts: ports("--exclude-outbound-ports", flags.excludeOutboundPorts),
    includeOutboundRanges: isAll(flags.outboundRanges)
      ? "all"
      : ranges("--outbound-ranges", flags.outboundRanges),
    excludeOutboundRanges: ranges("--exclude-outbound-ranges", flags.excludeOutboundRanges),
    excludeInterfaces: interfaces(flags.excludeInterfaces),
    excludeUsers: numbers("--exclude-users", flags.excludeUsers ?? "", MAX_ID),
    nodeAddresses: addresses(flags.nodeAddresses ?? env["HOST_IPS"] ?? ""),
    probePorts: ports("--probe-ports", flags.probePorts),
    ...(probeHopLimit !== undefined && {
      probeHopLimit: numbers("--probe-hop-limit", probeHopLimit, MAX_HOPS)[0]!,
    }),
  };
}

const MAX_ID = 0xffffffff;
const MAX_HOPS = 255;

function isAll(text: string | undefined): boolean {
  return text === undefined || text.trim() === "*";
}

function words(text = ""): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

function ports(flag: string, text: string | undefined): number[] {
  return numbers(flag, text ?? "", 65535);
}

function numbers(flag: string, text: string, max: number): number[] {
  return words(text).map((word) => {
    const value = /^\d+$/.test(word) ? Number(word) : Number.NaN;
    if (value >= 0 && value <= max) return value;
    throw badFlag(flag, word, `it is no whole number from 0 to ${max}`);
  });
}

function ranges(flag: string, text: string | undefined): string[] {
  return words(text).map((word) => {
    if (parseCidr(word) !== undefined || parseAddress(word) !== undefined) return word;
    throw badFlag(flag, word, "it is no address or range such as 10.0.0.0/8 or fd00::/8");
  });
}

/** Names that the kernel takes: nothing of them can end a word of a rule. */
function interfaces(text: string | undefined): string[] {
  return words(text).map((word) => {
    if (/^[A-Za-z0-9._@:-]{1,15}\*?$/.test(word)) return word;
    throw badFlag("--exclude-interfaces", word, "it is no name of an interface");
  });
}

/** Addresses that are none are left out: they come from the downward API, which has none before the pod has its own. */
function addresses(text: string): string[] {
  return words(text).filter((word) => parseAddress(word) !== undefined);
}

function badFlag(flag: string, value: string, why: string): UserError {
  return new UserError({
    what: "cannot capture the pod's traffic",
    where: `flag ${flag}, value ${JSON.stringify(value)}`,
    why,
    exitCode: EXIT.badInput,
  });
}
