import assert from "node:assert/strict";
import { test } from "node:test";
import type { AddressPool } from "../../src/balancer/local/addresses.ts";
import {
  createLocalProvider,
  HOLD_MS,
  type LocalProvider,
  type LocalProviderOptions,
} from "../../src/balancer/local/provider.ts";
import type { HeldAddress } from "../../src/balancer/local/seams.ts";
import { type AddressRange, parseRange } from "../../src/balancer/local/ranges.ts";
import type { BalancerContext, BalancerIngress } from "../../src/traffic/balancer/provider.ts";
import { balancerModel, balancerPort } from "./local-model.ts";

const V4 = "172.18.254.0/24";
const V6 = "fd00:172:18:0:fe::/112";

function pool(name: string, ...texts: string[]): AddressPool {
  const ranges = texts.map((text) => parseRange(text) as AddressRange);
  const of = (family: string) => ranges.filter((range) => range.family === family);
  return {
    name,
    ranges: { IPv4: of("IPv4"), IPv6: of("IPv6") },
    autoAssign: true,
    avoidBuggyIPs: true,
    accepts: () => true,
  };
}

/** A fake Envoy and a fake host, which say what happened to them and in which order. */
function fakeWorld(options: Partial<LocalProviderOptions> = {}) {
  const told: string[] = [];
  const onHost = new Map<string, HeldAddress & { created: string }>();
  const world = {
    told,
    onHost,
    unchecked: [] as string[],
    refused: [] as { name: string; message: string }[],
    now: 0,
    pools: [pool("lab", V4, V6)],
    provider: undefined as unknown as LocalProvider,
  };
  world.provider = createLocalProvider({
    proxy: {
      apply: (model) => {
        told.push(`envoy: ${model.listeners.map(({ name }) => name).join(" ") || "nothing"}`);
        return Promise.resolve(world.refused);
      },
      unchecked: () => Promise.resolve(world.unchecked),
    },
    host: {
      add: (held) => {
        const fresh = held.filter(({ address }) => !onHost.has(address));
        for (const one of held) onHost.set(one.address, { ...one, created: "2026-01-01T00:00:00Z" });
        if (fresh.length > 0) told.push(`host: + ${fresh.map(({ address }) => address).join(" ")}`);
        return Promise.resolve();
      },
      remove: (gone) => {
        for (const address of gone) onHost.delete(address);
        told.push(`host: - ${gone.join(" ")}`);
        return Promise.resolve();
      },
      list: () => Promise.resolve([...onHost.values()]),
    },
    pools: () => world.pools,
    linkOf: () => undefined,
    certificates: () => Promise.resolve(new Map()),
    clock: () => world.now,
    ...options,
  });
  return world;
}

function context(ingress: readonly BalancerIngress[] = []): BalancerContext {
  return { annotations: {}, ingress, signal: new AbortController().signal };
}

const NODES = [{ name: "a", providerId: undefined, addresses: { IPv4: "172.18.0.2" }, zone: undefined }];
const MODEL = balancerModel({ nodes: NODES });
const BOTH = [
  { ip: "172.18.254.1", ipMode: "Proxy" },
  { ip: "fd00:172:18:0:fe::1", ipMode: "Proxy" },
] as const;

test("Envoy listens and its targets are asked before the address is there, and the status comes last", async () => {
  const world = fakeWorld();
  world.unchecked = ["default/web/TCP-80"];
  const first = await world.provider.serve(MODEL, context());
  assert.deepEqual(first, { ingress: undefined, events: [], againAfterMs: 500, done: false });
  assert.equal(world.onHost.size, 0);
  world.unchecked = [];
  const second = await world.provider.serve(MODEL, context());
  assert.deepEqual(second.ingress, BOTH);
  assert.deepEqual(
    second.events.map(({ reason }) => reason),
    ["SuccessfullyReconciled"],
  );
  assert.deepEqual(world.told, [
    "envoy: default/web/TCP-80",
    "envoy: default/web/TCP-80",
    "host: + 172.18.254.1 fd00:172:18:0:fe::1",
  ]);
  const third = await world.provider.serve(MODEL, context(BOTH));
  assert.deepEqual([third.ingress, third.events, third.done], [BOTH, [], true]);
});

test("the order of the addresses is that of the clients' families", async () => {
  const { provider } = fakeWorld();
  const { ingress } = await provider.serve({ ...MODEL, clientFamilies: ["IPv6", "IPv4"] }, context());
  assert.deepEqual(ingress, [...BOTH].reverse());
});

test("a family that goes leaves the host after Envoy has left it; released is all of it", async () => {
  const world = fakeWorld();
  await world.provider.serve(MODEL, context());
  world.told.length = 0;
  const { ingress } = await world.provider.serve({ ...MODEL, clientFamilies: ["IPv4"] }, context(BOTH));
  assert.deepEqual(ingress, [BOTH[0]]);
  assert.deepEqual(world.told, ["envoy: default/web/TCP-80", "host: - fd00:172:18:0:fe::1"]);
  const released = await world.provider.release({ key: "default/web", uid: "1" }, context());
  assert.deepEqual(released, { ingress: [], events: [], againAfterMs: undefined, done: true });
  assert.deepEqual(world.told.slice(2), ["envoy: nothing", "host: - 172.18.254.1"]);
});

