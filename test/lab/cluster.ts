/** A real cluster for tests: brought up once a file, taken down at its end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ExecResult, execToText, KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import type { Family, PerFamily } from "../../src/ip/family.ts";
import { bringUp, type BringUpOptions, type RunningCluster } from "../../src/lab/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Container, KubeEvent, Pod, PodSpec } from "../../src/objects/types.ts";

const SERVICE_RANGES: Record<Family, string> = { IPv4: "10.96.0.0/16", IPv6: "fd00:10:96::/112" };
const POD_RANGES: Record<Family, string> = { IPv4: "10.244.0.0/16", IPv6: "fd00:10:244::/56" };

/** The shape of a test cluster. */
export function shapeOf(name: string, families: readonly Family[], nodes: number) {
  const ranges = (of: Record<Family, string>) => families.map((family) => parseCidr(of[family])!);
  return {
    name,
    families,
    nodes,
    serviceRanges: ranges(SERVICE_RANGES),
    podRanges: ranges(POD_RANGES),
    port: 0,
  };
}

/** Points TANDEM_HOME to a folder of the test's own; the returned function removes it. */
export function temporaryHome(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "tandem-lab-"));
  process.env["TANDEM_HOME"] = path;
  return {
    path,
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
}

/** A running cluster and what tests do with it. */
export class TestCluster {
  readonly cluster: RunningCluster;
  readonly client: KubeClient;

  private constructor(cluster: RunningCluster, client: KubeClient) {
    this.cluster = cluster;
    this.client = client;
  }

  static async start(
    name: string,
    families: readonly Family[],
    nodes = 1,
    more: Partial<BringUpOptions> = {},
  ): Promise<TestCluster> {
    const cluster = await bringUp({ ...shapeOf(name, families, nodes), once: true, ...more });
    return new TestCluster(cluster, new KubeClient(await loadKubeconfig(cluster.kubeconfig)));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.cluster.stop();
  }

  create(
    name: string,
    container: Partial<Container>,
    spec: Partial<PodSpec> = {},
    annotations = {},
  ): Promise<Pod> {
    const main = { name: "main", image: "busybox", ...container };
    return this.client.create<Pod>(KINDS.Pod, {
      metadata: { name, namespace: "default", annotations, labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 1, containers: [main], ...spec },
    });
  }

  pod(name: string): Promise<Pod> {
    return this.client.get<Pod>(KINDS.Pod, name, "default");
  }

  /** Waits until the pod is as asked; the last state is in the error otherwise. */
  async until(name: string, what: string, holds: (pod: Pod) => boolean): Promise<Pod> {
    let pod = await this.pod(name);
    for (let attempt = 0; attempt < 12_000; attempt++) {
      if (holds(pod)) return pod;
      await new Promise((resolve) => setTimeout(resolve, 25));
      pod = await this.pod(name);
    }
    throw new Error(`pod ${name} did not become ${what}: ${JSON.stringify(pod.status, null, 1)}`);
  }

  ready(name: string): Promise<Pod> {
    return this.until(name, "ready", isReady);
  }

  async gone(name: string): Promise<void> {
    for (let attempt = 0; attempt < 12_000; attempt++) {
      const pods = await this.client.list<Pod>(KINDS.Pod, { namespace: "default" });
      if (!pods.items.some((pod) => pod.metadata.name === name)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`pod ${name} did not go`);
  }

  /** Waits for an event about a pod with this reason; resolves with its message. */
  async event(name: string, reason: string): Promise<string> {
    for (let attempt = 0; attempt < 12_000; attempt++) {
      const events = await this.client.list<KubeEvent>(KINDS.Event, { namespace: "default" });
      const found = events.items.find(
        (event) => event.involvedObject.name === name && event.reason === reason,
      );
      if (found !== undefined) return found.message ?? "";
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`no event ${reason} of pod ${name}`);
  }

  exec(pod: string, command: string[], input?: string, tty = false): Promise<ExecResult> {
    const stdin = input === undefined ? {} : { input: [input] };
    return execToText(this.client, { namespace: "default", pod, command, tty, ...stdin });
  }
}

/** Whether the pod's condition Ready is true. */
export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** The addresses of a pod by family. */
export type FamilyIps = PerFamily<string>;

/** The addresses of a pod by family, from its status. */
export function ipsOf(pod: Pod): FamilyIps {
  const ips = pod.status?.podIPs ?? [];
  return Object.fromEntries(ips.map(({ ip }) => [ip.includes(":") ? "IPv6" : "IPv4", ip])) as FamilyIps;
}
