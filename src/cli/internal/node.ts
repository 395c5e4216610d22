import type { KubeClient } from "../../client/index.ts";
import { groupByFamily } from "../../ip/family.ts";
import { familyOfText } from "../../ip/address.ts";
import { type NodeFacts, startNodeKernel } from "../../kernel/index.ts";
import { type LabConfig, readConfig } from "../../lab/config.ts";
import { setUpNodeNetwork, startNodeAgent } from "../../lab/node/agent.ts";
import { connectToControlPlane } from "../../lab/node/connect.ts";
import { POD_LINKS } from "../../lab/kubelet/pod-links.ts";
import { eachFamily } from "../../lab/plan.ts";
import { zoneOf } from "../../lab/node/register.ts";
import { connectTrafficModel, reportOnce } from "../wiring.ts";
import { reportFailure, reportReady } from "./report.ts";

/** `tandem internal node`: one node of a lab, in the node's network namespace: kubelet and kernel rules. */
export async function runNode(configPath: string, name: string): Promise<void> {
  const config = readConfig(configPath);
  const abort = new AbortController();
  try {
    await setUpNodeNetwork(config, name);
    const client = await connectToControlPlane(config, abort.signal);
    const [agent] = await Promise.all([
      startNodeAgent(config, name, client, abort.signal),
      programKernel(config, name, client, abort.signal),
    ]);
    process.once("SIGTERM", () => {
      abort.abort();
      void agent.stop().then(() => process.exit(0));
    });
    reportReady();
  } catch (error) {
    reportFailure(name, error);
  }
}

const RULES_WAIT_MS = 5_000;
/** As long as this where nothing has failed. */
const BUSY_RULES_WAIT_MS = 60_000;
/** kube-proxy's ports, on every node. Nothing outside of a lab reaches its nodes, so metrics are there for its pods. */
const HEALTHZ = { host: "0.0.0.0", port: 10256 };
const METRICS = { host: "0.0.0.0", port: 10249 };

/**
 * Keeps the node's nftables rules in step with Services; resolves when the first ones are in force. What fails is tried
 * again with back-off; only when nothing works for 5 s the node gives up, with the last failure. Without any failure it
 * waits on: the machine is busy.
 */
async function programKernel(
  config: LabConfig,
  name: string,
  client: KubeClient,
  signal: AbortSignal,
): Promise<void> {
  const source = await connectTrafficModel(client, signal, {
    onError: reportOnce("kernel: watching Services"),
    rulesOnly: true,
    familyReadiness: config.plan.familyReadiness,
  });
  const report = reportOnce("kernel rules");
  const inForce = Promise.withResolvers<void>();
  let last: Error | undefined;
  const onError = (error: Error): void => {
    last = error;
    report(error);
  };
  await startNodeKernel({
    source,
    facts: nodeFacts(config, name),
    signal,
    onError,
    onSync: () => inForce.resolve(),
    healthz: HEALTHZ,
    metrics: METRICS,
  });
  const timers = [
    setTimeout(() => last && inForce.reject(last), RULES_WAIT_MS),
    setTimeout(
      () => inForce.reject(last ?? new Error("the kernel's rules took too long")),
      BUSY_RULES_WAIT_MS,
    ),
  ];
  await inForce.promise.finally(() => {
    for (const timer of timers) clearTimeout(timer);
  });
}

function nodeFacts({ plan }: LabConfig, name: string): NodeFacts {
  const node = plan.nodePlans.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name} in the plan of cluster ${plan.name}`);
  const byFamily = (ranges: readonly string[]) =>
    groupByFamily(ranges, (range) => familyOfText(range.split("/")[0] as string) ?? "IPv4");
  return {
    nodeName: name,
    zone: zoneOf(plan, node),
    families: plan.families,
    addresses: eachFamily(plan.families, (family) => [node.addresses[family] as string]),
    podRanges: byFamily(plan.podRanges),
    podLinks: POD_LINKS,
    serviceRanges: byFamily(plan.serviceRanges),
  };
}
