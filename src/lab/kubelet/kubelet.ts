import { setTimeout as sleep } from "node:timers/promises";
import { Informer, type KubeClient } from "../../client/index.ts";
import type { Cidr } from "../../ip/cidr.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { ConfigMap, Pod, Secret, Service } from "../../objects/types.ts";
import type { LabCgroups } from "../host/cgroups.ts";
import { findProgram, SYSTEM_PATH } from "../host/preconditions.ts";
import { LAB_TOOLS, type LabImages } from "../images/registry.ts";
import type { ClusterPlan, NodePlan } from "../plan.ts";
import { PodAddressPool } from "./addresses.ts";
import { NodeCgroups } from "./cgroup.ts";
import { ConfigWatches } from "./config-watches.ts";
import type { KubeletContext } from "./context.ts";
import { EventRecorder } from "./events.ts";
import { HostPorts, portsTaken } from "./host-ports.ts";
import { NodeRoot } from "./node-root.ts";
import { PodWorker } from "./pod-worker.ts";
import { forbiddenSysctl } from "./sysctls.ts";
import { requestToken } from "./token.ts";

/** Where images that are programs of the host are looked for; pods have the same on their PATH. */
const HOST_PATH = `${SYSTEM_PATH}:${LAB_TOOLS}`;

const PORTS_TAKEN = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";

/** What the kubelet of one node needs. */
export interface KubeletOptions {
  readonly client: KubeClient;
  readonly plan: ClusterPlan;
  readonly node: NodePlan;
  /** The node's pod ranges. */
  readonly podRanges: readonly Cidr[];
  readonly podLogs: string;
  readonly cgroups: LabCgroups;
  readonly images: Omit<LabImages, "isHostProgram">;
  /** Sysctls that pods may set beside the safe ones: names, or patterns that end in `*`. */
  readonly allowedUnsafeSysctls: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Runs the pods that are bound to a node. Pods do not outlive the agent: one that starts again finds its pods bound and
 * makes them anew, with new addresses and counts.
 */
export class Kubelet {
  readonly #workers = new Map<string, PodWorker>();
  readonly #context: KubeletContext;
  readonly #options: KubeletOptions;

  constructor(options: KubeletOptions) {
    const { client, plan, node, podLogs } = options;
    this.#options = options;
    this.#context = {
      client,
      plan,
      node,
      podLogs,
      pool: new PodAddressPool(options.podRanges),
      events: new EventRecorder(client, node.name),
      reader: {
        configMap: (namespace, name) => client.find<ConfigMap>(KINDS.ConfigMap, name, namespace),
        secret: (namespace, name) => client.find<Secret>(KINDS.Secret, name, namespace),
        services: async (namespace) => (await client.list<Service>(KINDS.Service, { namespace })).items,
        token: (pod, audience, seconds) => requestToken(client, pod, audience, seconds),
      },
      configWatches: new ConfigWatches(client),
      hostPorts: new HostPorts(node.addresses),
      root: new NodeRoot(node.name),
      cgroups: new NodeCgroups(options.cgroups, node.name),
      images: { ...options.images, isHostProgram: (name) => findProgram(name, HOST_PATH) !== undefined },
      retry: (write) => retry(write, options.signal),
    };
  }

  /** Watches the node's pods; resolves once those that are there already have begun. */
  async start(): Promise<void> {
    const { client, node, signal } = this.#options;
    const pods = new Informer<Pod>(client, KINDS.Pod, { fieldSelector: `spec.nodeName=${node.name}` });
    pods.onChange(({ type, object }) => (type === "deleted" ? this.#gone(object) : this.#seen(object)));
    await pods.start(signal);
  }

  /** The worker of a pod; undefined when it does not run here. */
  worker(namespace: string, name: string): PodWorker | undefined {
    return this.#workers.get(`${namespace}/${name}`);
  }

  /** Ends all pods at once: the node goes. */
  async stop(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.kill()));
  }

  #seen(pod: Pod): void {
    const key = objectKey(pod);
    const worker = this.#workers.get(key);
    if (worker !== undefined && worker.pod.metadata.uid !== pod.metadata.uid) {
      this.#gone(worker.pod); // another pod of the same name
    } else if (worker !== undefined) {
      worker.update(pod);
      this.#endIfAsked(pod, worker);
      return;
    }
    if (isFinished(pod)) {
      if (pod.metadata.deletionTimestamp) void this.#removeFinished(pod);
      return;
    }
    const taken = [...this.#workers.values()].find(
      (other) => !isFinished(other.pod) && portsTaken(pod, other.pod),
    );
    if (taken !== undefined) return void this.#reject(pod, "NodePorts", PORTS_TAKEN);
    const forbidden = forbiddenSysctl(pod, this.#options.allowedUnsafeSysctls);
    if (forbidden !== undefined) return void this.#reject(pod, "SysctlForbidden", forbidden);
    const created = new PodWorker(this.#context, pod);
    this.#workers.set(key, created);
    if (!pod.metadata.deletionTimestamp) created.start();
    this.#endIfAsked(pod, created);
  }

  #endIfAsked(pod: Pod, worker: PodWorker): void {
    if (!pod.metadata.deletionTimestamp) return;
    const grace = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    void worker.terminate(grace);
  }

  /** A pod that this node does not let in, as one that was bound past the scheduler (pkg/kubelet, rejectPod). */
  async #reject(pod: Pod, reason: string, message: string): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const { client, retry, events } = this.#context;
    events.record({
      object: { kind: "Pod", apiVersion: "v1", name, namespace, uid } as never,
      type: "Warning",
      reason,
      message,
    });
    const status = { phase: "Failed", reason, message: `Pod was rejected: ${message}` };
    const patch = { metadata: { uid }, status };
    const options = { type: "strategic", subresource: "status", fieldManager: "kubelet" } as const;
    await retry(() => client.patch(KINDS.Pod, name, namespace, patch, options));
  }

  #gone(pod: Pod): void {
    const key = objectKey(pod);
    const worker = this.#workers.get(key);
    if (worker === undefined || worker.pod.metadata.uid !== pod.metadata.uid) return;
    this.#workers.delete(key);
    void worker.kill();
  }

  /** A pod that had finished before this agent started: nothing runs, so its object can go. */
  async #removeFinished(pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const options = { gracePeriodSeconds: 0, ...(uid ? { uid } : {}) };
    await this.#context.retry(() => this.#context.client.delete(KINDS.Pod, name, namespace, options));
  }
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

const RETRY_MS = 200;

async function retry(write: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await write();
      return;
    } catch (error) {
      if (error instanceof ApiError && error.code < 500) return;
    }
    await sleep(RETRY_MS);
  }
}
