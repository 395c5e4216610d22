import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { statusTable, withRefusals } from "../../src/cli/proxy-status.ts";
import { RefusalBoard } from "../../src/cli/xds/refusal-board.ts";
import { RefusalBook, type RefusalBookParts, type Told } from "../../src/cli/xds/refusal-book.ts";
import { annotationsOf, type Refusal, REFUSALS_LABEL, refusalsOf } from "../../src/cli/xds/refusal-lease.ts";
import type { Nack, StreamStatus } from "../../src/envoy/ads/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Lease } from "../../src/objects/types.ts";
import { eventually, startCluster, type TestCluster } from "../controllers/cluster.ts";

const REFUSAL: Refusal = {
  proxy: "demo/edge",
  kind: "virtualHost",
  name: "http-80/shop.test",
  message: "regex too long",
  origins: ["HTTPRoute/demo/shop#rules[0]"],
  pods: ["demo/edge-1"],
};
const leaseWith = (annotations: Record<string, string>): Lease =>
  ({ metadata: { name: "x", namespace: "default", annotations } }) as unknown as Lease;

describe("what a Lease tells of refusals", () => {
  test("is read as it was told", () => {
    assert.deepEqual(refusalsOf(leaseWith(annotationsOf([REFUSAL]))), [REFUSAL]);
  });

  test("is nothing where it cannot be read, and no more than an object holds", () => {
    assert.deepEqual(refusalsOf(leaseWith({})), []);
    const [name = ""] = Object.keys(annotationsOf([]));
    const ofOtherTypes = JSON.stringify([
      { ...REFUSAL, origins: "x" },
      { ...REFUSAL, origins: [1] },
      { ...REFUSAL, pods: undefined },
      { ...REFUSAL, kind: "planet" },
      { ...REFUSAL, message: 1 },
    ]);
    for (const text of ["{", "{}", "null", '[1,null,{"proxy":"demo/edge"}]', ofOtherTypes])
      assert.deepEqual(refusalsOf(leaseWith({ [name]: text })), []);
    const many = Array.from({ length: 5_000 }, () => ({ ...REFUSAL, message: "é".repeat(3_000) }));
    const annotations = annotationsOf(many);
    assert.ok(Buffer.byteLength(annotations[name] ?? "") < 256 << 10);
    assert.ok(refusalsOf(leaseWith(annotations)).length > 50);
  });
});

describe("the book of refusals", () => {
  const NACK: Nack = { ...REFUSAL, node: "edge-1.demo", version: "1" };

  /** A book beside a fake xDS server, whose one stream refuses what it is told to. */
  function bookBeside(more: Pick<RefusalBookParts, "isWithheld"> = {}) {
    const now = { refused: [REFUSAL.name], connected: true };
    const told: [string, readonly Told[]][] = [];
    const status = (): StreamStatus[] => {
      const refused = now.refused.map((name) => ({ name, version: "1", message: "" }));
      const kinds = new Proxy({}, { get: (_, kind) => ({ refused: kind === REFUSAL.kind ? refused : [] }) });
      return now.connected ? [{ kinds, node: "edge-1.demo" } as unknown as StreamStatus] : [];
    };
    const count = { own: 0 };
    const book = new RefusalBook({
      ads: { status },
      podOf: () => "demo/edge-1",
      tell: (proxy, all) => told.push([proxy, all.map(({ origins, message }) => ({ origins, message }))]),
      onOwn: () => count.own++,
      ...more,
    });
    return { book, told, now, count };
  }
  const { origins, message } = REFUSAL;

  test("tells of what is refused here and elsewhere, each until it is over", () => {
    const { book, told, now, count } = bookBeside();
    book.add(NACK);
    assert.deepEqual(book.own(), [REFUSAL]);
    const other = { ...REFUSAL, message: "elsewhere" };
    book.setOthers([other]);
    assert.deepEqual(told.at(-1), [
      "demo/edge",
      [
        { origins, message: "elsewhere" },
        { origins, message },
      ],
    ]);
    now.refused = [];
    assert.deepEqual(book.own(), []);
    book.recheck("demo/edge");
    assert.deepEqual(told.at(-1), ["demo/edge", [{ origins, message: "elsewhere" }]]);
    book.setOthers([]);
    assert.deepEqual(told.at(-1), ["demo/edge", []]);
    assert.equal(count.own, 2);
  });

  test("tells of what is withheld since it was refused as if it were refused still", () => {
    const withheld = { is: true };
    const { book, told, now } = bookBeside({ isWithheld: (found) => withheld.is && found === origins });
    book.add(NACK);
    now.refused = [];
    book.recheck("demo/edge");
    for (let period = 0; period < 3; period++) book.prune();
    assert.deepEqual(book.own(), [REFUSAL]);
    assert.equal(told.length, 1);
    withheld.is = false;
    book.recheck("demo/edge");
    assert.deepEqual(book.own(), []);
    assert.deepEqual(told.at(-1), ["demo/edge", []]);
  });

  test("waits for a client that comes back, and forgets one that does not", () => {
    const { book, told, now } = bookBeside();
    book.add(NACK);
    now.connected = false;
    book.prune();
    now.connected = true;
    book.prune();
    now.connected = false;
    book.prune();
    assert.equal(told.length, 1);
    book.prune();
    assert.deepEqual(told.at(-1), ["demo/edge", []]);
  });
});

