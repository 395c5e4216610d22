/** Random Services, endpoints and policies: real connections end only where an independent model says they may. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import {
  anyCase,
  type Case,
  type CasePlace,
  type Family,
  placeOf,
  type Protocol,
  serviceOf,
  slicesOf,
  ZONE,
} from "./cases.ts";
import { ADDRESSES, FACTS, GATEWAY } from "./network.ts";
import { startNode, type TestNode } from "./node.ts";
import { type Attempt, type Client, type Expectation, expectationOf, type Target } from "./semantics.ts";

const CASES = Number(process.env["TORTURE_CASES"] ?? 15);
const SEED = Number(process.env["TORTURE_SEED"] ?? Math.trunc(Math.random() * 2 ** 31));
/** How long silence is listened to; an answer that is due has longer, and then longer again. */
const SILENCE_MS = 150;
const PATIENCE_MS = [1000, 5000, 60_000];

let node: TestNode;
let run = 0;

before(async () => {
  node = await startNode({ ...FACTS, zone: ZONE });
});

after(async () => {
  await node.close();
});

const CLIENTS: readonly Client[] = ["client", "a", "node", "outside"];
const TARGETS: readonly Target[] = [
  "cluster IP",
  "closed port",
  "node port",
  "node port on loopback",
  "external IP",
  "balancer IP",
];

function attemptsOf(given: Case): Attempt[] {
  const attempts: Attempt[] = [];
  for (const client of CLIENTS) {
    for (const target of TARGETS) {
      if (target.startsWith("node port") && given.type === "ClusterIP") continue;
      if (target === "node port on loopback" && client !== "node") continue;
      for (const family of ["IPv4", "IPv6"] as const)
        for (const protocol of ["tcp", "udp"] as const) attempts.push({ client, target, family, protocol });
    }
  }
  return attempts;
}

interface Destination {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
}

function destinationOf(given: Case, place: CasePlace, { target, family, protocol }: Attempt): Destination {
  const nodeAddresses = given.nodeAddress === "node" ? ADDRESSES.node : GATEWAY;
  const destinations: { readonly [T in Target]: { host: string; port: number } } = {
    "cluster IP": { host: place.clusterIP[family], port: 80 },
    "closed port": { host: place.clusterIP[family], port: 81 },
    "node port": { host: nodeAddresses[family], port: place.nodePort },
    "node port on loopback": { host: loopback(family), port: place.nodePort },
    "external IP": { host: place.externalIP[family], port: 80 },
    "balancer IP": { host: place.balancerIP[family], port: 80 },
  };
  return { ...destinations[target], protocol };
}

function loopback(family: Family): string {
  return family === "IPv4" ? "127.0.0.1" : "::1";
}

/** Connects so many times; whoever is slow is asked again, with more patience, until nobody is or it is the answer. */
async function ask(client: Client, destination: Destination, count: number): Promise<string[]> {
  const answers: string[] = [];
  for (const timeoutMs of PATIENCE_MS) {
    const missing = count - answers.length;
    const got = await node.network.ask(client, { ...destination, count: missing, timeoutMs });
    answers.push(...got.filter((answer) => answer !== "TIMEOUT"));
    if (answers.length === count) return answers;
  }
  return [...answers, "TIMEOUT"];
}

/** Why an attempt did not come to what it should; undefined when it did. */
async function deviation(given: Case, place: CasePlace, attempt: Attempt): Promise<string | undefined> {
  const expected = expectationOf(given, attempt);
  const destination = destinationOf(given, place, attempt);
  const { client } = attempt;
  if (expected === "refused") return unlike(expected, await ask(client, destination, 1), ["ECONNREFUSED"]);
  if (typeof expected === "string") {
    const [answer = ""] = await node.network.ask(client, { ...destination, timeoutMs: SILENCE_MS });
    const isRight = expected === "silence" ? answer === "TIMEOUT" : !answer.includes(" ");
    return isRight ? undefined : `${expected} expected, but ${answer}`;
  }
  return given.affinity
    ? stickyDeviation(expected, client, destination)
    : spreadDeviation(expected, client, destination);
}

/** All of them must answer, sooner or later: chance leaves one out of four out once in 10^12 times. */
async function spreadDeviation(
  expected: ReadonlyMap<string, readonly string[]>,
  client: Client,
  destination: Destination,
): Promise<string | undefined> {
  const allowed = answersOf(expected);
  const seen = new Set<string>();
  for (const count of [expected.size + 1, 10, 30, 60]) {
    const answers = await ask(client, destination, count);
    const wrong = unlike(describeExpectation(expected), answers, allowed);
    if (wrong !== undefined) return wrong;
    for (const answer of answers) seen.add(nameOf(answer));
    if (seen.size === expected.size) return undefined;
  }
  return `${describeExpectation(expected)} expected, but only ${[...seen].join(", ")}`;
}

/** The first connection alone, since nothing is remembered before it. */
async function stickyDeviation(
  expected: ReadonlyMap<string, readonly string[]>,
  client: Client,
  destination: Destination,
): Promise<string | undefined> {
  const answers = [...(await ask(client, destination, 1)), ...(await ask(client, destination, 4))];
  const wrong = unlike(describeExpectation(expected), answers, answersOf(expected));
  if (wrong !== undefined) return wrong;
  const names = new Set(answers.map(nameOf));
  return names.size === 1 ? undefined : `one endpoint for good expected, but ${[...names].join(", ")}`;
}

function answersOf(expected: ReadonlyMap<string, readonly string[]>): string[] {
  return [...expected].flatMap(([name, sources]) => sources.map((source) => `${name} ${source}`));
}

function nameOf(answer: string): string {
  return answer.split(" ")[0] as string;
}

function unlike(
  expected: string,
  answers: readonly string[],
  allowed: readonly string[],
): string | undefined {
  const wrong = [...new Set(answers.filter((answer) => !allowed.includes(answer)))];
  return wrong.length === 0 ? undefined : `${expected} expected, but ${wrong.join(", ")}`;
}

function describeExpectation(expected: Exclude<Expectation, string>): string {
  return [...expected].map(([name, sources]) => `${name} (sees ${sources.join(" or ")})`).join(" or ");
}

async function deviationsOf(given: Case): Promise<string[]> {
  const place = placeOf(++run, given);
  const { model } = node;
  const service = serviceOf(given, place);
  const slices = slicesOf(given, place);
  for (const object of slices) model.onSlice({ type: "added", object });
  model.onService({ type: "added", object: service });
  await node.settled();
  const found = await Promise.all(
    attemptsOf(given).map(async (attempt) => {
      const wrong = await deviation(given, place, attempt);
      const { client, protocol, target, family } = attempt;
      return wrong && `${client} to the ${target} (${protocol}, ${family}): ${wrong}`;
    }),
  );
  for (const object of slices) model.onSlice({ type: "deleted", object });
  model.onService({ type: "deleted", object: service });
  return found.filter((text) => text !== undefined);
}

function describeCase({ endpoints, ...service }: Case): string {
  return [
    `Service ${JSON.stringify(service)}`,
    ...endpoints.map((one) => `endpoint ${JSON.stringify(one)}`),
  ].join("\n");
}

test(`connections end where the model says, in ${CASES} random cases (seed ${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(anyCase, async (given) => {
      const found = await deviationsOf(given);
      assert.ok(found.length === 0, `${found.join("\n")}\nwhere there is\n${describeCase(given)}`);
    }),
    { numRuns: CASES, seed: SEED },
  );
});
