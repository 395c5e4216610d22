/** `tandem balancer --provider=aws` as a process, with the real SDK, between a cluster of tests and a fake AWS over HTTP. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KINDS } from "../../src/objects/kinds.ts";
import type { AnyObject, KubeEvent, Node, Service } from "../../src/objects/types.ts";
import { eventually, firstLineOf, itemsOf, startCluster, type TestCluster } from "../controllers/cluster.ts";
import { type FakeAws, usualAws } from "./fake-aws/fake.ts";
import { type FakeAwsServer, serveFakeAws } from "./fake-aws/http/server.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");
/** The prefix of AWS's annotations. */
export const PREFIX = "service.beta.kubernetes.io/aws-load-balancer";

/** What a run of the command said. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A cluster with two nodes, a fake AWS in which time flies, and the command. */
export class CommandWorld {
  readonly cluster: TestCluster;
  readonly aws: FakeAws & { readonly nodeGroup: string };
  /** Those of the command that say where AWS and the cluster are. */
  readonly flags: readonly string[];
  readonly #endpoint: FakeAwsServer;
  readonly #folder = mkdtempSync(join(tmpdir(), "tandem-balancer-"));
  readonly #env = { ...process.env, AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "secret" };
  readonly #passing: NodeJS.Timeout;
  readonly #children: ChildProcess[] = [];

  constructor(cluster: TestCluster, aws: CommandWorld["aws"], endpoint: FakeAwsServer) {
    this.cluster = cluster;
    this.aws = aws;
    this.#endpoint = endpoint;
    this.#passing = setInterval(() => aws.clock.advance(5_000), 20); // AWS takes minutes over what is seconds here
    const place = ["--region=eu-west-1", "--vpc-id=vpc-1", "--cluster-name=test"];
    const where = [`--aws-endpoint=${endpoint.url}`, `--kubeconfig=${cluster.server.kubeconfigPath}`];
    this.flags = ["--provider=aws", ...place, ...where];
  }

  static async start(): Promise<CommandWorld> {
    const aws = usualAws();
    const world = new CommandWorld(await startCluster(), aws, await serveFakeAws(aws));
    for (const [index, id] of ["i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"].entries()) {
      const lastTransitionTime = "2026-01-01T00:00:00Z";
      await world.cluster.client.create<Node>(KINDS.Node, {
        metadata: { name: `node-${index}` },
        spec: { providerID: `aws:///eu-west-1a/${id}` },
        status: {
          addresses: [{ type: "InternalIP", address: `10.0.${index}.10` }],
          conditions: [{ type: "Ready", status: "True", lastTransitionTime }],
        },
      });
    }
    return world;
  }

  async close(): Promise<void> {
    clearInterval(this.#passing);
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
    await this.#endpoint.close();
    await this.cluster.close();
  }

  run(...args: string[]): Promise<CommandResult> {
    return new Promise((resolve) => {
      execFile(TANDEM, ["balancer", ...args], { env: this.#env }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
    });
  }

  /** Starts the balancer; gives a way to end it in order. */
  async serve(...more: string[]): Promise<() => Promise<void>> {
    const args = ["balancer", ...this.flags, ...more];
    const child = spawn(TANDEM, args, { env: this.#env, stdio: ["ignore", "pipe", "inherit"] });
    this.#children.push(child);
    assert.match(await firstLineOf(child), /^tandem balancer: serving Services of .* by provider aws$/);
    return async () => {
      child.kill("SIGTERM");
      const [code] = (await once(child, "exit")) as [number | null];
      assert.equal(code, 0);
    };
  }

  /** Writes objects to a file, and gives its path. */
  fileOf(...objects: AnyObject[]): string {
    const file = join(this.#folder, "objects.json");
    writeFileSync(file, objects.map((it) => JSON.stringify(it)).join("\n---\n"));
    return file;
  }

  create(service: Service): Promise<Service> {
    return this.cluster.client.create<Service>(KINDS.Service, service);
  }

  get(name = "web"): Promise<Service | undefined> {
    return this.cluster.client.get<Service>(KINDS.Service, name, "default").catch(() => undefined);
  }

  patch(name: string, patch: object): Promise<unknown> {
    return this.cluster.client.patch(KINDS.Service, name, "default", patch, { type: "merge" });
  }

  /** Resolves once the Service's status says a load balancer. */
  async served(name = "web"): Promise<Service> {
    const service = await eventually(
      () => this.get(name),
      (it) => it?.status?.loadBalancer?.ingress !== undefined,
    );
    return service ?? assert.fail();
  }

  async events(name = "web"): Promise<KubeEvent[]> {
    const events = await itemsOf<KubeEvent>(this.cluster.client, KINDS.Event, "default");
    return events.filter(({ involvedObject }) => involvedObject.name === name);
  }

  /** Deletes the Service and waits until it is gone. */
  async delete(name = "web"): Promise<void> {
    await this.cluster.client.delete(KINDS.Service, name, "default");
    await eventually(
      () => this.get(name),
      (service) => service === undefined,
    );
  }
}

/** A Service of the cluster with annotations, one port, and IPv4 alone. */
export function manifest(annotations: Record<string, string>, more: Partial<Service["spec"]> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", annotations },
    spec: {
      type: "LoadBalancer",
      ipFamilyPolicy: "SingleStack",
      ipFamilies: ["IPv4"],
      selector: { app: "web" },
      ports: [{ name: "http", port: 80, nodePort: 30080, protocol: "TCP" }],
      ...more,
    },
  };
}