describe("replicas that tell each other", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.close());

  function replica(renewMs: number) {
    const state = { own: [] as Refusal[], others: [] as Refusal[] };
    const abort = new AbortController();
    const board = new RefusalBoard({
      client: cluster.client,
      namespace: "default",
      component: "tandem-gateway",
      own: () => state.own,
      onOthers: () => (state.others = board.others()),
      log: () => {},
      renewMs,
    });
    const ended = board.run(abort.signal);
    const refuse = (refusals: Refusal[]): void => {
      state.own = refusals;
      board.poke();
    };
    const stop = (): Promise<void> => {
      abort.abort();
      return ended;
    };
    return { state, refuse, stop };
  }
  const until = (holds: () => boolean) => eventually(async () => holds(), Boolean);
  const leases = async () =>
    (await cluster.client.list<Lease>(KINDS.Lease, { namespace: "default", labelSelector: REFUSALS_LABEL }))
      .items;

  test("have a Lease while there is something to tell, which goes with them", async () => {
    const a = replica(50);
    const b = replica(50);
    a.refuse([REFUSAL]);
    await until(() => b.state.others.length === 1);
    assert.deepEqual(b.state.others, [REFUSAL]);
    assert.deepEqual(a.state.others, []);
    a.refuse([]);
    await until(() => b.state.others.length === 0);
    assert.deepEqual(await leases(), []);
    a.refuse([REFUSAL]);
    await until(() => b.state.others.length === 1);
    await a.stop();
    await until(() => b.state.others.length === 0);
    await b.stop();
    assert.deepEqual(await leases(), []);
  });

  test("take one for gone that renews its Lease no more, and its Lease away", async () => {
    const annotations = annotationsOf([REFUSAL]);
    const labels = { [REFUSALS_LABEL]: "tandem-gateway" };
    const dead = { metadata: { name: "dead", namespace: "default", labels, annotations }, spec: {} };
    await cluster.client.create<Lease>(KINDS.Lease, dead);
    const b = replica(100);
    await until(() => b.state.others.length === 1);
    await until(() => b.state.others.length === 0);
    await eventually(leases, (items) => items.length === 0);
    await b.stop();
  });
});

test("proxy-status says what Envoy does not say itself, and nothing twice", () => {
  const sync = (type: string, ...problems: { name: string; problem: string }[]) => {
    return { type, state: problems.length > 0 ? "ERROR" : "SYNCED", resources: 1, problems } as const;
  };
  const listener = { name: "tcp-7000", problem: "cannot bind" };
  const told: Refusal[] = [REFUSAL, { ...REFUSAL, kind: "listener", name: "tcp-7000" }];
  assert.deepEqual(withRefusals([sync("LDS", listener), sync("RDS"), sync("SDS")], told), [
    sync("LDS", listener),
    sync("RDS", { name: REFUSAL.name, problem: "regex too long" }),
    sync("SDS"),
  ]);
});

test("proxy-status says how far a clock is off, and what that does to certificates", () => {
  const table = (clockOffsetSeconds: number) =>
    statusTable([{ name: "a.demo", types: [], clockOffsetSeconds }], false);
  assert.match(table(300), /\na\.demo: its clock is 5m ahead of this machine's$/);
  assert.match(table(-599), /\na\.demo: its clock is 9m59s behind this machine's$/);
  assert.match(
    table(-600),
    /\na\.demo: its clock is 10m behind this machine's; certificates begin 10 minutes before/,
  );
  assert.match(
    table(172_800),
    /\na\.demo: its clock is 2d ahead of this machine's; certificates of sidecars may/,
  );
});
