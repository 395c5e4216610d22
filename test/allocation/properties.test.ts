import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalAsGo } from "../../src/objects/ip-text.ts";
import { Registry } from "./registry.ts";

// Whatever is asked for in whatever order: the ledger holds exactly what the stored Services show, nothing is
// given out twice (the ledger of registry.ts throws then), and a refused or dry write changes nothing.

const RANGES = [
  ["10.96.0.0/27", "fd00:10:96::/123"],
  ["fd00:10:96::/123", "10.96.0.0/27"],
  ["10.96.0.0/27"],
  ["fd00:10:96::/123"],
];

const ip = fc.constantFrom(
  "10.96.0.7",
  "10.96.0.08",
  "fd00:10:96::7",
  "FD00:10:96::8",
  "None",
  "10.99.0.1",
  "",
);
const family = fc.constantFrom("IPv4", "IPv6");
const port = fc.record(
  {
    port: fc.constantFrom(53, 80, 443),
    protocol: fc.constantFrom("TCP", "UDP"),
    name: fc.constantFrom("a", "b", "c"),
    nodePort: fc.constantFrom(30_001, 30_002, 30_003, 40_000),
  },
  { requiredKeys: ["port", "name"] },
);

const wild = fc.record(
  {
    type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    externalName: fc.constant("example.com"),
    selector: fc.constantFrom({}, { app: "x" }),
    clusterIP: ip,
    clusterIPs: fc.array(ip, { maxLength: 2 }),
    ipFamilies: fc.array(family, { maxLength: 2 }),
    ipFamilyPolicy: fc.constantFrom("SingleStack", "PreferDualStack", "RequireDualStack"),
    externalTrafficPolicy: fc.constantFrom("Cluster", "Local"),
    allocateLoadBalancerNodePorts: fc.boolean(),
    healthCheckNodePort: fc.constantFrom(30_001, 30_005),
    ports: fc.array(port, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["ports"] },
);
type Spec = typeof wild extends fc.Arbitrary<infer T> ? T : never;

/** Most wild specs are refused; of half of them, what fits together is kept. */
const spec = fc.tuple(wild, fc.boolean()).map(([drawn, isWild]) => (isWild ? drawn : tame(drawn)));

function tame({ clusterIPs: _, ...drawn }: Spec): Spec {
  const ports = drawn.ports.slice(0, 1).map((one) => ({ ...one }));
  const tamed: Spec = { ...drawn, ports, ipFamilies: [...new Set(drawn.ipFamilies)] };
  const { type = "ClusterIP" } = tamed;
  if (type === "ClusterIP") for (const one of ports) delete one.nodePort;
  if (type === "ClusterIP" || type === "ExternalName") delete tamed.externalTrafficPolicy;
  if (type !== "LoadBalancer") delete tamed.allocateLoadBalancerNodePorts;
  if (type !== "LoadBalancer" || tamed.externalTrafficPolicy !== "Local") delete tamed.healthCheckNodePort;
  if (type === "ExternalName") {
    for (const key of ["clusterIP", "ipFamilies", "ipFamilyPolicy"] as const) delete tamed[key];
    tamed.externalName = "example.com";
  }
  if (tamed.ipFamilies?.length === 2) tamed.ipFamilyPolicy = "RequireDualStack";
  if (tamed.clusterIP?.includes(":")) tamed.ipFamilies = ["IPv6"];
  return tamed;
}

const step = fc.record({
  name: fc.constantFrom("a", "b", "c", "d"),
  // Most updates change little, for those that change much are mostly refused.
  verb: fc.constantFrom("create", "create", "patch", "patch", "patch", "put", "delete"),
  spec,
  keys: fc.subarray(
    ["type", "externalName", "ipFamilyPolicy", "ipFamilies", "clusterIP", "clusterIPs", "ports"],
    {
      maxLength: 3,
    },
  ),
  dryRun: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function pick(object: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.flatMap((key) => (key in object ? [[key, object[key]]] : [])));
}

function run(registry: Registry, { name, verb, spec: body, keys, dryRun }: Step): number {
  const exists = registry.services.has(name);
  if (verb === "create" || !exists) return exists ? 409 : registry.create(name, body, { dryRun }).status;
  if (verb === "patch") return registry.patch(name, { spec: pick(body, keys) }, { dryRun }).status;
  if (verb === "put") {
    const { metadata } = registry.services.get(name) ?? assert.fail();
    return registry.update(name, { apiVersion: "v1", kind: "Service", metadata, spec: body }, { dryRun })
      .status;
  }
  registry.remove(name);
  return 200;
}

function held(registry: Registry): { addresses: string[]; ports: number[] } {
  const addresses: string[] = [];
  const ports = new Set<number>();
  for (const { spec: shown } of registry.services.values()) {
    for (const text of shown.clusterIPs ?? [])
      if (text !== "None") addresses.push(canonicalAsGo(text) ?? text);
    const holds = shown.type === "NodePort" || shown.type === "LoadBalancer";
    for (const { nodePort } of shown.ports ?? []) if (holds && nodePort) ports.add(nodePort);
    if (shown.healthCheckNodePort) ports.add(shown.healthCheckNodePort);
  }
  return { addresses: addresses.sort(), ports: [...ports].sort() };
}

function ledgerOf(registry: Registry): { addresses: string[]; ports: number[] } {
  const { addresses, ports } = registry.ledger;
  return { addresses: [...addresses.keys()].sort(), ports: [...ports].sort() };
}

test("the ledger holds what the Services show, after any sequence of writes", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...RANGES), fc.array(step, { maxLength: 25 }), (ranges, steps) => {
      const registry = new Registry(...ranges);
      for (const one of steps) {
        const before = ledgerOf(registry);
        const status = run(registry, one);
        if (status < 300) accepted++;
        if (status >= 400 || (one.dryRun && one.verb !== "delete")) {
          assert.deepEqual(ledgerOf(registry), before, `a write answered ${status} changed the ledger`);
        }
        assert.deepEqual(ledgerOf(registry), held(registry));
      }
      for (const name of registry.services.keys()) registry.remove(name);
      assert.deepEqual(ledgerOf(registry), { addresses: [], ports: [] });
    }),
    { numRuns: 400 },
  );
  assert.ok(accepted > 500, `only ${accepted} writes were accepted: the property says little`);
});

