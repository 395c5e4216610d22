/** The flags of `tandem proxy`: kube-proxy's names where they mean the same. Pure. */
import { type Command, Option } from "commander";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import { canonicalAddress, familyOfText, parseAddress } from "../../ip/address.ts";
import { cidrOf, formatCidr } from "../../ip/cidr.ts";
import { groupByFamily, type PerFamily } from "../../ip/family.ts";
import type { ListenAddress } from "../../kernel/index.ts";
import type { FamilyReadiness } from "../../traffic/index.ts";
import { FAMILY_READINESS_FLAG, readFamilyReadiness } from "../family-readiness.ts";
import { REFUSED } from "./refused.ts";

/** What the flags come to. */
export interface ProxySettings {
  readonly kubeconfig?: string;
  /** Another URL of the API server than the kubeconfig's. */
  readonly master?: string;
  /** The name of the Node; undefined: the host's. */
  readonly nodeName?: string;
  /** The cluster's pod ranges; undefined: the Node's own. */
  readonly clusterRanges?: PerFamily<readonly string[]>;
  /** Which local addresses serve node ports; `primary`: the Node's own. Undefined: all but loopback. */
  readonly nodePortAddresses?: PerFamily<readonly string[]> | "primary";
  /** The node's primary address; undefined: the Node's first. */
  readonly primaryAddress?: string;
  readonly healthz?: ListenAddress;
  readonly metrics?: ListenAddress;
  readonly hardFail: boolean;
  /** How often the rules are compared with the kernel's, in ms. */
  readonly auditMs: number;
  readonly masqueradeAll: boolean;
  readonly cleanup: boolean;
  readonly familyReadiness: FamilyReadiness;
}

/** Options as commander hands them over: all texts, bare booleans as true. */
type Raw = Readonly<Record<string, string | true | undefined>>;

const HEALTHZ = "0.0.0.0:10256";
const METRICS = "127.0.0.1:10249";
const AUDIT = "5m";

/** Adds the flags, those that are refused included (hidden), so that each gets an answer of its own. */
export function addProxyFlags(command: Command): Command {
  command
    .option("--kubeconfig <file>", "how to reach the API server (default: $KUBECONFIG, then ~/.kube/config)")
    .option("--master <url>", "another URL of the API server than the kubeconfig's")
    .option("--node-name <name>", "name of this node's Node object (default: the host's name)")
    .option("--hostname-override <name>", "the same, by kube-proxy's name")
    .option(
      "--cluster-cidr <cidrs>",
      "the cluster's pod ranges, one per family (default: the Node's podCIDRs)",
    )
    .option(
      "--detect-local-mode <mode>",
      "ClusterCIDR (by --cluster-cidr) or NodeCIDR (by the Node's podCIDRs)",
    )
    .option("--nodeport-addresses <cidrs>", "which local addresses serve node ports: CIDRs, or `primary`")
    .option("--bind-address <address>", "the node's primary address, where it is not the Node's first")
    .option("--healthz-bind-address <address:port>", `where /healthz and /livez are (default: ${HEALTHZ})`)
    .option("--metrics-bind-address <address:port>", `where /metrics is (default: ${METRICS})`)
    .option("--bind-address-hard-fail [bool]", "end when one of those cannot be listened on")
    .option(
      "--sync-period <duration>",
      `how often the kernel's rules are audited (default: ${AUDIT}; 0s: never)`,
    )
    .option("--masquerade-all [bool]", "masquerade all traffic to cluster IPs")
    .option("--proxy-mode <mode>", "nftables, the only one")
    .option("--iptables-masquerade-bit <bit>", "14, the only one")
    .option("--cleanup [bool]", "take away all that is Tandem's, and exit")
    .option(...FAMILY_READINESS_FLAG)
    .addHelpText(
      "after",
      "\nAn unspecified or loopback bind address stands for that of each family of the node. Other flags of\n" +
        "kube-proxy are refused, each with the reason.",
    );
  for (const name of Object.keys(REFUSED)) {
    command.addOption(
      new Option(name.length === 1 ? `-${name}, --${name} [value]` : `--${name} [value]`).hideHelp(),
    );
  }
  return command;
}

