import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DELTA } from "../../src/envoy/ads/delta.ts";
import type { Response } from "../../src/envoy/ads/messages.ts";
import { plan } from "../../src/envoy/ads/plan.ts";
import { createTable } from "../../src/envoy/ads/table.ts";
import { createView, noteChange, type View } from "../../src/envoy/ads/view.ts";
import {
  type Resource,
  type ResourceChange,
  type ResourceKind,
  tableOfHost,
  virtualHostName,
} from "../../src/envoy/resources.ts";
import { FakeEnvoy } from "./ads-fake-client.ts";
import { createStream, make } from "./ads-stream.ts";

let count = 0;
function add(kind: ResourceKind, name: string, rest: Partial<Resource> = {}): ResourceChange {
  return {
    kind,
    name,
    resource: { kind, name, version: `v${count++}`, bytes: new Uint8Array([1]), ...rest },
  };
}

const table = fc.constantFrom("t0", "t1");
const host = fc.constantFrom("a", "b", "c");
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("host" as const),
      table,
      host,
      clusters: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("noHost" as const), table, host }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("listener" as const), table }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("noListener" as const), table }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("giveUp" as const), table }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("reconnect" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("turn" as const),
      who: fc.constantFrom("server" as const, "toClient" as const, "toServer" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("rounds" as const), count: fc.integer({ min: 1, max: 8 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const steps = fc.array(step, { minLength: 20, maxLength: 150, size: "max" });

/**
 * A server and a client with two listeners, each with a table of its own. What comes again is what it was, as in life: a
 * client that claims to have it is believed.
 */
class World {
  readonly table = createTable();
  readonly client: FakeEnvoy;
  /** The hosts of each table that has a listener, with what they name. */
  readonly #hosts = new Map<string, Map<string, readonly string[]>>();
  #view: View;
  #inbox: Response[] = [];
  #now = 0;

  constructor(refuse: (resource: Resource) => boolean = () => false) {
    this.client = new FakeEnvoy(refuse);
    this.#view = createView(this.table, 0);
    this.#listen("t0");
  }

  take(one: Step): void {
    if (one.type === "host") this.#setHost(one.table, one.host, one.clusters);
    else if (one.type === "noHost") this.#setHost(one.table, one.host, undefined);
    else if (one.type === "listener") this.#listen(one.table);
    else if (one.type === "noListener") this.#close(one.table);
    else if (one.type === "giveUp") this.#giveUp(one.table);
    else if (one.type === "reconnect") this.#reconnect();
    else if (one.type === "rounds") this.#rounds(one.count);
    else if (one.who === "server") this.serve();
    else if (one.who === "toClient") this.toClient();
    else this.toServer();
  }

  serve(ms = 1): void {
    this.#now += ms;
    for (const batch of plan(this.#view, this.#now).batches)
      this.#inbox.push(DELTA.respond(this.#view, batch));
  }

  toClient(): boolean {
    const message = this.#inbox.shift();
    if (message !== undefined) this.client.take(message);
    return message !== undefined;
  }

  toServer(): boolean {
    const message = this.client.outbox.shift();
    if (message !== undefined) DELTA.receive(this.#view, message, this.#now);
    return message !== undefined;
  }

  /** Lets everything reach its end, drained listeners included; what waits for nothing waits no longer than it may. */
  settle(): void {
    for (let idle = 0; idle < 3; ) {
      this.serve(idle === 0 ? 1 : 20_000);
      const moved = [this.toClient(), this.toServer()].includes(true);
      idle = moved ? 0 : idle + 1;
      if (!moved) for (const name of ["t0", "t1"]) this.#giveUp(name);
    }
  }

  #rounds(count: number): void {
    for (let round = 0; round < count; round++) {
      this.serve();
      this.toClient();
      this.toServer();
    }
  }

  #setHost(name: string, of: string, clusters: readonly number[] | undefined): void {
    const hosts = this.#hosts.get(name);
    if (hosts === undefined) return;
    const full = virtualHostName(name, of);
    const needsClusters = clusters?.map((cluster) => `c${cluster}`);
    if (needsClusters === undefined) hosts.delete(of);
    else hosts.set(of, needsClusters);
    this.#change([
      needsClusters === undefined
        ? { kind: "virtualHost", name: full }
        : add("virtualHost", full, { needsClusters, version: `v${needsClusters.join()}` }),
    ]);
  }

  #listen(name: string): void {
    if (this.#hosts.has(name)) return;
    this.#hosts.set(name, new Map());
    this.#change([
      add("listener", `l-${name}`, { needsRoutes: [name], version: "1" }),
      add("route", name, { hostsApart: true, version: "1" }),
    ]);
  }

  #close(name: string): void {
    const hosts = this.#hosts.get(name);
    if (hosts === undefined) return;
    this.#hosts.delete(name);
    this.#change([
      { kind: "listener", name: `l-${name}` },
      { kind: "route", name },
      ...[...hosts.keys()].map(
        (of): ResourceChange => ({
          kind: "virtualHost",
          name: virtualHostName(name, of),
        }),
      ),
    ]);
  }

  /** The client gives a table up once it has no listener for it. */
  #giveUp(name: string): void {
    if (!this.client.has.listener.has(`l-${name}`)) this.client.giveUp(name);
  }

  #reconnect(): void {
    this.client.reconnect();
    this.#inbox = [];
    this.#view = createView(this.table, this.#now);
  }

  /** Clusters come and go with the hosts that name them. */
  #change(changes: readonly ResourceChange[]): void {
    const wanted = new Set([...this.#hosts.values()].flatMap((hosts) => [...hosts.values()].flat()));
    const gone = [...this.table.names("cluster")].filter((name) => !wanted.has(name));
    const fresh = [...wanted].filter((name) => !this.table.has("cluster", name));
    const all = [
      ...changes,
      ...gone.flatMap((name): ResourceChange[] => [
        { kind: "cluster", name },
        { kind: "endpoint", name },
      ]),
      ...fresh.flatMap((name) => [add("cluster", name), add("endpoint", name)]),
    ];
    for (const { kind, name } of this.table.apply(all)) noteChange(this.#view, kind, name, this.#now);
  }
}

/** Names with versions. */
function versions(resources: Iterable<Resource | undefined>): string[] {
  return [...resources].map((one) => `${one?.name}@${one?.version}`).sort();
}

function wantedHosts(world: World): string[] {
  const names = [...world.table.names("virtualHost")];
  return versions(names.map((name) => world.table.get("virtualHost", name)));
}

test("tables come and go, streams break: in the end a client has its hosts, and no request met a missing cluster", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World();
      for (const one of all) world.take(one);
      world.settle();
      assert.deepEqual(world.client.breaches, []);
      assert.deepEqual(versions(world.client.has.virtualHost.values()), wantedHosts(world));
      const clusters = [...world.client.has.cluster.keys()].sort();
      assert.deepEqual(clusters, [...world.table.names("cluster")].sort());
      for (const name of world.client.hostVersions.keys())
        assert.ok(world.table.has("virtualHost", name), `${name} is not said to be there any more`);
    }),
    { numRuns: 3000 },
  );
});

