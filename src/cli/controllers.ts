import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { type ControllerOptions, startControllers } from "../controllers/index.ts";
import { badInputFor } from "../errors/bad-input.ts";

const bad = badInputFor("cannot run the controllers");

interface Flags {
  readonly kubeconfig?: string;
  readonly clusterCidr?: string;
  readonly serviceClusterIpRange?: string;
  readonly nodeCidrMaskSize?: string;
  readonly nodeCidrMaskSizeIpv4?: string;
  readonly nodeCidrMaskSizeIpv6?: string;
  readonly maxEndpointsPerSlice?: string;
  readonly nodeMonitorGracePeriod?: string;
}

/** `tandem controllers`: all controllers against any API server, until SIGTERM. */
export function define(): Command {
  return new Command("controllers")
    .description("Run the controllers alone against any API server, until SIGTERM.")
    .option("--kubeconfig <file>", "how to reach the API server; $KUBECONFIG, then ~/.kube/config by default")
    .option(
      "--cluster-cidr <cidrs>",
      "pod ranges, one per family, of which nodes get theirs; none without it",
    )
    .option("--service-cluster-ip-range <cidrs>", "Service ranges, which no node gets a part of")
    .option("--node-cidr-mask-size <bits>", "prefix length of a node's pod range in a cluster of one family")
    .option("--node-cidr-mask-size-ipv4 <bits>", "prefix length of a node's IPv4 pod range (default: 24)")
    .option("--node-cidr-mask-size-ipv6 <bits>", "prefix length of a node's IPv6 pod range (default: 64)")
    .option("--max-endpoints-per-slice <count>", "endpoints per EndpointSlice, 1 to 1000 (default: 100)")
    .option("--node-monitor-grace-period <seconds>", "silence after which a node is not ready (default: 50)")
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const options = optionsOf(flags);
  const client = new KubeClient(await loadKubeconfig(flags.kubeconfig));
  const abort = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => abort.abort());
  try {
    const { stopped } = await startControllers(client, options, abort.signal);
    console.log(`controllers are running against ${client.config.server}`);
    await stopped;
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    client.close();
  }
}

function optionsOf(flags: Flags): ControllerOptions {
  const clusterCidrs = list(flags.clusterCidr);
  const single = number("--node-cidr-mask-size", flags.nodeCidrMaskSize, 0, 128);
  if (single !== undefined && clusterCidrs.length > 1) {
    const why = "usage of --node-cidr-mask-size is not allowed with dual-stack clusters";
    throw bad("--node-cidr-mask-size", why, "use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6");
  }
  const ipv4 = number("--node-cidr-mask-size-ipv4", flags.nodeCidrMaskSizeIpv4, 0, 32) ?? single;
  const ipv6 = number("--node-cidr-mask-size-ipv6", flags.nodeCidrMaskSizeIpv6, 0, 128) ?? single;
  const perSlice = number("--max-endpoints-per-slice", flags.maxEndpointsPerSlice, 1, 1000);
  const grace = number("--node-monitor-grace-period", flags.nodeMonitorGracePeriod, 1, 86_400);
  return {
    clusterCidrs,
    serviceCidrs: list(flags.serviceClusterIpRange),
    ...(ipv4 === undefined ? {} : { nodeMaskSizeIPv4: ipv4 }),
    ...(ipv6 === undefined ? {} : { nodeMaskSizeIPv6: ipv6 }),
    ...(perSlice === undefined ? {} : { maxEndpointsPerSlice: perSlice }),
    ...(grace === undefined ? {} : { nodeMonitorGracePeriod: grace * 1000 }),
    log: (line) => console.error(line),
  };
}

function list(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((item) => item !== "");
}

function number(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw bad(`${flag}=${text}`, `it is not a whole number from ${least} to ${most}`, "correct the flag");
}
