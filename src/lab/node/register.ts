import { readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Informer, KubeClient } from "../../client/index.ts";
import { conditionOf } from "../../objects/conditions.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Condition, Lease, Node } from "../../objects/types.ts";
import { formatMicroTime, formatTime } from "../../objects/time.ts";
import { builtinImages } from "../images/registry.ts";
import { nodeResources } from "../kubelet/resources.ts";
import type { ClusterPlan, NodePlan } from "../plan.ts";

const VERSION = "v1.35.4";
const MAX_PODS = 250;
const READY_RETRY_MS = 1_000;
const GO_ARCH: Record<string, string> = { x64: "amd64", arm64: "arm64" };

/** Creates the Node object, or brings the one of an earlier run up to date. Not ready yet: that waits for pod ranges. */
export async function registerNode(client: KubeClient, plan: ClusterPlan, node: NodePlan): Promise<Node> {
  const object = nodeObject(plan, node);
  try {
    return await client.create<Node>(KINDS.Node, object, { fieldManager: "kubelet" });
  } catch (error) {
    if (!(error instanceof ApiError && error.status.reason === "AlreadyExists")) throw error;
    // merged by type, the two InternalIPs of both families would become one
    const addresses = [{ $patch: "replace" }, ...(object.status?.addresses ?? [])];
    await patchNodeStatus(client, node.name, { ...object.status, addresses });
    return client.get<Node>(KINDS.Node, node.name);
  }
}

/**
 * Says so again whenever the node controller took the node for gone, because its agent stood still or had no way to
 * the control plane. The lease comes first, as the controller judges by it.
 */
export function stayReady(
  client: KubeClient,
  node: NodePlan,
  nodes: Informer<Node>,
  signal: AbortSignal,
): void {
  const stop = nodes.onChange(({ type, object }) => {
    if (type === "deleted" || object.metadata.name !== node.name || signal.aborted) return;
    const ready = conditionOf(object.status?.conditions, "Ready");
    if (ready?.status !== "Unknown") return;
    void sayReady(client, node, signal);
  });
  signal.addEventListener("abort", stop, { once: true });
}

async function sayReady(client: KubeClient, node: NodePlan, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await renewLease(client, node);
      await markReady(client, node);
      return;
    } catch {
      await sleep(READY_RETRY_MS); // no way to the control plane yet
    }
  }
}

/** Says that the node takes pods from now on. */
export async function markReady(client: KubeClient, node: NodePlan): Promise<void> {
  await patchNodeStatus(client, node.name, { conditions: conditions(true) });
}

async function patchNodeStatus(client: KubeClient, name: string, status: object): Promise<void> {
  const options = { type: "strategic", subresource: "status", fieldManager: "kubelet" } as const;
  await client.patch(KINDS.Node, name, undefined, { status }, options);
}

function nodeObject(plan: ClusterPlan, node: NodePlan): Node {
  const architecture = GO_ARCH[arch()] ?? arch();
  const resources = { ...nodeResources(), pods: String(MAX_PODS) };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: node.name,
      labels: {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "topology.kubernetes.io/zone": zoneOf(plan, node),
        "topology.kubernetes.io/region": "lab",
      },
    },
    spec: { providerID: `tandem://${plan.name}/${node.name}` },
    status: {
      addresses: [
        ...plan.families.map((family) => ({
          type: "InternalIP" as const,
          address: node.addresses[family] as string,
        })),
        { type: "Hostname", address: node.name },
      ],
      capacity: resources,
      allocatable: resources,
      conditions: conditions(false),
      daemonEndpoints: { kubeletEndpoint: { Port: plan.kubeletPort } },
      nodeInfo: nodeInfo(architecture),
      // the programs that are built in; the host's own can be named as images besides
      images: builtinImages().map((name) => ({ names: [name], sizeBytes: 0 })),
    },
  };
}

/** Two zones, in turn, so that topology has something to tell apart. */
export function zoneOf(plan: ClusterPlan, node: NodePlan): string {
  const index = plan.nodePlans.findIndex(({ name }) => name === node.name);
  return `zone-${index % 2 === 0 ? "a" : "b"}`;
}

function nodeInfo(architecture: string): Record<string, string> {
  return {
    architecture,
    bootID: readText("/proc/sys/kernel/random/boot_id"),
    containerRuntimeVersion: "tandem://0.1.0",
    kernelVersion: release(),
    kubeProxyVersion: "",
    kubeletVersion: VERSION,
    machineID: readText("/etc/machine-id"),
    operatingSystem: "linux",
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(readText("/etc/os-release"))?.[1] ?? "Linux",
    systemUUID: "",
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function conditions(ready: boolean): Condition[] {
  const now = formatTime(new Date());
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const good = (type: string, reason: string, message: string): Condition => ({
    type,
    status: "False",
    reason,
    message,
    ...times,
  });
  return [
    good("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    good("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    good("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ready
      ? {
          type: "Ready",
          status: "True",
          reason: "KubeletReady",
          message: "kubelet is posting ready status",
          ...times,
        }
      : good("Ready", "KubeletNotReady", "waiting for the node's pod ranges (spec.podCIDRs)"),
  ];
}

const LEASE_NAMESPACE = "kube-node-lease";
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;

/** Renews the node's lease every 10 s until the signal aborts; a renewal that fails is tried at the next turn. */
export function keepLease(client: KubeClient, node: NodePlan, signal: AbortSignal): void {
  const renew = (): void => void renewLease(client, node).catch(() => {});
  const timer = setInterval(renew, RENEW_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  renew();
}

async function renewLease(client: KubeClient, node: NodePlan): Promise<void> {
  const renewTime = formatMicroTime(new Date());
  const spec = { holderIdentity: node.name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
  const options = { type: "merge", fieldManager: "kubelet" } as const;
  try {
    await client.patch<Lease>(KINDS.Lease, node.name, LEASE_NAMESPACE, { spec }, options);
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 404)) throw error;
    const lease = { metadata: { name: node.name, namespace: LEASE_NAMESPACE }, spec };
    await client.create<Lease>(KINDS.Lease, lease, { fieldManager: "kubelet" });
  }
}