/** Reads the flags. @throws UserError naming the flag that is wrong or refused, why, and what to do */
export function readProxyFlags(raw: Raw): ProxySettings {
  for (const [name, refusal] of Object.entries(REFUSED)) {
    const value = raw[camelCase(name)];
    if (value !== undefined) throw wrong(name, value, refusal.why, refusal.next);
  }
  checkFixed(raw);
  const text = (name: string) => textOf(raw, name);
  const clusterRanges = text("cluster-cidr") ? rangesOf("cluster-cidr", raw) : undefined;
  const byNode = localModeOf(raw) === "NodeCIDR";
  const nodeName = nodeNameOf(raw);
  const primaryAddress = primaryAddressOf(raw);
  const nodePorts = nodePortAddressesOf(raw);
  const healthz = listenAddressOf("healthz-bind-address", raw, HEALTHZ);
  const metrics = listenAddressOf("metrics-bind-address", raw, METRICS);
  return {
    ...(text("kubeconfig") && { kubeconfig: text("kubeconfig") }),
    ...(text("master") && { master: text("master") }),
    ...(nodeName && { nodeName }),
    ...(clusterRanges && !byNode && { clusterRanges }),
    ...(nodePorts && { nodePortAddresses: nodePorts }),
    ...(primaryAddress && { primaryAddress }),
    ...(healthz && { healthz }),
    ...(metrics && { metrics }),
    hardFail: boolOf("bind-address-hard-fail", raw),
    auditMs: durationOf("sync-period", raw, AUDIT),
    masqueradeAll: boolOf("masquerade-all", raw),
    cleanup: boolOf("cleanup", raw),
    familyReadiness: readFamilyReadiness(text("family-readiness")),
  };
}

/** Flags whose only value is the one that Tandem has anyway. */
function checkFixed(raw: Raw): void {
  const mode = textOf(raw, "proxy-mode");
  if (mode && mode !== "nftables") {
    throw wrong("proxy-mode", mode, "Tandem programs nftables only", "use nftables, or leave it out");
  }
  const bit = textOf(raw, "iptables-masquerade-bit");
  if (bit && bit !== "14") {
    throw wrong("iptables-masquerade-bit", bit, "Tandem's rules use bit 14 (mark 0x4000)", "leave it out");
  }
}

function localModeOf(raw: Raw): "ClusterCIDR" | "NodeCIDR" | undefined {
  const mode = textOf(raw, "detect-local-mode");
  if (!mode) return undefined;
  if (mode !== "ClusterCIDR" && mode !== "NodeCIDR") {
    const why = "pods are told from others by their addresses, not by interfaces";
    throw wrong("detect-local-mode", mode, why, "use ClusterCIDR with --cluster-cidr, or NodeCIDR");
  }
  if (mode === "ClusterCIDR" && !textOf(raw, "cluster-cidr")) {
    throw wrong("detect-local-mode", mode, "there are no pod ranges to go by", "give them by --cluster-cidr");
  }
  return mode;
}

function nodeNameOf(raw: Raw): string | undefined {
  const [name, override] = [textOf(raw, "node-name"), textOf(raw, "hostname-override")];
  if (name && override && name !== override.trim().toLowerCase()) {
    const why = `--node-name says ${JSON.stringify(name)}, and both name the Node`;
    throw wrong("hostname-override", override, why, "give one of them");
  }
  if (override !== undefined && override.trim() === "") {
    throw wrong("hostname-override", override, "it is empty", "name the Node, or leave it out");
  }
  return name || override?.trim().toLowerCase();
}

