import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Pump, type PumpParts } from "../../src/cli/gateway/pump.ts";
import { gatewayRefusals } from "../../src/cli/gateway/refusals.ts";
import type { DesiredStatus } from "../../src/controllers/gateway/index.ts";
import type { Nack, StreamStatus } from "../../src/envoy/ads/index.ts";
import { createGatewayModel, type GatewayModel } from "../../src/traffic/gateway/index.ts";
import { createTrafficModel } from "../../src/traffic/index.ts";

const CONTROLLER = "tandem.dev/gateway-controller";
const GROUP = "gateway.networking.k8s.io/v1";

/** Takes in a Gateway, with its class and namespace. */
function takeGateway(model: GatewayModel): void {
  model.on("Namespace", {
    type: "added",
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  });
  model.on("GatewayClass", {
    type: "added",
    object: {
      apiVersion: GROUP,
      kind: "GatewayClass",
      metadata: { name: "tandem", generation: 1 },
      spec: { controllerName: CONTROLLER },
    },
  });
  const metadata = { name: "edge", namespace: "shop", uid: "edge", generation: 1 };
  const listeners = [{ name: "http", port: 80, protocol: "HTTP" }];
  const spec = { gatewayClassName: "tandem", listeners };
  model.on("Gateway", { type: "added", object: { apiVersion: GROUP, kind: "Gateway", metadata, spec } });
}

/** The pump with a model of one Gateway, and an xDS server that answers when the test says so. */
function startPump(more: Partial<PumpParts> = {}) {
  const now = () => "2026-01-01T00:00:00Z";
  const model = createGatewayModel({ controllerName: CONTROLLER, clusterFamilies: ["IPv4", "IPv6"], now });
  const written = new Map<string, DesiredStatus>();
  const refused: { name: string }[] = [];
  let answer = Promise.withResolvers<void>();
  let onNack: (nack: Nack) => void = () => {};
  const connected: StreamStatus[] = [];
  const stream = { kinds: { virtualHost: { refused } } } as unknown as StreamStatus;
  if (more.mayBeElsewhere === undefined) connected.push(stream);
  const ads = {
    set: () => {},
    remove: () => {},
    applied: () => answer.promise,
    status: () => connected,
    onNack: (listener: (nack: Nack) => void) => {
      onNack = listener;
      return () => {};
    },
  };
  const refusals = gatewayRefusals(ads as unknown as PumpParts["ads"], model, () => {});
  const parts = {
    model,
    traffic: createTrafficModel(),
    output: { update: () => [], endpointsChanged: () => new Map(), remove: () => {} },
    ads,
    refusals,
    infrastructure: { set: () => {} },
    statuses: {
      set: (all: Iterable<DesiredStatus>) => {
        for (const one of all) written.set(`${one.kind.kind}/${one.key}`, one);
      },
    },
    sources: { get: () => undefined },
    log: () => {},
    ...more,
  } as unknown as PumpParts;
  const abort = new AbortController();
  takeGateway(model);
  new Pump(parts).start(abort.signal);
  return {
    route: (name: string) =>
      model.on("HTTPRoute", {
        type: "added",
        object: {
          apiVersion: GROUP,
          kind: "HTTPRoute",
          metadata: { name, namespace: "shop", uid: name, generation: 1 },
          spec: { parentRefs: [{ name: "edge" }], hostnames: [`${name}.test`], rules: [{}] },
        },
      }),
    answer: () => {
      answer.resolve();
      answer = Promise.withResolvers<void>();
    },
    nack: (nack: Partial<Nack> & { name: string }) => {
      refused.push({ name: nack.name });
      onNack({
        proxy: "shop/edge",
        node: "n",
        kind: "virtualHost",
        message: "",
        version: "1",
        origins: [],
        ...nack,
      });
    },
    refused,
    refusals,
    textOf: (id: string) => JSON.stringify(written.get(id)?.status ?? null),
    stop: () => abort.abort(),
  };
}

const ACCEPTED = /"type":"Accepted","status":"True"|"status":"True"[^}]*"type":"Accepted"/;

/** Answers for the proxy until it is so, as the steps between are the pump's own; it fails where it never is. */
async function answersUntil(pump: ReturnType<typeof startPump>, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600 && !holds(); tries++) {
    pump.answer();
    await sleep(50);
  }
  assert.ok(holds(), `${holds}`);
}

/** Waits for the pump's own steps; it fails where they never come to so many. */
async function untilSent(sent: readonly string[], count: number): Promise<void> {
  for (let tries = 0; tries < 1200 && sent.length < count; tries++) await sleep(50);
  assert.ok(sent.length >= count, sent.join());
}

