import { existsSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Informer, KubeClient } from "../../client/index.ts";
import { formatCidr, parseCidr } from "../../ip/cidr.ts";
import { ApiError } from "../../objects/status.ts";
import type { Node } from "../../objects/types.ts";
import { type LabConfig, statePaths } from "../config.ts";
import { enableForwarding, nodeLinkCommands } from "../init/fabric.ts";
import { hostPortScript } from "../kubelet/host-ports.ts";
import { Kubelet } from "../kubelet/kubelet.ts";
import { startKubeletServer } from "../kubelet/server/index.ts";
import type { NodePlan } from "../plan.ts";
import { ipBatch, run } from "../run.ts";
import { issueKubeletCertificate } from "./certificate.ts";
import { API_POLL_MS } from "./connect.ts";
import { keepLease, markReady, registerNode, stayReady } from "./register.ts";
import { followNodeRoutes } from "./routes.ts";

/** A running node: its client and its name, for the other parts that run in its process. */
export interface NodeAgent {
  readonly client: KubeClient;
  readonly node: NodePlan;
  /** Ends all pods of the node. */
  stop(): Promise<void>;
}

/**
 * Sets up the links and forwarding of the node whose network namespace this process is in. Links to pods of an earlier
 * agent are removed: those pods ended with it.
 */
export async function setUpNodeNetwork(config: LabConfig, name: string): Promise<void> {
  enableForwarding();
  skipAddressDetection("eth0");
  const stale = Object.keys(networkInterfaces()).filter((link) => /^pod\d+$/.test(link));
  if (stale.length > 0)
    await run(["ip", "-force", "-batch", "-"], stale.map((link) => `link del ${link}\n`).join("")).catch(
      () => {},
    );
  // those links led to pods that had host ports
  if (stale.length > 0) await run(["nft", "-f", "-"], hostPortScript([]));
  await ipBatch(nodeLinkCommands(config.plan, name));
}

/**
 * A link that was there before its namespace's defaults were set keeps the old ones. While its link-local address is
 * tentative, for up to 2 s, the kernel asks for no neighbour on behalf of forwarded packets (ndisc_send_ns).
 */
function skipAddressDetection(link: string): void {
  const file = `/proc/sys/net/ipv6/conf/${link}/accept_dad`;
  if (existsSync(file)) writeFileSync(file, "0");
}

/**
 * Registers the node, waits for its pod ranges, starts its kubelet, and says that it is ready. The kernel part is
 * the caller's to start.
 */
export async function startNodeAgent(
  config: LabConfig,
  name: string,
  client: KubeClient,
  signal: AbortSignal,
): Promise<NodeAgent> {
  const { plan } = config;
  const node = plan.nodePlans.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name} in the plan of cluster ${plan.name}`);
  const certificate = issueKubeletCertificate(config.dataDir, node);
  certificate.catch(() => {}); // awaited below
  await untilServed(() => registerNode(client, plan, node), signal);
  keepLease(client, node, signal);
  const nodes = await followNodeRoutes(client, name, signal);
  const podRanges = (await podRangesOf(nodes, name, signal))
    .map(parseCidr)
    .filter((range) => range !== undefined);
  // its pods have routes of their own; for the rest of its ranges the node is the end of the way, not the fabric again
  await ipBatch(podRanges.map((range) => `route replace unreachable ${formatCidr(range)}`));
  const kubelet = new Kubelet({
    client,
    plan,
    node,
    podRanges,
    podLogs: statePaths(config.stateDir).podLogs,
    cgroups: config.cgroups,
    allowedUnsafeSysctls: config.allowedUnsafeSysctls ?? [],
    images: { mappings: config.images, envoy: config.envoy !== undefined },
    signal,
  });
  const files = await certificate;
  const addresses = plan.families.map((family) => node.addresses[family] as string);
  const close = await startKubeletServer({ kubelet, addresses, port: plan.kubeletPort, ...files });
  signal.addEventListener("abort", close, { once: true });
  await Promise.all([kubelet.start(), untilServed(() => markReady(client, node), signal)]);
  stayReady(client, node, nodes, signal);
  return { client, node, stop: () => kubelet.stop() };
}

/** Waits until the node controller has given the node its pod ranges. */
function podRangesOf(nodes: Informer<Node>, name: string, signal: AbortSignal): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const look = (): boolean => {
      const ranges = nodes.get(name)?.spec.podCIDRs ?? [];
      if (ranges.length === 0) return false;
      resolve(ranges);
      return true;
    };
    if (look()) return;
    const stop = nodes.onChange(() => {
      if (look()) stop();
    });
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/** Tries again while the server is not there; what it refuses is thrown. */
async function untilServed<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (error instanceof ApiError && error.code < 500) throw error;
      signal.throwIfAborted();
      await sleep(API_POLL_MS);
    }
  }
}