/** As kube-proxy means it: an unspecified address says nothing. */
function primaryAddressOf(raw: Raw): string | undefined {
  const text = textOf(raw, "bind-address");
  if (!text) return undefined;
  const address = canonicalAddress(text);
  if (address === undefined)
    throw wrong("bind-address", text, "it is no IP address", "give the node's primary one");
  return address === "0.0.0.0" || address === "::" ? undefined : address;
}

function nodePortAddressesOf(raw: Raw): ProxySettings["nodePortAddresses"] {
  const text = textOf(raw, "nodeport-addresses");
  if (!text) return undefined;
  const items = text.split(",");
  if (!items.includes("primary")) return rangesOf("nodeport-addresses", raw, false);
  if (items.length === 1) return "primary";
  throw wrong("nodeport-addresses", text, "can't use both 'primary' and CIDRs", "give either");
}

function rangesOf(name: string, raw: Raw, onePerFamily = true): PerFamily<string[]> {
  const text = textOf(raw, name) ?? "";
  const ranges = text.split(",").map((item) => {
    const range = canonicalRange(item.trim());
    if (range === undefined) {
      const why = `${JSON.stringify(item)} is no CIDR, such as 10.244.0.0/16 or fd00:10:244::/56`;
      throw wrong(name, text, why, "correct it");
    }
    return range;
  });
  const result = groupByFamily(ranges, (range) => familyOfText(range.split("/")[0] as string) ?? "IPv4");
  for (const list of onePerFamily ? Object.entries(result) : []) {
    const why = `it has several ranges of ${list[0]}`;
    if (list[1].length > 1) throw wrong(name, text, why, "give at most one range per family");
  }
  return result;
}

function canonicalRange(text: string): string | undefined {
  const [head = "", bits = ""] = text.split("/");
  const address = parseAddress(head);
  if (address === undefined || !/^\d{1,3}$/.test(bits)) return undefined;
  if (Number(bits) > (address.family === "IPv4" ? 32 : 128)) return undefined;
  return formatCidr(cidrOf(address, Number(bits)));
}

/** `ADDRESS:PORT`, `[ADDRESS]:PORT`, or an address alone with the default's port; empty: nowhere. */
function listenAddressOf(name: string, raw: Raw, byDefault: string): ListenAddress | undefined {
  const text = textOf(raw, name) ?? byDefault;
  if (text === "") return undefined;
  const alone = canonicalAddress(text);
  if (alone !== undefined) return { host: alone, port: Number(byDefault.split(":").at(-1)) };
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const host = match && canonicalAddress(match[1] ?? (match[2] || "0.0.0.0"));
  const port = Number(match?.[3]);
  if (host && port <= 65_535) return { host, port };
  throw wrong(
    name,
    text,
    "it is no ADDRESS:PORT",
    "write 0.0.0.0:10256 or [::]:10256, or an empty text for nowhere",
  );
}

function boolOf(name: string, raw: Raw): boolean {
  const value = raw[camelCase(name)];
  if (value === undefined || value === true) return value === true;
  if (/^(1|t|T|true|True|TRUE)$/.test(value)) return true;
  if (/^(0|f|F|false|False|FALSE)$/.test(value)) return false;
  throw wrong(name, value, "it is neither true nor false", "leave the value out, or write true or false");
}

const UNITS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it: `30s`, `1m30s`, `0s`. */
function durationOf(name: string, raw: Raw, byDefault: string): number {
  const text = textOf(raw, name) ?? byDefault;
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    throw wrong(name, text, "it is no duration", "write 30s, 5m or 1h30m; 0s means never");
  }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit as string] as number), 0);
}

function textOf(raw: Raw, name: string): string | undefined {
  const value = raw[camelCase(name)];
  return value === true ? "" : value;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function wrong(name: string, value: string | true, why: string, next: string): UserError {
  const shown = value === true ? "" : `=${value}`;
  return new UserError({
    what: "cannot run the proxy",
    where: `flag --${name}${shown}`,
    why,
    next,
    exitCode: EXIT.usage,
  });
}