test("a route is not called Accepted before its proxy has answered", async () => {
  const pump = startPump();
  try {
    pump.route("web");
    await sleep(300);
    assert.equal(pump.textOf("HTTPRoute/shop/web"), "null");
    await answersUntil(pump, () => ACCEPTED.test(pump.textOf("HTTPRoute/shop/web")));
  } finally {
    pump.stop();
  }
});

test("what a proxy refuses is told in the status of the object it came from, and taken back with it", async () => {
  const pump = startPump();
  const said = (name: string, what: RegExp) => what.test(pump.textOf(`HTTPRoute/shop/${name}`));
  try {
    pump.route("bad");
    pump.route("good");
    await sleep(300);
    pump.nack({ name: "http-80/bad.test", message: "no such thing", origins: ["HTTPRoute/shop/bad#0"] });
    await answersUntil(pump, () => said("bad", /no such thing/) && said("good", ACCEPTED));
    assert.ok(!said("good", /no such thing/));
    pump.refused.length = 0;
    pump.route("third");
    await answersUntil(pump, () => said("third", ACCEPTED) && !said("bad", /no such thing/));
  } finally {
    pump.stop();
  }
});

test("what a proxy of another replica refuses is told as well, until that one says no more of it", async () => {
  const pump = startPump();
  const says = (what: RegExp) => what.test(pump.textOf("HTTPRoute/shop/web"));
  try {
    pump.route("web");
    await answersUntil(pump, () => says(ACCEPTED));
    pump.refusals.setOthers([
      {
        proxy: "shop/edge",
        kind: "virtualHost",
        name: "http-80/web.test",
        message: "no such thing",
        origins: ["HTTPRoute/shop/web#0"],
        pods: ["shop/edge-1"],
      },
    ]);
    await answersUntil(pump, () => says(/no such thing/));
    pump.refusals.setOthers([]);
    await answersUntil(pump, () => says(ACCEPTED) && !says(/no such thing/));
  } finally {
    pump.stop();
  }
});

test("proxies of another replica have a moment for a change, and then count as having it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const pump = startPump({ mayBeElsewhere: () => true });
  try {
    pump.route("web");
    pump.answer();
    for (const [ms, isWritten] of [
      [3_000, false], // the start
      [900, false],
      [200, true],
    ] as const) {
      t.mock.timers.tick(ms);
      await turn();
      await turn();
      pump.answer();
      await turn();
      await turn();
      assert.equal(pump.textOf("HTTPRoute/shop/web") !== "null", isWritten, `after ${ms} ms more`);
    }
  } finally {
    pump.stop();
  }
});

/** What stands for the mesh, xDS and its resources, where a proxy's certificate is on its way. */
function issuing() {
  const sent: string[] = [];
  const ads = {
    set: () => sent.push("set"),
    replace: (_key: string, resources: readonly unknown[]) => sent.push(`all: ${resources.join()}`),
    remove: () => {},
    applied: () => Promise.resolve(),
    status: () => [],
    onNack: () => () => {},
  };
  const output = {
    update: () => [],
    endpointsChanged: () => new Map(),
    identityChanged: () => [],
    resources: () => ["with a certificate"],
    remove: () => {},
  };
  const state = { isIssuing: true, renewed: new Set<string>(), tell: () => {} };
  const mesh: PumpParts["mesh"] = {
    isIssuing: () => state.isIssuing,
    takeChanges: () => ({ pods: new Set(), renewed: state.renewed }),
    onDirty: (listener) => {
      state.tell = listener;
      return () => {};
    },
  };
  return { sent, state, parts: { ads, output, mesh } as unknown as Partial<PumpParts> };
}

test("a proxy that shows a certificate to the mesh is told nothing before that is made", async () => {
  const { sent, state, parts } = issuing();
  const pump = startPump(parts);
  try {
    pump.route("web");
    await sleep(100);
    assert.deepEqual(sent, []);
    state.isIssuing = false;
    state.renewed = new Set(["shop/edge"]);
    state.tell();
    await untilSent(sent, 1);
    assert.deepEqual(sent, ["all: with a certificate"]);
    // from then on changes are told as they come
    state.tell();
    await untilSent(sent, 2);
    assert.deepEqual(sent.slice(1), ["set"]);
  } finally {
    pump.stop();
  }
});

test("a proxy whose certificate does not come is told all without it after a while, but not after the end", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const ends of [false, true]) {
    const { sent, parts } = issuing();
    const pump = startPump(parts);
    assert.deepEqual(sent, []);
    if (ends) pump.stop();
    t.mock.timers.tick(20_000);
    assert.deepEqual(sent, ends ? [] : ["all: with a certificate"]);
    pump.stop();
  }
});