test("a missing family is an event, told once, and looked for again; it comes when a pool does", async () => {
  const world = fakeWorld();
  world.pools = [pool("v4", V4)];
  const first = await world.provider.serve(MODEL, context());
  assert.deepEqual(first.ingress, [BOTH[0]]);
  assert.equal(first.events[0]?.message, "no LoadBalancerPool for this Service has IPv6 addresses");
  assert.equal(first.againAfterMs, 3000);
  const second = await world.provider.serve(MODEL, context([BOTH[0]]));
  assert.deepEqual([second.ingress, second.events, second.done], [[BOTH[0]], [], false]);
  world.pools = [pool("v4", V4), pool("v6", V6)];
  const third = await world.provider.serve(MODEL, context([BOTH[0]]));
  assert.deepEqual(third.ingress, BOTH);
  assert.equal(third.done, true);
});

test("RequireDualStack waits for both, with the reason", async () => {
  const world = fakeWorld();
  world.pools = [pool("v4", V4)];
  const model = { ...MODEL, local: { ...MODEL.local, all: true } };
  const { ingress, events, done } = await world.provider.serve(model, context());
  assert.deepEqual([ingress, done], [[], false]);
  assert.deepEqual(
    events.map(({ reason }) => reason),
    ["NoPoolForFamily", "WaitingForAllFamilies"],
  );
  assert.equal(world.onHost.size, 0);
});

test("Services with one sharing key share addresses; the last to go takes them along", async () => {
  const world = fakeWorld();
  const local = { ...MODEL.local, sharing: "one" };
  const ports = [balancerPort({ port: 443 })];
  const other = balancerModel({ key: "default/b", name: "b", uid: "2", nodes: NODES, ports, local });
  await world.provider.serve({ ...MODEL, local }, context());
  const { ingress } = await world.provider.serve(other, context());
  assert.deepEqual(ingress, BOTH);
  await world.provider.release({ key: "default/web", uid: "1" }, context());
  assert.deepEqual(
    [...world.onHost.values()].map(({ service, uid }) => `${service} ${uid}`),
    ["default/b 2", "default/b 2"],
  );
  await world.provider.release({ key: "default/b", uid: "2" }, context());
  assert.equal(world.onHost.size, 0);
});

test("after a start Envoy is left alone until all that had addresses are heard of, or for a while", async () => {
  const known = ["default/web", "default/b"].map((key, index) => ({
    key,
    addresses: [`172.18.254.${index + 1}`],
  }));
  const world = fakeWorld({ known });
  const held = [{ ip: "172.18.254.1" }];
  const one = { ...MODEL, clientFamilies: ["IPv4"] as const };
  const first = await world.provider.serve(one, context(held));
  assert.deepEqual([first.ingress, first.done, world.told], [undefined, false, []]);
  world.now = HOLD_MS + 1;
  await world.provider.serve(one, context(held));
  assert.deepEqual(world.told, ["envoy: default/web/TCP-80", "host: + 172.18.254.1"]);
  const other = balancerModel({ key: "default/c", uid: "3", clientFamilies: ["IPv4"], nodes: NODES });
  const { ingress } = await world.provider.serve(other, context());
  assert.deepEqual(ingress, [{ ip: "172.18.254.3", ipMode: "Proxy" }], "the second address is another's");
});

test("orphans: of Services that are gone, or another one of the name; deleted they leave Envoy as well", async () => {
  const world = fakeWorld();
  await world.provider.serve(MODEL, context());
  const signal = new AbortController().signal;
  assert.deepEqual(await world.provider.orphans(new Map([["default/web", "1"]]), signal), []);
  const other = await world.provider.orphans(new Map([["default/web", "2"]]), signal);
  assert.equal(other[0]?.why, "Service default/web is another one of the same name");
  const orphans = await world.provider.orphans(new Map(), signal);
  assert.deepEqual(orphans[0], {
    kind: "Address",
    id: "172.18.254.1",
    name: "172.18.254.1",
    service: "default/web",
    why: "Service default/web does not exist, or is not ours any more",
    created: "2026-01-01T00:00:00Z",
  });
  const done = await world.provider.deleteOrphans(orphans, signal);
  assert.ok(done.every(({ error }) => error === undefined));
  assert.equal(world.onHost.size, 0);
  assert.ok(world.told.includes("envoy: nothing"));
});

test("what Envoy refuses of a Service is an event of that Service", async () => {
  const world = fakeWorld();
  world.refused = [
    { name: "default/web/TCP-80@172.18.254.1", message: "no" },
    { name: "default/web2/TCP-80@172.18.254.2", message: "no" },
  ];
  const { events } = await world.provider.serve(MODEL, context());
  assert.deepEqual(
    events.map(({ message }) => message),
    ["Envoy refuses default/web/TCP-80@172.18.254.1: no", "Successfully reconciled"],
  );
});

test("a plan says what would be done, and does nothing", async () => {
  const world = fakeWorld();
  const steps = await world.provider.plan(MODEL, context());
  assert.deepEqual(
    steps.map(({ verb, kind, name }) => `${verb} ${kind} ${name}`),
    [
      "create Address 172.18.254.1",
      "create Address fd00:172:18:0:fe::1",
      "create Listener default/web/TCP-80",
    ],
  );
  assert.deepEqual(world.told, []);
});
