import type { Command } from "commander";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import { parseDurationFlag } from "../duration.ts";
import { collect } from "../flags.ts";

/** The flags of `tandem balancer` and its subcommands as they were given. */
export interface BalancerFlags {
  readonly kubeconfig?: string;
  readonly provider: string;
  readonly loadBalancerClass: string;
  readonly clusterName?: string;
  readonly formerClusterUid: readonly string[];
  readonly region?: string;
  readonly vpcId?: string;
  readonly awsEndpoint?: string;
  readonly defaultScheme: string;
  readonly defaultTargetType: string;
  readonly replacementGrace: string;
  readonly defaultTags: string;
  readonly externalManagedTags: string;
  readonly enableTcpUdpListener: boolean;
  readonly interface?: string;
  readonly stateDir: string;
  readonly envoy?: string;
}

/** What the flags mean. */
export interface BalancerSettings {
  readonly kubeconfig: string | undefined;
  readonly provider: "aws" | "local";
  readonly loadBalancerClass: string;
  readonly clusterName: string;
  /** Uids of clusters that are no more, whose load balancers are this one's now (aws). */
  readonly formerClusterUids: readonly string[];
  readonly region: string | undefined;
  readonly vpcId: string | undefined;
  readonly awsEndpoint: string | undefined;
  readonly defaultScheme: "internal" | "internet-facing";
  readonly defaultTargetType: "instance" | "ip";
  /** How long a load balancer that was replaced is kept, in milliseconds. */
  readonly replacementGraceMs: number;
  /** Tags of all that is made, and keys of tags that others manage (aws). */
  readonly defaultTags: Readonly<Record<string, string>>;
  readonly externalManagedTags: readonly string[];
  /** A TCP and a UDP port of one number become one listener where a Service does not say (aws). */
  readonly enableTcpUdpListener: boolean;
  /** The interface that gets addresses; undefined: that of the default route (local). */
  readonly interface: string | undefined;
  /** Where it is remembered whose addresses are (local). */
  readonly stateDir: string;
  readonly envoy: string | undefined;
}

/** Adds the flags that say whose load balancers these are and how the provider is reached. */
export function withBalancerFlags(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "how to reach the API server (default: $KUBECONFIG, then ~/.kube/config)")
    .option("--provider <name>", "who makes the load balancers: aws or local", "local")
    .option("--load-balancer-class <name>", "the spec.loadBalancerClass that is ours", "tandem.dev/nlb")
    .option(
      "--cluster-name <name>",
      'the cluster, as what is made for it is tagged; two clusters of one account need two (default: "tandem")',
    )
    .option(
      "--former-cluster-uid <uid>",
      "the uid of a cluster of this name that is no more, whose load balancers are this one's now (aws; repeatable)",
      collect,
      [],
    )
    .option("--region <name>", "the AWS region (default: as AWS's own tools find it)")
    .option("--vpc-id <id>", "the VPC of the nodes (aws)")
    .option("--aws-endpoint <url>", "another endpoint for AWS's API, as an emulator's")
    .option(
      "--default-scheme <name>",
      "internal or internet-facing, where a Service does not say",
      "internal",
    )
    .option("--default-target-type <name>", "instance or ip, where a Service does not say", "instance")
    .option(
      "--replacement-grace <duration>",
      "how long a load balancer that was replaced is kept, so that clients can follow its name",
      "10m",
    )
    .option("--default-tags <list>", "tags of all that is made, as team=web,env=prod (aws)", "")
    .option(
      "--external-managed-tags <list>",
      "keys of tags that others manage and that are left alone (aws)",
      "",
    )
    .option("--enable-tcp-udp-listener", "make a TCP and a UDP port of one number one listener (aws)", false)
    .option("--interface <name>", "the network interface for addresses (local; default: the default route's)")
    .option("--state-dir <folder>", "what outlives a restart (local)", "/var/lib/tandem/balancer")
    .option("--envoy <path>", "an Envoy of 1.40 or newer (local; default: found on the PATH)");
}

const DEFAULT_CLUSTER = "tandem";

/**
 * What is deleted as nobody's is told by the cluster's name: in an account that others use, too, a name that nobody chose
 * may be another cluster's, whose load balancers would go. @throws UserError where it was not given for AWS
 */
