/**
 * Writes routes as a client outside of a lab and asks the Gateway for them. Questions come as lines of JSON, answers go
 * back so.
 */
import { Agent, get } from "node:http";
import { createInterface } from "node:readline";
import { Informer, KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { GATEWAY_KINDS, type HTTPRoute } from "../../src/objects/gateway/index.ts";

/** What to do, with routes numbered from `from` to `to`. */
export interface GatewayQuestion {
  readonly what: "burst" | "single" | "change" | "churn";
  readonly from: number;
  readonly to: number;
}

/** What came of it. */
export interface GatewayAnswer {
  /** Milliseconds: from the last write until all were served (burst), from each write until it was served (single). */
  readonly times: readonly number[];
  /** Milliseconds from each write until a bare watch told of it. */
  readonly watched: readonly number[];
  /** Requests to routes that were Accepted, and those of them that were not answered with 200. */
  readonly asked: number;
  readonly failed: number;
}

const WRITERS = 16;
const ASKERS = 16;
const NAMESPACE = "bench";

const client = new KubeClient(await loadKubeconfig(process.env["KUBECONFIG"]));
const address = process.argv[2] as string;
const agent = new Agent({ keepAlive: true, maxSockets: ASKERS });
const accepted = new Map<string, () => void>();
const seen = new Map<string, number>();
const routes = new Informer<HTTPRoute>(client, GATEWAY_KINDS.HTTPRoute);
routes.onChange(({ type, object: { metadata, status } }) => {
  if (type === "added") seen.set(metadata.name, performance.now());
  const isAccepted = status?.parents.some(({ conditions }) =>
    conditions.some((each) => each.type === "Accepted" && each.status === "True"),
  );
  if (!isAccepted) return;
  accepted.get(metadata.name)?.();
  accepted.delete(metadata.name);
});
await routes.start(new AbortController().signal);

function nameOf(index: number): string {
  return `route-${index}`;
}

function create(index: number): Promise<unknown> {
  const rules = [
    { matches: [{ path: { type: "PathPrefix", value: "/a" } }], backendRefs: [{ name: "web", port: 80 }] },
    { backendRefs: [{ name: "web", port: 80 }] },
  ];
  const spec = { parentRefs: [{ name: "edge" }], hostnames: [`${nameOf(index)}.test`], rules };
  return client.create(GATEWAY_KINDS.HTTPRoute, {
    metadata: { name: nameOf(index), namespace: NAMESPACE },
    spec,
  });
}

/** The status code, 0 for a broken connection. */
function ask(index: number): Promise<number> {
  return new Promise((resolve) => {
    const headers = { host: `${nameOf(index)}.test` };
    const call = get({ host: address, port: 80, path: "/", agent, headers }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    });
    call.once("error", () => resolve(0));
  });
}

async function untilServed(index: number): Promise<void> {
  while ((await ask(index)) !== 200) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function inParallel(
  indexes: readonly number[],
  count: number,
  work: (index: number) => Promise<unknown>,
) {
  let next = 0;
  const worker = async () => {
    while (next < indexes.length) await work(indexes[next++] as number);
  };
  await Promise.all(Array.from({ length: count }, worker));
}

function range({ from, to }: GatewayQuestion): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

let asked = 0;
let failed = 0;

/** Resolves when the route is Accepted and was asked for once. */
function onAccepted(index: number): Promise<void> {
  return new Promise((resolve) => {
    accepted.set(nameOf(index), () => {
      asked++;
      void ask(index).then((status) => {
        if (status !== 200) failed++;
        resolve();
      });
    });
  });
}

async function burst(question: GatewayQuestion): Promise<GatewayAnswer> {
  const indexes = range(question);
  const all = Promise.all(indexes.map(onAccepted));
  await inParallel(indexes, WRITERS, create);
  const written = performance.now();
  await inParallel(indexes, ASKERS, untilServed);
  const times = [performance.now() - written];
  await all;
  return { times, watched: [], asked, failed };
}

async function single(question: GatewayQuestion): Promise<GatewayAnswer> {
  const times: number[] = [];
  const watched: number[] = [];
  for (const index of range(question)) {
    const first = onAccepted(index);
    const began = performance.now();
    await create(index);
    await untilServed(index);
    times.push(performance.now() - began);
    await first;
    watched.push((seen.get(nameOf(index)) ?? began) - began);
  }
  return { times, watched, asked, failed };
}

/** Changes one route after the other, each ten times a second at most. */
async function change(question: GatewayQuestion): Promise<GatewayAnswer> {
  for (const index of range(question)) {
    const patch = { spec: { hostnames: [`${nameOf(index)}.test`, `changed-${Date.now()}.test`] } };
    await client.patch(GATEWAY_KINDS.HTTPRoute, nameOf(index), NAMESPACE, patch, { type: "merge" });
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  return { times: [], watched: [], asked, failed };
}

/** Makes routes and takes them away again. */
async function churn(question: GatewayQuestion): Promise<GatewayAnswer> {
  for (const index of range(question)) {
    await create(index);
    await new Promise((resolve) => setTimeout(resolve, 40));
    await client.delete(GATEWAY_KINDS.HTTPRoute, nameOf(index), NAMESPACE);
  }
  return { times: [], watched: [], asked, failed };
}

const WORK = { burst, single, change, churn };
console.log("{}");
for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as GatewayQuestion;
  asked = 0;
  failed = 0;
  console.log(JSON.stringify(await WORK[question.what](question)));
}
process.exit(0);
