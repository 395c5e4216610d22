/**
 * `tandem mesh` as a command of its own, with an API server that runs alone and stand-ins for sidecars that reach it
 * over mutual TLS, as sidecars do.
 */
import { type Client, credentials } from "@grpc/grpc-js";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { identitySecretName, SIDECAR_LABEL } from "../../src/controllers/mesh/index.ts";
import { TYPE_URLS } from "../../src/envoy/resources.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import type { Secret } from "../../src/objects/types.ts";
import { SIDECAR_CONTAINER } from "../../src/traffic/mesh/index.ts";
import { freePort } from "../../test/envoy/ads-envoy.ts";
import { type AdsTarget, type Seen, startAdsClient } from "./ads-client.ts";
import { compile, launch } from "./launch.ts";
import { memoryOf } from "./process-memory.ts";
import { objectsOf, sliceOf } from "./services.ts";

const SETTLE_MS = 10_000;
const WRITERS = 16;
const FAMILIES = ["IPv4", "IPv6"] as const;
/** Pauses between changes, milliseconds. */
const PAUSE_MS = 20;

/** The figures; times in milliseconds, memory in megabytes. */
export interface MeshAlone {
  /** From the connection of one more sidecar until it has acknowledged all; of each. */
  readonly first: readonly number[];
  /** From the first write of a change until the last sidecar has acknowledged it; of each. */
  readonly changes: readonly number[];
  readonly memory: { readonly now: number; readonly peak: number };
}

interface Running {
  readonly client: KubeClient;
  readonly mesh: ChildProcess;
  /** The target of a sidecar in the pod of a number. */
  target(index: number): AdsTarget;
}

/** Measures a mesh with so many Services of 2 endpoints each, and connected sidecars. */
export async function meshAlone(services: number, sidecars: number, changes: number): Promise<MeshAlone> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-bench-"));
  const children: ChildProcess[] = [];
  const clients: Client[] = [];
  try {
    const running = await start(folder, children, services, sidecars);
    const listeners: ((seen: Seen) => void)[] = [];
    const first: number[] = [];
    for (let index = 0; index < sidecars; index++) {
      const onAnswered = (seen: Seen) => listeners[index]?.(seen);
      const began = performance.now();
      const whole = wholly(services, (listener) => (listeners[index] = listener));
      clients.push(startAdsClient(running.target(index), onAnswered));
      await whole;
      first.push(performance.now() - began);
    }
    const times = await endpointChanges(running.client, { services, sidecars, changes, listeners });
    await sleep(SETTLE_MS);
    running.client.close();
    return { first, changes: times, memory: memoryOf(running.mesh.pid as number) };
  } finally {
    for (const client of clients) client.close();
    for (const child of children.reverse()) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function start(
  folder: string,
  children: ChildProcess[],
  services: number,
  sidecars: number,
): Promise<Running> {
  await launch(children, "apiserver", "--data-dir", folder, "--storage", "memory", "--secure-port", "0");
  const kubeconfig = join(folder, "kubeconfig");
  const client = new KubeClient(await loadKubeconfig(kubeconfig));
  await fill(client, services, sidecars);
  const port = String(await freePort());
  const webhook = String(await freePort());
  const own = ["--bind", "::1", "--advertise", "::1", "--xds-port", port, "--webhook-port", webhook];
  compile("mesh");
  const mesh = await launch(children, "mesh", "--kubeconfig", kubeconfig, ...own);
  const { data = {} } = await untilThere(() =>
    client.get<Secret>(KINDS.Secret, identitySecretName("default"), "default"),
  );
  const pem = (name: string) => Buffer.from(data[name] ?? "", "base64");
  const target = (index: number): AdsTarget => ({
    address: `ipv6:[::1]:${port}`,
    credentials: credentials.createSsl(pem("ca.crt"), pem("tls.key"), pem("tls.crt"), {
      checkServerIdentity: () => undefined,
    }),
    node: `sidecar~default/client-${index}`,
    options: { "grpc.ssl_target_name_override": "localhost", "grpc.use_local_subchannel_pool": 1 },
  });
  return { client, mesh, target };
}

async function untilThere<T>(get: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await get();
    } catch {
      await sleep(50);
    }
  }
}