test("a refused host keeps no other from its client", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World(({ kind, name }) => kind === "virtualHost" && name === "t0/a");
      for (const one of all) world.take(one);
      world.settle();
      assert.deepEqual(world.client.breaches, []);
      assert.deepEqual(
        versions(world.client.has.virtualHost.values()),
        wantedHosts(world).filter((text) => !text.startsWith("t0/a@")),
      );
    }),
    { numRuns: 1000 },
  );
});

/** Brings a client to a table with hosts; gives each response that it got on the way. */
function opened(hosts: readonly string[]): { world: World; responses: string[] } {
  const world = new World();
  const responses: string[] = [];
  for (const of of hosts) world.take({ type: "host", table: "t0", host: of as "a", clusters: [] });
  const take = world.client.take.bind(world.client);
  world.client.take = (response) => {
    if (response.kind === "virtualHost")
      responses.push(
        [...response.resources.map(({ name }) => name), ...response.removed.map((name) => `-${name}`)].join(
          " ",
        ),
      );
    take(response);
  };
  world.settle();
  return { world, responses };
}

test("a table's hosts come in one response, after it; then only what changes", () => {
  const { world, responses } = opened(["a", "b", "c"]);
  assert.deepEqual(responses.splice(0), ["t0/a t0/b t0/c"]);
  world.take({ type: "host", table: "t0", host: "b", clusters: [1] });
  world.settle();
  assert.deepEqual(responses.splice(0), ["t0/b"]);
  world.take({ type: "noHost", table: "t0", host: "c" });
  world.settle();
  assert.deepEqual(responses.splice(0), ["-t0/c"]);
  world.take({ type: "reconnect" });
  world.settle();
  assert.deepEqual(responses, [], "a client that comes back has them all");
});

test("a table that goes keeps its hosts until it is given up, and gets them anew when it comes back", () => {
  const { world, responses } = opened(["a"]);
  responses.length = 0;
  world.take({ type: "noListener", table: "t0" });
  for (let turns = 0; turns < 10; turns++) {
    world.serve(1000);
    world.toClient();
    world.toServer();
  }
  assert.deepEqual(responses, []);
  assert.deepEqual([...world.client.has.virtualHost.keys()].map(tableOfHost), ["t0"]);
  world.settle();
  assert.deepEqual(responses.splice(0), ["-t0/a"]);
  world.take({ type: "listener", table: "t0" });
  world.take({ type: "host", table: "t0", host: "a", clusters: [] });
  world.settle();
  assert.deepEqual(responses, ["t0/a"]);
});

