import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { SliceChanges } from "../../src/controllers/endpointslice/pack.ts";
import { reconcileSlices, type SliceInput } from "../../src/controllers/endpointslice/reconcile.ts";
import { TriggerTimes } from "../../src/controllers/endpointslice/trigger-time.ts";
import type { EndpointSlice, Pod, Service } from "../../src/objects/types.ts";
import { node, pod, service } from "./builders.ts";

const NODES = new Map([
  ["node-1", node("node-1", { metadata: { labels: { "topology.kubernetes.io/zone": "a" } } })],
  ["node-2", node("node-2", { metadata: { labels: { "topology.kubernetes.io/zone": "b" } } })],
]);

/** Slices as a server keeps them: changes are carried out, new slices get names. */
class Slices {
  slices: EndpointSlice[] = [];
  #names = 0;

  reconcile(input: Partial<SliceInput> & { service: Service; pods: readonly Pod[] }): SliceChanges {
    const changes = reconcileSlices({ nodeOf: (name) => NODES.get(name), slices: this.slices, ...input });
    const gone = new Set(changes.delete.map(({ metadata }) => metadata.name));
    const updated = new Map(changes.update.map((slice) => [slice.metadata.name, slice]));
    for (const name of [...gone, ...updated.keys()])
      assert.ok(this.slices.some(({ metadata }) => metadata.name === name));
    this.slices = this.slices
      .filter(({ metadata }) => !gone.has(metadata.name))
      .map((slice) => updated.get(slice.metadata.name) ?? slice);
    for (const slice of changes.create)
      this.slices.push({ ...slice, metadata: { ...slice.metadata, name: `web-${this.#names++}` } });
    return changes;
  }

  sizes(family: string): number[] {
    return this.slices
      .filter(({ addressType }) => addressType === family)
      .map(({ endpoints }) => endpoints?.length ?? 0);
  }
}

function podOf(index: number, parts: Parameters<typeof pod>[1] = {}): Pod {
  const podIPs = [
    { ip: `10.244.${index >> 8}.${index & 255}` },
    { ip: `fd00:10:244::${index.toString(16)}` },
  ];
  return pod(`p${index}`, { ...parts, status: { podIPs, podIP: podIPs[0]!.ip, ...parts?.status } });
}

function counts({ create, update, delete: gone }: SliceChanges): number[] {
  return [create.length, update.length, gone.length];
}

test("endpoints are packed: kept in place, filled up where slices change anyway, else into the best fit", () => {
  const state = new Slices();
  const pods = Array.from({ length: 5 }, (_, index) => podOf(index + 1));
  const input = { service: service(), maxEndpointsPerSlice: 3 };
  assert.deepEqual(counts(state.reconcile({ ...input, pods })), [4, 0, 0]);
  assert.deepEqual(state.sizes("IPv4"), [3, 2]);
  // One pod goes from the full slice: only that slice is written.
  const less = state.reconcile({ ...input, pods: pods.slice(1) });
  assert.deepEqual(
    [counts(less), state.sizes("IPv4")],
    [
      [0, 2, 0],
      [2, 2],
    ],
  );
  // A new one goes into one unchanged slice.
  const more = state.reconcile({ ...input, pods: [...pods.slice(1), podOf(9)] });
  assert.deepEqual(
    [counts(more), state.sizes("IPv4")],
    [
      [0, 2, 0],
      [3, 2],
    ],
  );
  // Of a changed slice and a new pod the changed slice takes it.
  const changed = [podOf(2, { ready: false }), ...pods.slice(2), podOf(9), podOf(10)];
  const filled = state.reconcile({ ...input, pods: changed });
  assert.deepEqual(counts(filled), [0, 4, 0]);
  assert.deepEqual(counts(state.reconcile({ ...input, pods: changed })), [0, 0, 0]);
});

test("of slices that change anyway the fullest is filled first", () => {
  const state = new Slices();
  const input = { service: service(), maxEndpointsPerSlice: 4 };
  const pods = Array.from({ length: 8 }, (_, index) => podOf(index + 1));
  state.reconcile({ ...input, pods });
  assert.deepEqual(state.sizes("IPv4"), [4, 4]);
  // The first slice loses two pods, the second one; one comes.
  state.reconcile({ ...input, pods: [...pods.slice(2, 7), podOf(9)] });
  assert.deepEqual(state.sizes("IPv4"), [2, 4]);
});