export function insistOnClusterName({ provider, clusterName }: BalancerFlags, doing: string): void {
  if (provider !== "aws" || clusterName !== undefined) return;
  throw new UserError({
    what: `cannot ${doing}`,
    where: "flag --cluster-name",
    why: `it is missing: another cluster of the account may have the default name, and all of its load balancers would be orphans here`,
    next: `give the name that the balancer of this cluster runs with (--cluster-name=${DEFAULT_CLUSTER} where it runs without)`,
    exitCode: EXIT.usage,
  });
}

/** @throws UserError for values that make no sense */
export function readBalancerFlags(flags: BalancerFlags): BalancerSettings {
  return {
    kubeconfig: flags.kubeconfig,
    provider: oneOf("--provider", flags.provider, ["aws", "local"]),
    loadBalancerClass: flags.loadBalancerClass,
    clusterName: clusterNameOf(flags.clusterName ?? DEFAULT_CLUSTER),
    formerClusterUids: flags.formerClusterUid,
    region: flags.region,
    vpcId: flags.vpcId,
    awsEndpoint: urlOf("--aws-endpoint", flags.awsEndpoint),
    defaultScheme: oneOf("--default-scheme", flags.defaultScheme, ["internal", "internet-facing"]),
    defaultTargetType: oneOf("--default-target-type", flags.defaultTargetType, ["instance", "ip"]),
    replacementGraceMs: parseDurationFlag("--replacement-grace", flags.replacementGrace),
    interface: flags.interface,
    defaultTags: untracked("--default-tags", mapOf("--default-tags", flags.defaultTags)),
    externalManagedTags: Object.keys(
      untracked(
        "--external-managed-tags",
        Object.fromEntries(flags.externalManagedTags.split(",").map((key) => [key.trim(), ""])),
      ),
    ).filter((key) => key !== ""),
    enableTcpUdpListener: flags.enableTcpUdpListener,
    stateDir: flags.stateDir,
    envoy: flags.envoy,
  };
}

function oneOf<T extends string>(flag: string, text: string, values: readonly T[]): T {
  const value = values.find((known) => known === text);
  if (value !== undefined) return value;
  throw new UserError({
    what: "cannot serve load balancers",
    where: `flag ${flag}, value ${JSON.stringify(text)}`,
    why: `the values are ${values.join(", ")}`,
    next: `give ${flag}=${values.join(` or ${flag}=`)}`,
    exitCode: EXIT.usage,
  });
}

function urlOf(flag: string, text: string | undefined): string | undefined {
  if (text === undefined || (URL.canParse(text) && /^https?:/.test(text))) return text;
  throw new UserError({
    what: "cannot serve load balancers",
    where: `flag ${flag}, value ${JSON.stringify(text)}`,
    why: "it is no http or https URL",
    next: `for example ${flag}=http://127.0.0.1:5000 for an emulator, or leave it out for AWS`,
    exitCode: EXIT.usage,
  });
}

/** What is made is found again by it: one that is empty is found by nobody, or by everybody. */
function clusterNameOf(name: string): string {
  if (/^[\w.:=+@/-]{1,128}$/.test(name)) return name;
  throw new UserError({
    what: "cannot serve load balancers",
    where: `flag --cluster-name, value ${JSON.stringify(name)}`,
    why: "it is the value of a tag: 1 to 128 letters, digits, and . : = + @ / _ -",
    next: "give a name that no other cluster of the account has",
    exitCode: EXIT.usage,
  });
}

/** Tags that say whose a thing is cannot be the operator's; those of AWS are AWS's. */
const TRACKING = /^((elbv2|service)\.k8s\.aws\/|tandem\.dev\/|aws:)/i;

function untracked(flag: string, tags: Record<string, string>): Record<string, string> {
  const key = Object.keys(tags).find((it) => TRACKING.test(it));
  if (key === undefined) return tags;
  throw new UserError({
    what: "cannot serve load balancers",
    where: `flag ${flag}, tag ${key}`,
    why: "it says whose a load balancer is, or is AWS's own, and cannot be set or left to others",
    next: "choose another key",
    exitCode: EXIT.usage,
  });
}

function mapOf(flag: string, text: string): Record<string, string> {
  const pairs = text.split(",").filter((pair) => pair !== "");
  const wrong = pairs.find((pair) => !/^[^=]+=/.test(pair));
  if (wrong === undefined)
    return Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    );
  throw new UserError({
    what: "cannot serve load balancers",
    where: `flag ${flag}, value ${JSON.stringify(wrong)}`,
    why: "tags are key=value pairs divided by commas",
    next: `for example ${flag}=team=web,env=prod`,
    exitCode: EXIT.usage,
  });
}