test("a stream that breaks between a table and its hosts: they come anew, and only then is the table certain", () => {
  /** What is sent to a client that comes back with a table and one host of it. */
  const back = (table: string) => {
    const stream = createStream([
      make("route", "t", "1", { hostsApart: true }),
      make("virtualHost", "t/a", "1"),
    ]);
    stream.receive("cluster");
    stream.accept("cluster");
    stream.receive("listener");
    stream.accept("listener");
    const sent = stream.receive("route", { subscribe: ["t"], initialVersions: new Map([["t", table]]) });
    sent.push(...stream.receive("virtualHost", { initialVersions: new Map([["t/a", "1"]]) }));
    return { stream, sent };
  };
  const first = hostStream(["t"]);
  first.set(make("virtualHost", "t/a", "1"));
  const unsure = /^route t@(\S+)$/.exec(first.sentBefore)?.[1] ?? "";
  assert.notEqual(unsure, "1");
  const again = back(unsure);
  assert.deepEqual(again.sent, ["virtualHost t/a@1"]);
  assert.deepEqual(again.stream.accept("virtualHost"), ["route t@1"]);
  assert.deepEqual(again.stream.accept("route"), []);
  assert.deepEqual(back("1").sent, []);
});

/** A stream whose client has asked for tables and for virtual hosts, and has answered nothing yet. */
function hostStream(tables: readonly string[], claims: Readonly<Record<string, string>> = {}) {
  const stream = createStream(tables.map((name) => make("route", name, "1", { hostsApart: true })));
  stream.receive("cluster");
  stream.accept("cluster");
  stream.receive("listener");
  stream.accept("listener");
  const sentBefore = tables.length > 0 ? stream.receive("route", { subscribe: tables }).join() : "";
  stream.receive("virtualHost", { initialVersions: new Map(Object.entries(claims)) });
  return { ...stream, sentBefore };
}

test("hosts wait for their table and for their clusters, each for its own", () => {
  const stream = hostStream(["t"]);
  const waiting = make("virtualHost", "t/b", "1", { needsClusters: ["c"] });
  assert.deepEqual(stream.set(make("virtualHost", "t/a", "1"), waiting), []);
  assert.deepEqual(stream.accept("route"), ["virtualHost t/a@1"]);
  stream.accept("virtualHost");
  assert.deepEqual(stream.set(make("cluster", "c", "1"), make("endpoint", "c", "1")), ["cluster c@1"]);
  assert.deepEqual(stream.accept("cluster"), []);
  stream.receive("endpoint", { subscribe: ["c"] });
  assert.deepEqual(stream.accept("endpoint"), ["virtualHost t/b@1"]);
});

test("a host goes once the one of its table that waits is there, or has waited long enough", () => {
  for (const comes of [true, false]) {
    const stream = hostStream(["t", "u"]);
    stream.accept("route");
    stream.set(make("virtualHost", "t/a", "1"));
    stream.accept("virtualHost");
    stream.set(make("virtualHost", "u/a", "1"));
    stream.accept("virtualHost");
    const waiting = make("virtualHost", "t/b", "1", { needsClusters: ["c"] });
    const gone = (name: string) => ({ kind: "virtualHost" as const, name });
    assert.deepEqual(stream.set(waiting, gone("t/a"), gone("u/a")), ["virtualHost -u/a"]);
    assert.deepEqual(stream.accept("virtualHost"), []);
    if (!comes) assert.deepEqual(stream.wait(5000), ["virtualHost t/b@1 -t/a"]);
    else assert.deepEqual(stream.set(make("virtualHost", "t/b", "2")), ["virtualHost t/b@2 -t/a"]);
  }
});

test("one response has the hosts of one table, so that a refusal leaves nothing half done", () => {
  const stream = hostStream(["t", "u"]);
  stream.accept("route");
  const hosts = ["t/a", "u/a", "t/b"].map((name) => make("virtualHost", name, "1"));
  assert.deepEqual(stream.set(...hosts), ["virtualHost t/a@1 t/b@1"]);
  assert.deepEqual(stream.accept("virtualHost"), ["virtualHost u/a@1"]);
});

test("a host that some client refused comes after the others, until it is another", () => {
  const stream = hostStream(["t"]);
  stream.table.apply(
    ["bad", "good"].map((name) => {
      const resource = make("virtualHost", `t/${name}`, "1");
      return { kind: resource.kind, name: resource.name, resource };
    }),
  );
  stream.table.noteRefused("virtualHost", "t/bad", "1");
  assert.deepEqual(stream.accept("route"), ["virtualHost t/good@1"]);
  assert.deepEqual(stream.accept("virtualHost"), ["virtualHost t/bad@1"]);
  stream.accept("virtualHost");
  assert.deepEqual(stream.set(make("virtualHost", "t/bad", "2"), make("virtualHost", "t/good", "2")), [
    "virtualHost t/bad@2 t/good@2",
  ]);
});

test("what a client says to have of tables that it does not want is taken from it, and then clusters go", () => {
  const stream = createStream([make("virtualHost", "t/a", "2")]);
  const claims = (of: Readonly<Record<string, string>>) => ({ initialVersions: new Map(Object.entries(of)) });
  stream.receive("cluster", claims({ old: "1" }));
  stream.receive("listener", claims({}));
  stream.accept("listener");
  assert.deepEqual(stream.receive("virtualHost", claims({ "t/a": "1" })), ["virtualHost -t/a"]);
  assert.deepEqual(stream.wait(5000), []);
  assert.deepEqual(stream.accept("virtualHost"), ["cluster -old"]);
});