test("a Service that was stored is accepted again as it is, and stays as it is", () => {
  fc.assert(
    fc.property(fc.constantFrom(...RANGES), spec, (ranges, body) => {
      const registry = new Registry(...ranges);
      const created = registry.create("a", body);
      if (created.status >= 400) return;
      const again = registry.update("a", created.body);
      assert.equal(again.status, 200, again.body.message);
      assert.deepEqual(again.body, created.body);
    }),
    { numRuns: 1000 },
  );
});

test("the manifest of a creation is accepted again, addresses and ports stay", () => {
  fc.assert(
    fc.property(fc.constantFrom(...RANGES), spec, (ranges, body) => {
      // Duplicates of one name are told apart by nothing, so that carried-over ports may change places.
      const names = body.ports.map(({ name }) => name);
      fc.pre(new Set(names).size === names.length);
      // A port that was given the number of another protocol's finds it taken by that one (patchAllocatedValues).
      const numbers = body.ports.map(({ port }) => port);
      fc.pre(new Set(numbers).size === numbers.length);
      const registry = new Registry(...ranges);
      const created = registry.create("a", body);
      if (created.status >= 400) return;
      const again = registry.update("a", {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "a" },
        spec: body,
      });
      if (again.status >= 400) return;
      assert.deepEqual(again.body.spec.clusterIPs, created.body.spec.clusterIPs);
      assert.deepEqual(again.body.spec.ports, created.body.spec.ports);
    }),
    { numRuns: 1000 },
  );
});
