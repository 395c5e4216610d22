import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { reconcileSlices } from "../../src/controllers/endpointslice/reconcile.ts";
import {
  spreadOverZones,
  tellsSameOfZones,
  zoneShares,
} from "../../src/controllers/endpointslice/topology.ts";
import type { Endpoint, EndpointSlice, Node } from "../../src/objects/types.ts";
import { node, pod, service } from "./builders.ts";

// The rules of k8s.io/endpointslice/topologycache: zones get endpoints in proportion to the CPUs of their nodes.

function nodeIn(
  name: string,
  zone: string | undefined,
  cpu: string | undefined,
  more: Partial<Node> = {},
): Node {
  const labels = { ...(zone ? { "topology.kubernetes.io/zone": zone } : {}), ...more.metadata?.labels };
  const conditions = [{ type: "Ready", status: "True" as const }];
  const status = { conditions, ...(cpu ? { allocatable: { cpu } } : {}), ...more.status };
  return node(name, { metadata: { labels }, status });
}

function slice(name: string, zones: readonly string[], hints: readonly string[] = []): EndpointSlice {
  const endpoints = zones.map((zone, index) => ({
    addresses: [`10.0.0.${index}`],
    conditions: { ready: true },
    ...(zone === "" ? {} : { zone }),
    ...(hints[index] === undefined ? {} : { hints: { forZones: [{ name: hints[index] }] } }),
  }));
  const metadata = { name, namespace: "default" };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata,
    addressType: "IPv4",
    endpoints,
    ports: [],
  };
}

function hintsOf(endpoints: readonly Endpoint[] | null | undefined): string[] {
  return (endpoints ?? []).map(({ hints }) => hints?.forZones?.map(({ name }) => name).join("+") ?? "");
}

function spread(slices: Parameters<typeof spreadOverZones>[0], shares: Record<string, number>) {
  const result = spreadOverZones(slices, new Map(Object.entries(shares)), "IPv4");
  if ("why" in result) return result.why;
  return [...result.create, ...result.update].map(({ endpoints }) => hintsOf(endpoints).join());
}

test("a zone's share is that of its CPUs, once every node that counts tells its own", () => {
  const nodes = [nodeIn("a", "za", "1"), nodeIn("b", "zb", "2500m"), nodeIn("c", "zb", "500m")];
  assert.deepEqual(
    [...(zoneShares(nodes) ?? [])],
    [
      ["za", 0.25],
      ["zb", 0.75],
    ],
  );
  const control = { metadata: { name: "m", labels: { "node-role.kubernetes.io/control-plane": "" } } };
  const idle = { status: { conditions: [{ type: "Ready", status: "False" as const }] } };
  const extra = [nodeIn("m", undefined, undefined, control), nodeIn("n", undefined, undefined, idle)];
  assert.equal(
    zoneShares([...nodes, ...extra])?.size,
    2,
    "control planes and nodes that are not ready do not count",
  );
  assert.equal(zoneShares([...nodes, nodeIn("d", undefined, "1")]), undefined);
  assert.equal(zoneShares([...nodes, nodeIn("d", "za", undefined)]), undefined);
  assert.equal(zoneShares(nodes.slice(1)), undefined, "one zone alone");
  assert.ok(tellsSameOfZones(nodes[0]!, { ...nodes[0]!, spec: { unschedulable: true } }));
  assert.ok(!tellsSameOfZones(nodes[0]!, nodeIn("a", "za", "2")));
});

test("endpoints stay in their zones where these have enough, and are given away where not", () => {
  const create = (...zones: string[]) => ({ create: [slice("s", zones)], update: [], unchanged: [] });
  assert.deepEqual(spread(create("a", "b"), { a: 0.5, b: 0.5 }), ["a,b"]);
  assert.deepEqual(spread(create("a", "b", "b", "c"), { a: 0.25, b: 0.5, c: 0.25 }), ["a,b,b,c"]);
  assert.deepEqual(spread(create("a", "a", "a", "a"), { a: 0.5, b: 0.5 }), ["b,b,a,a"]);
  assert.deepEqual(spread(create("a", "a", "a", "b"), { a: 0.5, b: 0.5 }), ["b,a,a,b"]);
});

test("there is a reason where zones get no endpoints of their own", () => {
  const create = (...zones: string[]) => ({ create: [slice("s", zones)], update: [], unchanged: [] });
  assert.equal(
    spread(create("a"), { a: 0.5, b: 0.5 }),
    "Insufficient number of endpoints (1 endpoints, 2 zones), addressType: IPv4",
  );
  assert.equal(
    spread(create("a", "b"), { a: 0.9, b: 0.1 }),
    "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold " +
      "(2 endpoints, 2 zones), addressType: IPv4",
  );
  assert.equal(
    spread(create("a", ""), { a: 0.5, b: 0.5 }),
    "One or more endpoints do not have a zone specified, addressType: IPv4",
  );
  const none = spreadOverZones(create("a", "b"), undefined, "IPv6");
  assert.match("why" in none ? none.why : "", /^Insufficient Node information: .*, addressType: IPv6$/);
});