test("without endpoints one empty slice per family stands, and is used again", () => {
  const state = new Slices();
  assert.deepEqual(counts(state.reconcile({ service: service(), pods: [] })), [2, 0, 0]);
  assert.deepEqual(state.slices[0]?.ports, []);
  assert.deepEqual(counts(state.reconcile({ service: service(), pods: [] })), [0, 0, 0]);
  assert.deepEqual(counts(state.reconcile({ service: service(), pods: [podOf(1)] })), [0, 2, 0]);
  assert.deepEqual(
    state.slices.map(({ ports }) => ports?.[0]?.port),
    [8080, 8080],
  );
  assert.deepEqual(counts(state.reconcile({ service: service(), pods: [] })), [0, 2, 0]);
  assert.deepEqual(state.sizes("IPv6"), [0]);
});

test("a family that the Service loses loses its slices", () => {
  const state = new Slices();
  state.reconcile({ service: service(), pods: [podOf(1)] });
  assert.deepEqual(
    counts(state.reconcile({ service: service({ spec: { ipFamilies: ["IPv4"] } }), pods: [podOf(1)] })),
    [0, 0, 1],
  );
  assert.deepEqual(
    state.slices.map(({ addressType }) => addressType),
    ["IPv4"],
  );
});

test("pods that serve a named port by different numbers are in slices of their own", () => {
  const named = service({
    spec: { ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: "web" }] },
  });
  const serving = (index: number, containerPort: number) =>
    podOf(index, {
      spec: {
        nodeName: "node-1",
        containers: [{ name: "c", ports: [{ name: "web", containerPort, protocol: "TCP" }] }],
      },
    });
  const state = new Slices();
  state.reconcile({ service: named, pods: [serving(1, 8080), serving(2, 9090), podOf(3)] });
  const shape = state.slices
    .filter(({ addressType }) => addressType === "IPv4")
    .map(({ ports, endpoints }) => [ports?.map(({ port }) => port), endpoints?.length]);
  assert.deepEqual(shape, [
    [[8080], 1],
    [[9090], 1],
    [[], 1],
  ]);
});

test("readiness, termination and publishNotReadyAddresses decide the conditions", () => {
  const conditionsOf = (spec: Service["spec"], parts: Parameters<typeof pod>[1]) => {
    const { create } = reconcileSlices({
      service: service({ spec }),
      pods: [podOf(1, parts)],
      slices: [],
      nodeOf: (name) => NODES.get(name),
    });
    return create[0]?.endpoints?.[0]?.conditions;
  };
  const dying = { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } };
  assert.deepEqual(conditionsOf({}, {}), { ready: true, serving: true, terminating: false });
  assert.deepEqual(conditionsOf({}, { ready: false }), { ready: false, serving: false, terminating: false });
  assert.deepEqual(conditionsOf({}, dying), { ready: false, serving: true, terminating: true });
  assert.deepEqual(conditionsOf({ publishNotReadyAddresses: true }, { ...dying, ready: false }), {
    ready: true,
    serving: false,
    terminating: true,
  });
  assert.equal(conditionsOf({}, { spec: { nodeName: "unknown", containers: [] } }), undefined);
  assert.equal(
    conditionsOf({ publishNotReadyAddresses: true }, { spec: { nodeName: "unknown", containers: [] } })
      ?.ready,
    true,
  );
});

test("slices carry the Service's labels, its headless mark, owner and trigger time", () => {
  const headless = service({
    metadata: { labels: { team: "a", "kubernetes.io/service-name": "fake" } },
    spec: { clusterIP: "None", clusterIPs: ["None"] },
  });
  const state = new Slices();
  state.reconcile({ service: headless, pods: [podOf(1)], triggerTime: "2026-01-01T00:00:00Z" });
  const { metadata } = state.slices[0]!;
  assert.deepEqual(metadata.labels, {
    team: "a",
    "service.kubernetes.io/headless": "",
    "kubernetes.io/service-name": "web",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
  });
  assert.deepEqual(metadata.ownerReferences, [
    {
      apiVersion: "v1",
      kind: "Service",
      name: "web",
      uid: "uid-web",
      controller: true,
      blockOwnerDeletion: true,
    },
  ]);
  assert.deepEqual(metadata.annotations, {
    "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z",
  });
  const relabelled = { ...headless, metadata: { ...headless.metadata, labels: { team: "b" } } };
  assert.deepEqual(counts(state.reconcile({ service: relabelled, pods: [podOf(1)] })), [0, 2, 0]);
  assert.equal(state.slices[0]?.metadata.labels?.team, "b");
  assert.deepEqual(state.slices[0]?.metadata.annotations, {});
});

