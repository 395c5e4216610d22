/** Pods in network namespaces with sidecars that are real Envoys, and the mesh that configures them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import {
  createMeshOutput,
  SIDECAR_PORTS,
  type SidecarChanges,
  STATS_LEFT_OUT,
} from "../../src/envoy/mesh/index.ts";
import { bootstrap } from "../../src/envoy/process/bootstrap.ts";
import { applyCapture, DEFAULT_CAPTURE } from "../../src/kernel/capture/index.ts";
import { createExec } from "../../src/kernel/index.ts";
import { createAuthority, issueCertificate, type KeyPair } from "../../src/pki/issue.ts";
import type { Sidecar } from "../../src/traffic/mesh/index.ts";
import { createNetwork, type Place, type TestNetwork } from "../kernel/network.ts";
import { emptyModels, objectsOf, take } from "../traffic/mesh/text.ts";
import { ENVOY } from "./ads-envoy.ts";
import type { Question } from "./mesh-app.ts";

const MARK = 1337;
/** Connections of what is drained are closed so soon. */
export const DRAIN_SECONDS = 1;

/** Everything, running. */
export interface MeshWorld {
  readonly network: TestNetwork;
  readonly ads: AdsServer;
  readonly refused: string[];
  /** What sidecars have written to their standard output: access logs. */
  logs(pod: Place): readonly string[];
  /** Takes objects in (or out), and waits until sidecars have taken what follows from it. */
  apply(text: string, type?: "added" | "updated" | "deleted"): Promise<void>;
  ask(from: Place, question: Omit<Question, "id">): Promise<string>;
  admin(pod: Place, path: string): Promise<string>;
  /** Gives all sidecars new certificates, good for so many days; below 0 they have ended. Default 1. */
  renew(days?: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts pods with a sidecar, and others without; an application in each. */
export async function startWorld(
  objects: string,
  pods: readonly Place[],
  others: readonly Place[],
): Promise<MeshWorld> {
  const network = await createNetwork();
  const folder = await mkdtemp(join(tmpdir(), "tandem-mesh-"));
  const path = join(folder, "xds.sock");
  const refused: string[] = [];
  const ads = await startAdsServer({ listen: [{ path }], authorize: ({ nodeId }) => nodeId });
  ads.onNack((nack) => refused.push(JSON.stringify(nack)));
  const { apply, renew } = startMesh(ads);
  await apply(objects);
  const envoys: ChildProcess[] = [];
  const logs = new Map<Place, string[]>();
  for (const pod of pods) {
    const envoy = await startSidecar(network, pod, path);
    envoys.push(envoy);
    logs.set(pod, linesOf(envoy));
  }
  const apps = new Map<Place, App>();
  for (const pod of [...pods, ...others]) apps.set(pod, await App.start(network.enter(pod), pod));
  const world: MeshWorld = {
    network,
    ads,
    refused,
    logs: (pod) => logs.get(pod) ?? [],
    apply,
    ask: (from, question) => (apps.get(from) as App).ask(question),
    admin: async (pod, page) => {
      const { stdout } = await network.exec([
        ...["ip", "netns", "exec", pod],
        "curl",
        "-sS",
        `http://127.0.0.1:${SIDECAR_PORTS.admin}${page}`,
      ]);
      return stdout;
    },
    renew,
    close: async () => {
      for (const app of apps.values()) app.close();
      for (const envoy of envoys) {
        envoy.kill("SIGKILL");
        if (envoy.exitCode === null && envoy.signalCode === null) await once(envoy, "exit");
      }
      await ads.close();
      await network.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await ready(world, pods);
  return world;
}

/** The mesh that configures sidecars: from objects to what the server has for them. */
function startMesh(ads: AdsServer): Pick<MeshWorld, "apply" | "renew"> {
  const models = emptyModels();
  const identities = new Identities();
  const output = createMeshOutput({ identity: (sidecar) => identities.of(sidecar), mark: MARK });
  const tell = ({ changed, renewed }: SidecarChanges) => {
    for (const [key, list] of changed) ads.set(key, list);
    for (const key of renewed) ads.replace(key, output.resources(key));
  };
  const applied = () => Promise.all([...models.mesh.sidecars.keys()].map((key) => ads.applied(key)));
  const frontends = new Set<string>();
  models.traffic.onChange((keys) => {
    for (const key of keys) frontends.add(key);
  });
  return {
    apply: async (text, type = "added") => {
      for (const object of objectsOf(text)) take(models, object, type);
      const changes = models.mesh.flush();
      for (const sidecar of changes.sidecars.values()) if (sidecar) await identities.make(sidecar);
      tell(output.update(models.mesh, changes, (key) => models.traffic.get(key)));
      tell(output.endpointsChanged(frontends));
      frontends.clear();
      await applied();
    },
    renew: async (days) => {
      await identities.renew(days);
      tell(output.identitiesChanged([...models.mesh.sidecars.keys()]));
      await applied();
    },
  };
}

function linesOf(program: ChildProcess): string[] {
  const lines: string[] = [];
  createInterface({ input: program.stdout as NodeJS.ReadableStream }).on("line", (line) => lines.push(line));
  return lines;
}

/** All listeners there, and capture in force. */
async function ready(world: MeshWorld, pods: readonly Place[]): Promise<void> {
  for (const pod of pods) {
    for (let tries = 0; ; tries++) {
      const text = await world.admin(pod, "/listeners").catch(() => "");
      if (text.includes("virtualInbound")) break;
      if (tries > 1200)
        throw new Error(`the sidecar of ${pod} has no listeners: ${world.refused.join("\n")}`);
      await sleep(50);
    }
    const run = createExec();
    const enter = world.network.enter(pod);
    const inPod: typeof run = (argv, input, signal) => run([...enter, ...argv], input, signal);
    await applyCapture({ ...DEFAULT_CAPTURE, guards: { users: [], groups: [], mark: MARK } }, inPod);
  }
}

async function startSidecar(network: TestNetwork, pod: Place, path: string): Promise<ChildProcess> {
  const { admin, stats, ready: health } = SIDECAR_PORTS;
  const config = bootstrap({
    node: {
      id: `default/${pod}`,
      cluster: "sidecar",
      metadata: { identity: `spiffe://cluster.local/ns/default/sa/${pod}`, workload: `default/${pod}` },
    },
    families: ["IPv4", "IPv6"],
    xds: { path },
    ports: { admin, stats, ready: health },
    mark: MARK,
    statsLeftOut: STATS_LEFT_OUT,
  });
  const [program = "", ...args] = [
    ...network.enter(pod),
    ENVOY ?? "envoy",
    "--config-yaml",
    JSON.stringify(config),
  ];
  const flags = [
    "--concurrency",
    "1",
    "--use-dynamic-base-id",
    "--file-flush-interval-msec",
    "100",
    "--drain-time-s",
    String(DRAIN_SECONDS),
    "--component-log-level",
    "misc:error",
    "--log-level",
    process.env["MESH_LOG"] ?? "warn",
  ];
  return spawn(program, [...args, ...flags], {
    stdio: ["ignore", "pipe", process.env["MESH_LOG"] ? "inherit" : "ignore"],
    env: { ...process.env, OTEL_RESOURCE_ATTRIBUTES: `service.name=${pod}` },
  });
}

class Identities {
  #authority: KeyPair | undefined;
  readonly #known = new Map<string, { certificate: string; privateKey: string; authorities: string }>();

  of({ identity }: Sidecar) {
    return this.#known.get(identity);
  }

  async make({ identity }: Sidecar): Promise<void> {
    if (!this.#known.has(identity)) await this.#issue(identity);
  }

  async renew(days = 1): Promise<void> {
    for (const identity of [...this.#known.keys()]) await this.#issue(identity, days);
  }

  async #issue(identity: string, days = 1): Promise<void> {
    this.#authority ??= await createAuthority("mesh");
    const pair = await issueCertificate(this.#authority, {
      commonName: "workload",
      subjectAltNames: [`URI:${identity}`],
      usages: ["serverAuth", "clientAuth"],
      days,
    });
    const authorities = this.#authority.certificate;
    this.#known.set(identity, { certificate: pair.certificate, privateKey: pair.key, authorities });
  }
}

class App {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: string) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(enter: readonly string[], name: string): Promise<App> {
    const [program = "", ...args] = [
      ...enter,
      process.execPath,
      join(import.meta.dirname, "mesh-app.ts"),
      name,
      "0.0.0.0",
      "::",
    ];
    const app = new App(spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] }));
    const started = new Promise<string>((resolve) => app.#waiting.set(0, resolve));
    createInterface({ input: app.#child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const { id, answer } = JSON.parse(line) as { id: number; answer: string };
      app.#waiting.get(id)?.(answer);
      app.#waiting.delete(id);
    });
    await started;
    return app;
  }

  ask(question: Omit<Question, "id">): Promise<string> {
    const id = ++this.#lastId;
    const answered = new Promise<string>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin?.write(`${JSON.stringify({ id, ...question })}\n`);
    return answered;
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