test("slices whose hints are fit are not written; those for zones that are gone, or have too many, are", () => {
  const kept = slice("kept", ["a", "b"], ["a", "b"]);
  const shares = { a: 0.5, b: 0.5 };
  assert.deepEqual(spread({ create: [], update: [], unchanged: [kept] }, shares), []);
  assert.deepEqual(
    spread({ create: [], update: [], unchanged: [slice("old", ["a", "b"], ["a", "z"])] }, shares),
    ["a,b"],
  );
  assert.deepEqual(spread({ create: [], update: [], unchanged: [slice("bare", ["a", "b"])] }, shares), [
    "a,b",
  ]);
  const full = slice("full", ["a", "a", "a", "a"], ["a", "a", "a", "a"]);
  assert.deepEqual(spread({ create: [], update: [], unchanged: [full] }, shares), ["b,b,a,a"]);
  assert.deepEqual(hintsOf(full.endpoints), ["a", "a", "a", "a"], "the given slice stays as it is");
});

test("every ready endpoint is of one zone, and a second look finds nothing to do", () => {
  const zone = fc.constantFrom("a", "b", "c");
  const weights = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 3, maxLength: 3 });
  const check = fc.property(fc.array(zone, { minLength: 1, maxLength: 40 }), weights, (zones, cpus) => {
    const total = cpus[0]! + cpus[1]! + cpus[2]!;
    const shares = new Map(["a", "b", "c"].map((name, index) => [name, cpus[index]! / total]));
    const first = spreadOverZones({ create: [slice("s", zones)], update: [], unchanged: [] }, shares, "IPv4");
    if ("why" in first) return;
    const [made] = first.create;
    assert.ok(hintsOf(made?.endpoints).every((hint) => shares.has(hint)));
    const second = spreadOverZones({ create: [], update: [], unchanged: first.create }, shares, "IPv4");
    const again = "why" in second ? [] : second.update;
    for (const one of again) assert.deepEqual(hintsOf(one.endpoints), hintsOf(made?.endpoints));
  });
  fc.assert(check, { numRuns: 300 });
});

test("the annotation comes before trafficDistribution, per family, and says what it did", () => {
  const nodes = new Map([
    ["node-1", nodeIn("node-1", "a", "1")],
    ["node-2", nodeIn("node-2", "b", "1")],
  ]);
  const pods = ["node-1", "node-2"].map((nodeName, index) => {
    const podIPs = [{ ip: `10.244.0.${index + 1}` }, { ip: `fd00:10:244::${index + 1}` }];
    return pod(`p${index}`, {
      spec: { nodeName, containers: [{ name: "c" }] },
      status: { podIPs, podIP: podIPs[0]!.ip },
    } as Parameters<typeof pod>[1]);
  });
  const told: string[] = [];
  const input = {
    service: service({
      metadata: { annotations: { "service.kubernetes.io/topology-mode": "Auto" } },
      spec: { trafficDistribution: "PreferSameNode" },
    } as Parameters<typeof service>[0]),
    pods,
    slices: [],
    nodeOf: (name: string) => nodes.get(name),
    onTopology: (reason: string, text: string) => told.push(`${reason}: ${text}`),
  };
  const shares = zoneShares([...nodes.values()])!;
  const { create } = reconcileSlices({ ...input, zoneShares: shares });
  assert.deepEqual(
    create.map(({ addressType, endpoints }) => [addressType, hintsOf(endpoints)]),
    [
      ["IPv4", ["a", "b"]],
      ["IPv6", ["a", "b"]],
    ],
  );
  const enabled = "TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType:";
  assert.deepEqual(told.splice(0), [`${enabled} IPv4`, `${enabled} IPv6`]);
  const slices = create.map((one, index) => ({
    ...one,
    metadata: { ...one.metadata, name: `web-${index}` },
  }));
  const without = reconcileSlices({ ...input, slices });
  assert.deepEqual(
    without.update.map(({ endpoints }) => hintsOf(endpoints)),
    [
      ["", ""],
      ["", ""],
    ],
  );
  assert.match(told[0] ?? "", /^TopologyAwareHintsDisabled: Insufficient Node information/);
  const { update } = reconcileSlices({ ...input, slices, zoneShares: shares });
  assert.deepEqual(update, []);
});