/** Writes all objects, pods with their addresses, as a cluster has them when the mesh comes. */
async function fill(client: KubeClient, services: number, sidecars: number): Promise<void> {
  const objects = objectsOf(services);
  await inParallel(objects.services, async ({ metadata, spec }) => {
    const { clusterIP: _, clusterIPs: __, ...rest } = spec;
    const body = { metadata: { name: metadata.name, namespace: "default" } };
    await client.create(KINDS.Service, { ...body, spec: { ...rest, ipFamilyPolicy: "RequireDualStack" } });
  });
  await inParallel(objects.slices, (slice) => client.create(KINDS.EndpointSlice, slice));
  const pods = new Map<string, string[]>();
  for (const { endpoints } of objects.slices) {
    for (const { targetRef, addresses } of endpoints ?? []) {
      const name = targetRef?.name ?? "";
      pods.set(name, [...(pods.get(name) ?? []), ...addresses]);
    }
  }
  for (let index = 0; index < sidecars; index++)
    pods.set(`client-${index}`, [`10.250.0.${index + 1}`, `fd00:250::${index + 1}`]);
  await inParallel([...pods], ([name, addresses]) => createPod(client, name, addresses));
}

async function createPod(client: KubeClient, name: string, addresses: readonly string[]): Promise<void> {
  const image = "docker.io/library/app:1";
  const metadata = { name, namespace: "default", labels: { [SIDECAR_LABEL]: "true" } };
  const containers = [{ name: "main", image, ports: [{ containerPort: 8080 }] }];
  await client.create(KINDS.Pod, {
    metadata,
    spec: {
      serviceAccountName: "default",
      containers,
      initContainers: [{ name: SIDECAR_CONTAINER, image, restartPolicy: "Always" }],
    },
  });
  const status = { phase: "Running", podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) };
  await client.patch(KINDS.Pod, name, "default", { status }, { type: "merge", subresource: "status" });
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

/** When a client has acknowledged all clusters and endpoints, its listeners, and the routes of their ports. */
function wholly(services: number, listen: (listener: (seen: Seen) => void) => void): Promise<void> {
  const counts = new Map<string, number>();
  return new Promise((done) =>
    listen(({ typeUrl, names }) => {
      counts.set(typeUrl, (counts.get(typeUrl) ?? 0) + names.length);
      const count = (url: string) => counts.get(url) ?? 0;
      if (count(TYPE_URLS.endpoint) >= services && count(TYPE_URLS.route) > 0) done();
    }),
  );
}

interface Changing {
  readonly services: number;
  readonly sidecars: number;
  readonly changes: number;
  readonly listeners: ((seen: Seen) => void)[];
}

/** One pod of a Service after the other is replaced by another: both of its slices are written. */
async function endpointChanges(
  client: KubeClient,
  { services, sidecars, changes, listeners }: Changing,
): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < changes; round++) {
    const service = (round * 7) % services;
    const slices = FAMILIES.map((family) => sliceOf(service, family, [0, 2 + (round % 50)]));
    const texts = slices.map(({ endpoints }) => endpoints?.[1]?.addresses[0] ?? "");
    const all = Array.from({ length: sidecars }, (_, index) =>
      told(texts, (listener) => (listeners[index] = listener)),
    );
    const began = performance.now();
    await Promise.all(
      slices.map((slice) => write(client, KINDS.EndpointSlice, slice.metadata.name, slice.endpoints)),
    );
    await Promise.all(all);
    times.push(performance.now() - began);
    await sleep(PAUSE_MS);
  }
  return times;
}

function write(client: KubeClient, kind: Kind, name: string, endpoints: unknown): Promise<unknown> {
  return client.patch(kind, name, "default", { endpoints }, { type: "merge" });
}

/** When a client has acknowledged a response with all of some texts. */
function told(texts: readonly string[], listen: (listener: (seen: Seen) => void) => void): Promise<void> {
  return new Promise((done) =>
    listen(({ bytes }) => {
      if (texts.every((text) => bytes.includes(text))) done();
    }),
  );
}
