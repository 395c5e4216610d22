import assert from "node:assert/strict";
import { test } from "node:test";
import { reconcileEndpoints } from "../../src/controllers/endpoints/reconcile.ts";
import { pod, service } from "./builders.ts";

function withAddress(name: string, index: number, parts: Parameters<typeof pod>[1] = {}) {
  const podIPs = [{ ip: `10.0.${index >> 8}.${index & 255}` }, { ip: `fd00::${index.toString(16)}` }];
  return pod(name, { ...parts, status: { podIPs, podIP: podIPs[0]!.ip, ...parts.status } });
}

test("Endpoints have the first family only, split by readiness", () => {
  const pods = [
    withAddress("a", 1),
    withAddress("b", 2, { ready: false }),
    withAddress("c", 3, { metadata: { deletionTimestamp: "x" } }),
  ];
  const made = reconcileEndpoints(service(), pods, undefined);
  const shape = made?.subsets?.map(({ addresses, notReadyAddresses, ports }) => [
    addresses?.map(({ ip }) => ip),
    notReadyAddresses?.map(({ ip }) => ip),
    ports,
  ]);
  assert.deepEqual(shape, [[["10.0.0.1"], ["10.0.0.2"], [{ name: "http", port: 8080, protocol: "TCP" }]]]);
  const second = reconcileEndpoints(service({ spec: { ipFamilies: ["IPv6", "IPv4"] } }), pods, undefined);
  assert.deepEqual(
    second?.subsets?.[0]?.addresses?.map(({ ip }) => ip),
    ["fd00::1"],
  );
  const published = reconcileEndpoints(
    service({ spec: { publishNotReadyAddresses: true } }),
    pods,
    undefined,
  );
  assert.deepEqual(published?.subsets?.[0]?.addresses?.length, 3);
});

test("what is right already is left alone; a change is seen", () => {
  const pods = [withAddress("a", 1), withAddress("b", 2)];
  const made = reconcileEndpoints(service(), pods, undefined)!;
  assert.equal(reconcileEndpoints(service(), [...pods].reverse(), made), undefined);
  assert.ok(reconcileEndpoints(service(), pods.slice(1), made));
  assert.ok(reconcileEndpoints(service({ metadata: { labels: { a: "b" } } }), pods, made));
});

test("ports that resolve differently are in subsets of their own; unnamed ports have no name", () => {
  const spec = { ports: [{ protocol: "TCP" as const, port: 80, targetPort: "web" }] };
  const serving = (name: string, index: number, containerPort: number) =>
    withAddress(name, index, {
      spec: { containers: [{ name: "c", ports: [{ name: "web", containerPort, protocol: "TCP" }] }] },
    });
  const made = reconcileEndpoints(
    service({ spec }),
    [serving("a", 1, 8080), serving("b", 2, 9090)],
    undefined,
  );
  assert.deepEqual(
    made?.subsets?.map(({ ports }) => ports),
    [[{ port: 8080, protocol: "TCP" }], [{ port: 9090, protocol: "TCP" }]],
  );
});

test("more than 1000 addresses are cut, ready ones last, and that is written down", () => {
  const pods = Array.from({ length: 1200 }, (_, index) =>
    withAddress(`p${index}`, index + 1, { ready: index < 900 }),
  );
  const made = reconcileEndpoints(service(), pods, undefined)!;
  assert.equal(made.subsets?.[0]?.addresses?.length, 900);
  assert.equal(made.subsets?.[0]?.notReadyAddresses?.length, 100);
  assert.equal(made.metadata.annotations?.["endpoints.kubernetes.io/over-capacity"], "truncated");
  assert.equal(reconcileEndpoints(service(), pods, made), undefined);
});

test("several subsets are cut by their shares", () => {
  const spec = { ports: [{ name: "http", protocol: "TCP" as const, port: 80, targetPort: "web" }] };
  const pods = Array.from({ length: 2000 }, (_, index) => {
    const ports = [{ name: "web", containerPort: index < 500 ? 8080 : 9090, protocol: "TCP" as const }];
    return withAddress(`p${index}`, index + 1, { spec: { containers: [{ name: "c", ports }] } });
  });
  const made = reconcileEndpoints(service({ spec }), pods, undefined);
  assert.deepEqual(
    made?.subsets?.map(({ addresses }) => addresses?.length),
    [250, 750],
  );
});
