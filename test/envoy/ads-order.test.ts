import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DELTA } from "../../src/envoy/ads/delta.ts";
import { plan } from "../../src/envoy/ads/plan.ts";
import { createTable } from "../../src/envoy/ads/table.ts";
import { createView, noteChange } from "../../src/envoy/ads/view.ts";
import type { Resource, ResourceChange, ResourceKind } from "../../src/envoy/resources.ts";
import { FakeEnvoy } from "./ads-fake-client.ts";

let count = 0;
function make(kind: ResourceKind, name: string, rest: Partial<Resource> = {}): Resource {
  return { kind, name, version: `v${count++}`, bytes: new Uint8Array([1]), ...rest };
}

function add(resource: Resource): ResourceChange {
  return { kind: resource.kind, name: resource.name, resource };
}

/** What the route table names from now on; the clusters come and go with it, as the translator makes them. */
const routeStep = fc.record({
  type: fc.constant("route" as const),
  clusters: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
});
const otherStep = fc.oneof(
  fc.record({ type: fc.constant("update" as const), cluster: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ type: fc.constant("endpoints" as const), cluster: fc.integer({ min: 0, max: 5 }) }),
);
/** Whose turn it is: the server writes, one message reaches the client, or one the server. */
const turn = fc.record({
  type: fc.constant("turn" as const),
  who: fc.constantFrom("server", "toClient", "toServer"),
});
const steps = fc.array(
  fc.oneof({ weight: 1, arbitrary: fc.oneof(routeStep, otherStep) }, { weight: 4, arbitrary: turn }),
  {
    minLength: 20,
    maxLength: 120,
    size: "max",
  },
);

function createWorld(refuse: (resource: Resource) => boolean) {
  const table = createTable();
  const names = (clusters: readonly number[]) => clusters.map((cluster) => `c${cluster}`);
  table.apply([
    add(make("listener", "l", { needsRoutes: ["r"] })),
    add(make("route", "r", { needsClusters: [] })),
  ]);
  const view = createView(table, 0);
  const client = new FakeEnvoy(refuse);
  const inbox: Parameters<typeof client.take>[0][] = [];
  let now = 0;
  const change = (changes: readonly ResourceChange[]) => {
    for (const { kind, name } of table.apply(changes)) noteChange(view, kind, name, now);
  };
  return {
    table,
    view,
    client,
    serve: () => {
      for (const batch of plan(view, ++now).batches) inbox.push(DELTA.respond(view, batch));
    },
    toClient: () => {
      const message = inbox.shift();
      if (message !== undefined) client.take(message);
      return message !== undefined;
    },
    toServer: () => {
      const message = client.outbox.shift();
      if (message !== undefined) DELTA.receive(view, message, now);
      return message !== undefined;
    },
    setRoute: (clusters: readonly number[]) => {
      const wanted = new Set(names(clusters));
      const fresh = [...wanted].filter((name) => !table.has("cluster", name));
      const gone = [...table.names("cluster")].filter((name) => !wanted.has(name));
      change([
        add(make("route", "r", { needsClusters: [...wanted] })),
        ...gone.flatMap((name): ResourceChange[] => [
          { kind: "cluster", name },
          { kind: "endpoint", name },
        ]),
        ...fresh.flatMap((name) => [add(make("cluster", name)), add(make("endpoint", name))]),
      ]);
    },
    touch: (kind: "cluster" | "endpoint", cluster: number) => {
      if (table.has(kind, `c${cluster}`)) change([add(make(kind, `c${cluster}`))]);
    },
  };
}

type Step = typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never;
type World = ReturnType<typeof createWorld>;

/** Lets everything reach its end; false where it does not within many turns. */
function settle(world: World): boolean {
  for (let round = 0; round < 500; round++) {
    world.serve();
    const moved = [world.toClient(), world.toServer()];
    if (!moved.includes(true)) {
      world.serve();
      if (!world.toClient()) return true;
    }
  }
  return false;
}

function run(world: World, all: readonly Step[]): void {
  for (const step of all) {
    if (step.type === "route") world.setRoute(step.clusters);
    else if (step.type === "update") world.touch("cluster", step.cluster);
    else if (step.type === "endpoints") world.touch("endpoint", step.cluster);
    else if (step.who === "server") world.serve();
    else if (step.who === "toClient") world.toClient();
    else world.toServer();
  }
}

test("no route ever names a cluster that is not there, and no cluster goes that a route names", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = createWorld(() => false);
      run(world, all);
      assert.ok(settle(world), "it settles");
      assert.deepEqual(world.client.breaches, []);
      for (const kind of ["cluster", "listener", "route"] as const) {
        const wanted = [...world.table.names(kind)].map((name) => [
          name,
          world.table.get(kind, name)?.version,
        ]);
        const has = [...world.client.has[kind]].map(([name, { version }]) => [name, version]);
        assert.deepEqual(has.sort(), wanted.sort(), kind);
      }
      for (const name of world.table.names("endpoint")) {
        const version = world.table.get("endpoint", name)?.version;
        assert.equal(world.client.has.endpoint.get(name)?.version, version);
      }
    }),
    { numRuns: 400 },
  );
});

test("a refused cluster holds back nothing but itself", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = createWorld(({ kind, name }) => kind === "cluster" && name === "c0");
      run(world, all);
      assert.ok(settle(world), "it settles");
      assert.deepEqual(world.client.breaches, []);
      const wanted = [...world.table.names("cluster")].filter((name) => name !== "c0");
      assert.deepEqual([...world.client.has.cluster.keys()].sort(), wanted.sort());
      assert.equal(world.client.has.route.get("r")?.version, world.table.get("route", "r")?.version);
    }),
    { numRuns: 200 },
  );
});