test("slices of an older Service of the name are replaced, not taken over", () => {
  const state = new Slices();
  state.reconcile({ service: service({ metadata: { uid: "older" } }), pods: [podOf(1)] });
  assert.deepEqual(counts(state.reconcile({ service: service(), pods: [podOf(1)] })), [2, 0, 2]);
  assert.deepEqual([state.sizes("IPv4"), state.sizes("IPv6")], [[1], [1]]);
});

test("a Service that is being deleted gets no new slices", () => {
  const dying = service({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } });
  assert.deepEqual(counts(new Slices().reconcile({ service: dying, pods: [podOf(1)] })), [0, 0, 0]);
});

test("trafficDistribution puts hints onto ready endpoints, and its end takes them away", () => {
  const state = new Slices();
  const pods = [
    podOf(1),
    podOf(2, { spec: { nodeName: "node-2", containers: [] } }),
    podOf(3, { ready: false }),
  ];
  const hints = () =>
    state.slices
      .filter(({ addressType }) => addressType === "IPv6")
      .flatMap(({ endpoints }) => endpoints?.map((endpoint) => endpoint.hints ?? null));
  state.reconcile({ service: service(), pods });
  assert.deepEqual(hints(), [null, null, null]);
  state.reconcile({ service: service({ spec: { trafficDistribution: "PreferClose" } }), pods });
  assert.deepEqual(hints(), [{ forZones: [{ name: "a" }] }, { forZones: [{ name: "b" }] }, null]);
  state.reconcile({ service: service({ spec: { trafficDistribution: "PreferSameNode" } }), pods });
  assert.deepEqual(hints()?.[1], { forZones: [{ name: "b" }], forNodes: [{ name: "node-2" }] });
  assert.deepEqual(counts(state.reconcile({ service: service(), pods })), [0, 2, 0]);
  assert.deepEqual(hints(), [null, null, null]);
});

test("whatever pods come and go, each is in exactly one slice per family, none is over-full, and a second look changes nothing", () => {
  const members = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 30 });
  fc.assert(
    fc.property(
      fc.array(members, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 7 }),
      (steps, maxEndpointsPerSlice) => {
        const state = new Slices();
        for (const step of steps) {
          const input = { service: service(), pods: step.map((index) => podOf(index)), maxEndpointsPerSlice };
          state.reconcile(input);
          for (const family of ["IPv4", "IPv6"]) {
            const slices = state.slices.filter(({ addressType }) => addressType === family);
            const names = slices.flatMap(({ endpoints }) =>
              (endpoints ?? []).map(({ targetRef }) => targetRef?.name),
            );
            assert.deepEqual(names.sort(), step.map((index) => `p${index}`).sort());
            assert.ok(
              slices.length > 0 &&
                slices.every(({ endpoints }) => (endpoints?.length ?? 0) <= maxEndpointsPerSlice),
            );
          }
          assert.deepEqual(counts(state.reconcile(input)), [0, 0, 0]);
        }
      },
    ),
  );
});

test("the trigger time is the earliest of what has changed since the last sync", () => {
  const times = new TriggerTimes();
  const at = (time: string) =>
    pod("p", { status: { conditions: [{ type: "Ready", status: "True", lastTransitionTime: time }] } });
  assert.equal(times.next("k", service(), []), "2026-01-01T00:00:00Z");
  assert.equal(times.next("k", service(), []), undefined);
  assert.equal(times.next("k", service(), [at("2026-01-01T00:00:05Z")]), "2026-01-01T00:00:05Z");
  assert.equal(times.next("k", service(), [at("2026-01-01T00:00:05Z")]), undefined);
  const two = [at("2026-01-01T00:00:09Z"), { ...at("2026-01-01T00:00:07Z"), metadata: { name: "q" } }];
  assert.equal(times.next("k", service(), two), "2026-01-01T00:00:07Z");
});
