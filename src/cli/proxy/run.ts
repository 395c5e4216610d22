/** Runs the kernel part on a node of any cluster. */
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { Informer, KubeClient, loadKubeconfig } from "../../client/index.ts";
import { UserError } from "../../errors/user-error.ts";
import { createExec, type NodeFacts, removeTables, startNodeKernel } from "../../kernel/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Node, ServiceCIDR } from "../../objects/types.ts";
import { collectGarbage } from "../memory.ts";
import { connectTrafficModel, reportOnce } from "../wiring.ts";
import { factsOfNode, type KernelGaps } from "./facts.ts";
import type { ProxySettings } from "./flags.ts";

/** Takes away all that is Tandem's, and says what that was. */
export async function cleanUp(): Promise<void> {
  const removed = await removeTables(createExec());
  if (removed.length === 0) console.log("tandem proxy: nothing of Tandem's is there");
  else console.log(`tandem proxy: removed ${removed.map((ip) => `table ${ip} tandem`).join(" and ")}`);
}

/** Keeps the node's rules in step until the signal aborts; the rules stay. */
export async function runProxy(settings: ProxySettings, stopped: AbortSignal): Promise<void> {
  const config = await loadKubeconfig(settings.kubeconfig);
  const client = new KubeClient({ ...config, ...(settings.master && { server: settings.master }) });
  const end = new AbortController();
  const signal = AbortSignal.any([stopped, end.signal]);
  try {
    await serveNode(client, settings, signal);
  } catch (error) {
    if (!stopped.aborted) throw error;
  } finally {
    end.abort();
    client.close();
  }
}

async function serveNode(client: KubeClient, settings: ProxySettings, signal: AbortSignal): Promise<void> {
  const onError = reportOnce("tandem proxy: waiting for the API server");
  const name = settings.nodeName ?? hostname().toLowerCase();
  const nodes = new Informer<Node>(client, KINDS.Node, { fieldSelector: `metadata.name=${name}`, onError });
  await nodes.start(signal);
  const node = await nodeOf(nodes, name, signal);
  const ranges = await followServiceRanges(client, signal, onError);
  const source = await connectTrafficModel(client, signal, {
    onError,
    rulesOnly: true,
    familyReadiness: settings.familyReadiness,
  });
  collectGarbage();
  const gaps = kernelGaps();
  const first = factsOfNode(node, settings, gaps, ranges.list());
  requireFamily(first.facts, first.notes);
  const kernel = await startNodeKernel({
    source,
    facts: first.facts,
    signal,
    auditMs: settings.auditMs,
    hardFail: settings.hardFail,
    ...(settings.healthz && { healthz: settings.healthz }),
    ...(settings.metrics && { metrics: settings.metrics }),
    onError: reportOnce("tandem proxy"),
    onSync: ({ foreignRules }) => {
      if (foreignRules) console.error("tandem proxy: rules that somebody else had changed were put right");
    },
  });
  kernel.health.nodeEligible = isEligible(node);
  let known = first;
  const follow = () => {
    const now = nodes.get(name);
    if (now === undefined) return; // rules of a Node that is gone stay until the process ends
    kernel.health.nodeEligible = isEligible(now);
    const next = factsOfNode(now, settings, gaps, ranges.list());
    if (isDeepStrictEqual(next, known)) return;
    const news = next.notes.filter((note) => !known.notes.includes(note));
    for (const note of news) console.error(`tandem proxy: ${note}`);
    known = next;
    kernel.setFacts(next.facts);
  };
  nodes.onChange(follow);
  ranges.onChange(follow);
  await kernel.started;
  collectGarbage();
  setTimeout(collectGarbage, 2000).unref(); // what the first pass found was young yet
  announce(first.facts, first.notes, kernel.addresses);
  await kernel.ended;
}

function announce(
  facts: NodeFacts,
  notes: readonly string[],
  addresses: { healthz: readonly object[]; metrics: readonly object[] },
): void {
  const shown = (list: readonly object[]) =>
    (list as readonly { host: string; port: number }[])
      .map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`))
      .join(" and ") || "nowhere";
  for (const note of notes) console.error(`tandem proxy: ${note}`);
  console.log(
    `tandem proxy: rules of ${facts.nodeName} are in force for ${facts.families.join(" and ")}; ` +
      `health on ${shown(addresses.healthz)}, metrics on ${shown(addresses.metrics)}`,
  );
}

/** Waits for the Node: a proxy may well start before the kubelet has registered it. */
function nodeOf(nodes: Informer<Node>, name: string, signal: AbortSignal): Promise<Node> {
  const there = nodes.get(name);
  if (there !== undefined) return Promise.resolve(there);
  console.error(`tandem proxy: waiting for Node ${name} (--node-name says which one this node is)`);
  return new Promise((resolve, reject) => {
    const stop = nodes.onChange(({ type, object }) => {
      if (type === "deleted") return;
      stop();
      resolve(object);
    });
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/** Clusters before 1.33, and lesser users, have no ServiceCIDRs to read: then no address is dropped as unassigned. */
async function followServiceRanges(
  client: KubeClient,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<{ list(): string[]; onChange(listener: () => void): void }> {
  const ranges = new Informer<ServiceCIDR>(client, KINDS.ServiceCIDR, { onError });
  try {
    await client.list(KINDS.ServiceCIDR, { limit: 1 });
  } catch (error) {
    if (error instanceof ApiError && (error.code === 404 || error.code === 403)) {
      return { list: () => [], onChange: () => {} };
    }
    onError(error); // the server is away: it will be back
  }
  await ranges.start(signal);
  return {
    list: () => ranges.list().flatMap(({ metadata, spec }) => (metadata.deletionTimestamp ? [] : spec.cidrs)),
    onChange: (listener) => void ranges.onChange(listener),
  };
}

/** Not about to go: neither deleted nor tainted by the cluster autoscaler (kube-proxy's SyncNode). */
function isEligible({ metadata, spec }: Node): boolean {
  return (
    !metadata.deletionTimestamp && !spec.taints?.some(({ key }) => key === "ToBeDeletedByClusterAutoscaler")
  );
}

function requireFamily(facts: NodeFacts, notes: readonly string[]): void {
  if (facts.families.length > 0) return;
  throw new UserError({
    what: "cannot run the proxy",
    where: `Node ${facts.nodeName}, status.addresses`,
    why: notes.join("; "),
    next: "start the kubelet with --node-ip, or give the node's address by --bind-address",
  });
}

/** Looks whether this network namespace has IPv6 at all. */
function kernelGaps(): KernelGaps {
  if (!existsSync("/proc/net/if_inet6")) return { IPv6: "this kernel has no IPv6 (/proc/net/if_inet6)" };
  try {
    const off = readFileSync("/proc/sys/net/ipv6/conf/all/disable_ipv6", "utf8").trim() === "1";
    return off ? { IPv6: "it is switched off (sysctl net.ipv6.conf.all.disable_ipv6=1)" } : {};
  } catch {
    return {};
  }
}
