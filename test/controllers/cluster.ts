import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as turn } from "node:timers/promises";
import { inspect } from "node:util";
import { type ApiServer, startApiServer } from "../../src/apiserver/index.ts";
import { Informer, KubeClient } from "../../src/client/index.ts";
import { type ControllerOptions, startControllers } from "../../src/controllers/index.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import { ApiError } from "../../src/objects/status.ts";
import type { AnyObject, Node, Pod } from "../../src/objects/types.ts";

/** The Service range of IPv4. */
export const V4 = "10.96.0.0/16";
/** The Service range of IPv6. */
export const V6 = "fd00:10:96::/112";

/** The embedded API server with all controllers, and what tests do with it. */
export interface TestCluster {
  readonly server: ApiServer;
  readonly client: KubeClient;
  /** What the controllers complained about. */
  readonly log: string[];
  /** Ends the controllers; starts them anew. */
  stopControllers(): Promise<void>;
  startControllers(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a cluster in memory, without nodes. */
export async function startCluster(
  ranges: readonly string[] = [V4, V6],
  options: ControllerOptions = {},
): Promise<TestCluster> {
  const dataDir = mkdtempSync(join(tmpdir(), "tandem-controllers-"));
  const serviceClusterIPRanges = ranges.map((range) => parseCidr(range)!);
  const listeners = [{ host: "127.0.0.1", port: 0 }];
  const server = await startApiServer({ dataDir, storage: "memory", serviceClusterIPRanges, listeners });
  const client = new KubeClient({ server: server.urls[0]!, token: server.token, ca: server.ca });
  const log: string[] = [];
  let abort = new AbortController();
  let running = await startControllers(client, { ...options, log: (line) => log.push(line) }, abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await running.stopped;
  };
  const start = async (): Promise<void> => {
    abort = new AbortController();
    running = await startControllers(client, { ...options, log: (line) => log.push(line) }, abort.signal);
  };
  const close = async (): Promise<void> => {
    await stop();
    client.close();
    await server.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { server, client, log, stopControllers: stop, startControllers: start, close };
}

/**
 * Nodes that have the pods on them run at once and end at once; pods with the annotation `test/unready` stay
 * unready.
 */
export class FakeNodes {
  readonly #client: KubeClient;
  readonly #pods: Informer<Pod>;
  readonly #abort = new AbortController();
  #addresses = 10;

  constructor(client: KubeClient) {
    this.#client = client;
    this.#pods = new Informer<Pod>(client, KINDS.Pod);
  }

  async start(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.add(name);
    this.#pods.onChange(({ type, object }) => {
      if (type !== "deleted" && object.spec.nodeName?.startsWith("node-")) void this.#follow(object);
    });
    await this.#pods.start(this.#abort.signal);
  }

  async add(name: string): Promise<void> {
    const heartbeat = `${new Date().toISOString().slice(0, 19)}Z`;
    await this.#client.create<Node>(KINDS.Node, {
      metadata: { name, labels: { "kubernetes.io/hostname": name } },
      status: {
        conditions: [
          { type: "Ready", status: "True", lastHeartbeatTime: heartbeat, lastTransitionTime: heartbeat },
        ],
      },
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#pods.stopped();
  }

  async #follow(pod: Pod): Promise<void> {
    const { name, namespace, deletionTimestamp, annotations } = pod.metadata;
    try {
      if (deletionTimestamp !== undefined)
        await this.#client.delete(KINDS.Pod, name, namespace, { gracePeriodSeconds: 0 });
      else if ((pod.status?.phase ?? "Pending") === "Pending") {
        const index = this.#addresses++;
        const podIPs = [{ ip: `10.244.0.${index % 250}` }, { ip: `fd00:10:244::${index.toString(16)}` }];
        const ready = annotations?.["test/unready"] === undefined ? "True" : "False";
        const conditions = [
          { type: "Ready", status: ready, lastTransitionTime: `${new Date().toISOString().slice(0, 19)}Z` },
        ];
        const status = { phase: "Running", podIP: podIPs[0]!.ip, podIPs, conditions };
        await this.#client.patch(
          KINDS.Pod,
          name,
          namespace,
          { status },
          { type: "merge", subresource: "status" },
        );
      }
    } catch (error) {
      // The pod went meanwhile, or the test is over.
      if (!(error instanceof ApiError) && !this.#abort.signal.aborted) throw error;
    }
  }
}

/** Milliseconds after which what never comes is told of, instead of waited for: far more than a busy machine needs. */
const PATIENCE = 300_000;

/** Asks again and again until the answer satisfies; fails with the last one where it never does. */
export async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    // a question that runs a command holds this process up: connections that the server closes meanwhile are let go of
    for (let turns = 0; turns < 3; turns++) await turn();
    if (holds(answer)) return answer;
    if (performance.now() > end) assert.fail(`not so after ${PATIENCE} ms: ${inspect(answer, { depth: 9 })}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The first line that a process says; fails where it ends without one. */
export async function firstLineOf(child: ChildProcess): Promise<string> {
  const said = once(createInterface(child.stdout as NodeJS.ReadableStream), "line");
  const ended = once(child, "exit").then(([code]) => assert.fail(`it ended with ${code} and said nothing`));
  const [line] = await Promise.race([said, ended]);
  return String(line);
}

/** Renews a Lease of kube-system for its holder, as if that were alive, until it is told to end. */
export function keepLease(client: KubeClient, name: string): () => Promise<void> {
  let over = false;
  const work = async (): Promise<void> => {
    while (!over) {
      const renewTime = new Date().toISOString().replace("Z", "000Z");
      await client.patch(KINDS.Lease, name, "kube-system", { spec: { renewTime } }, { type: "merge" });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
  const ended = work();
  ended.catch(() => {}); // told to whoever ends it
  return () => {
    over = true;
    return ended;
  };
}

/** The objects of a kind in a namespace. */
export async function itemsOf<T = AnyObject>(
  client: KubeClient,
  kind: Kind,
  namespace?: string,
  labelSelector?: string,
): Promise<T[]> {
  const { items } = await client.list<T>(kind, {
    ...(namespace ? { namespace } : {}),
    ...(labelSelector ? { labelSelector } : {}),
  });
  return items;
}
