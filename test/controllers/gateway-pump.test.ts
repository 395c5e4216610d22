import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Pump, type PumpParts } from "../../src/cli/gateway/pump.ts";
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
  const parts = {
    model,
    traffic: createTrafficModel(),
    output: { update: () => [], endpointsChanged: () => new Map(), remove: () => {} },
    ads: {
      set: () => {},
      remove: () => {},
      applied: () => answer.promise,
      status: () => connected,
      onNack: (listener: (nack: Nack) => void) => {
        onNack = listener;
        return () => {};
      },
    },
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
    textOf: (id: string) => JSON.stringify(written.get(id)?.status ?? null),
    stop: () => abort.abort(),
  };
}

const ACCEPTED = /"type":"Accepted","status":"True"|"status":"True"[^}]*"type":"Accepted"/;

test("a route is not called Accepted before its proxy has answered", async () => {
  const pump = startPump();
  try {
    pump.route("web");
    await sleep(300);
    assert.equal(pump.textOf("HTTPRoute/shop/web"), "null");
    pump.answer();
    await sleep(50);
    assert.match(pump.textOf("HTTPRoute/shop/web"), ACCEPTED);
  } finally {
    pump.stop();
  }
});

test("what a proxy refuses is told in the status of the object it came from, and taken back with it", async () => {
  const pump = startPump();
  try {
    pump.route("bad");
    pump.route("good");
    await sleep(300);
    pump.nack({ name: "http-80/bad.test", message: "no such thing", origins: ["HTTPRoute/shop/bad#0"] });
    pump.answer();
    await sleep(50);
    pump.answer();
    await sleep(50);
    assert.match(pump.textOf("HTTPRoute/shop/bad"), /no such thing/);
    assert.doesNotMatch(pump.textOf("HTTPRoute/shop/good"), /no such thing/);
    assert.match(pump.textOf("HTTPRoute/shop/good"), ACCEPTED);
    pump.refused.length = 0;
    pump.route("third");
    for (let round = 0; round < 4; round++) {
      await sleep(50);
      pump.answer();
    }
    await sleep(50);
    assert.doesNotMatch(pump.textOf("HTTPRoute/shop/bad"), /no such thing/);
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
