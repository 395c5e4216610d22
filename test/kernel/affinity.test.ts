/** ClientIP affinity with real packets: who is remembered, how long, and when it no longer counts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ServiceSpec } from "../../src/objects/types.ts";
import { nodePorts, type PodEndpoint, setWeb, WEB, web } from "./cluster.ts";
import { ADDRESSES, FACTS, type Place } from "./network.ts";
import { startNode, type TestNode } from "./node.ts";

type Family = "IPv4" | "IPv6";
type Protocol = "tcp" | "udp";

let node: TestNode;

before(async () => {
  node = await startNode(FACTS);
});

after(async () => {
  await node.close();
});

const A: PodEndpoint = { pod: "a" };
const B: PodEndpoint = { pod: "b" };
const REMOTE_B: PodEndpoint = { pod: "b", node: "node-2" };

async function given(spec: Partial<ServiceSpec>, pods: readonly PodEndpoint[]): Promise<void> {
  const sticky = web({ sessionAffinity: "ClientIP", type: "NodePort", ports: nodePorts(30080), ...spec });
  setWeb(node.model, sticky, pods);
  await node.settled();
}

/** Where clients are remembered, each place for itself. */
interface Door {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
}

function doors(...kinds: ("cluster" | "node")[]): Door[] {
  const found: Door[] = [];
  for (const family of ["IPv4", "IPv6"] as Family[]) {
    for (const protocol of ["tcp", "udp"] as Protocol[]) {
      if (kinds.includes("cluster")) found.push({ host: WEB[family], port: 80, protocol });
      if (kinds.includes("node")) found.push({ host: ADDRESSES.node[family], port: 30080, protocol });
    }
  }
  return found;
}

const ALL = doors("cluster", "node");

/** Who answers, sorted and without repetition. */
async function names(from: Place, door: Door, count = 1): Promise<string[]> {
  const answers = await node.network.ask(from, { ...door, count });
  return [...new Set(answers.map((answer) => answer.split(" ")[0] as string))].sort();
}

/** Who answers at each door, one connection each. */
async function everywhere(from: Place): Promise<string[]> {
  return Promise.all(ALL.map(async (door) => (await names(from, door)).join()));
}

test("a client stays with its endpoint, until that one goes", async () => {
  await given({}, [A, B]);
  for (const door of ALL) {
    const first = await names("client", door);
    for (let round = 0; round < 10; round++)
      assert.deepEqual(await names("client", door, 2), first, place(door));
  }
  for (const door of ALL) {
    const [name] = await names("client", door);
    await given({}, [name === "a" ? B : A]);
    const next = name === "a" ? "b" : "a";
    assert.deepEqual(await names("client", door, 5), [next], place(door));
    // It stays there when the other one comes back: the old memory is gone.
    await given({}, [A, B]);
    for (let round = 0; round < 10; round++)
      assert.deepEqual(await names("client", door, 2), [next], place(door));
  }
});

test("a client is forgotten when it has been away for the timeout, and not while it comes again and again", async () => {
  const timeoutSeconds = 3;
  await given({ sessionAffinityConfig: { clientIP: { timeoutSeconds } } }, [A, B]);
  const came = performance.now();
  const first = await everywhere("client");
  await comeAgain(first, came, timeoutSeconds * 1000);
  // All of them choose the same again once in 256 times; never five times in a row.
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setTimeout(resolve, timeoutSeconds * 1000 + 500));
    if ((await everywhere("client")).join() !== first.join()) return;
  }
  assert.fail("nobody is forgotten");
});

/** For longer than the timeout; where this machine was too slow for that, nothing is said. */
async function comeAgain(first: readonly string[], came: number, timeoutMs: number): Promise<void> {
  const end = performance.now() + 1.5 * timeoutMs;
  for (let last = came; performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, timeoutMs / 10));
    const begun = performance.now();
    const now = await everywhere("client");
    // from before they came the last time until after they came now
    if (performance.now() - last > timeoutMs) return;
    assert.deepEqual(now, first);
    last = begun;
  }
}

test("what was remembered under policy Cluster does not lead outside traffic off the node under policy Local", async () => {
  await given({}, [REMOTE_B]);
  for (const door of doors("node")) assert.deepEqual(await names("outside", door), ["b"], place(door));
  await given({ externalTrafficPolicy: "Local" }, [A, REMOTE_B]);
  for (const door of doors("node")) assert.deepEqual(await names("outside", door, 3), ["a"], place(door));
});

test("under policy Local a client from outside stays with one endpoint of this node", async () => {
  await given({ externalTrafficPolicy: "Local" }, [A, B]);
  for (const door of doors("node")) {
    const first = await names("outside", door);
    for (let round = 0; round < 10; round++)
      assert.deepEqual(await names("outside", door, 2), first, place(door));
  }
});

test("affinity has a memory for each client, and other clients choose anew", async () => {
  await given({}, [A, B]);
  // Three clients at eight doors choose all alike once in 65,536 times.
  const choices = await Promise.all([everywhere("client"), everywhere("a"), everywhere("outside")]);
  assert.ok(new Set(choices.map((choice) => choice.join())).size > 1, choices.join("; "));
});

function place({ host, port, protocol }: Door): string {
  return `${protocol} to ${host} port ${port}`;
}
