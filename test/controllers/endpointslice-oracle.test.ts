import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { reconcileSlices } from "../../src/controllers/endpointslice/reconcile.ts";
import { matchesSelector } from "../../src/controllers/runtime/labels.ts";
import type { EndpointSlice, Pod, Service } from "../../src/objects/types.ts";
import { Registry } from "../allocation/registry.ts";

// What kube-controller-manager 1.35.4 derived from random Services and pods, replayed without servers. The
// pods name
// nodes that did not exist, as in the recording. The masks are those of test/oracle/endpointslice-
// vectors.mjs, which
// replays the same files over HTTP.

const RANGES: Record<string, string[]> = {
  v4v6: ["10.96.0.0/16", "fd00:10:96::/112"],
  v6v4: ["fd00:10:96::/112", "10.96.0.0/16"],
  v4: ["10.96.0.0/16"],
  v6: ["fd00:10:96::/112"],
};

/**
 * Recorded before the controller ran: the recorder works off eight vectors at once, and of the file that was
 * recorded first the first eight have no slice at all, while in every other file every Service, without pods
 * too, has at least an empty slice per family. The test below holds that this is all there is to it.
 */
const BEFORE_START = new Set([0, 1, 2, 3, 4, 5, 6, 7].map((index) => `v4v6-21-${index}`));

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON
type Json = any;

interface Vector {
  readonly id: string;
  readonly service: Json;
  readonly pods: Json[];
  readonly expect: { slices: Json[] };
}

function vectorsOf(cluster: string): Vector[] {
  const file = new URL(`../oracle/endpointslices-${cluster}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")).vectors;
}

function podOf(recorded: Json): Pod {
  const { name, labels, hostname, subdomain, nodeName, containers, ips, phase, ready, terminating } =
    recorded;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "default",
      uid: `uid-${name}`,
      labels,
      ...(terminating ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: {
      hostname,
      subdomain,
      nodeName,
      containers: containers.map((container: Json) => ({
        ...container,
        ports: container.ports.map((port: Json) => ({ protocol: "TCP", ...port })),
      })),
    },
    status: {
      phase,
      podIP: ips[0],
      podIPs: ips.map((ip: string) => ({ ip })),
      conditions: [
        { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: "2026-01-01T00:00:00Z" },
      ],
    },
  };
}

function serviceOf(registry: Registry, vector: Vector): Service {
  const answer = registry.create("svc", vector.service);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  registry.remove("svc");
  return { ...answer.body, metadata: { ...answer.body.metadata, uid: "uid-svc", namespace: "default" } };
}

function masked(slices: readonly EndpointSlice[]): Json {
  const each = slices.map((slice) => {
    const { "endpointslice.kubernetes.io/managed-by": _, ...labels } = slice.metadata.labels ?? {};
    const endpoints = (slice.endpoints ?? []).map(
      ({ addresses, conditions, hostname, nodeName, targetRef }) => ({
        addresses,
        conditions,
        hostname,
        nodeName,
        target: targetRef?.name,
      }),
    );
    return { addressType: slice.addressType, labels, ports: slice.ports ?? [], endpoints };
  });
  return sorted(JSON.parse(JSON.stringify(each)));
}

/** Lists in order of their texts, objects in order of their keys. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) {
    return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

function slicesFor(registry: Registry, vector: Vector): EndpointSlice[] {
  const service = serviceOf(registry, vector);
  const pods = vector.pods
    .map(podOf)
    .filter((pod) => matchesSelector({ matchLabels: service.spec.selector ?? {} }, pod.metadata.labels));
  const input = { service, pods, nodeOf: () => undefined };
  const { create, ...others } = reconcileSlices({ ...input, slices: [] });
  assert.deepEqual(others, { update: [], delete: [] });
  const written = create.map((slice, index) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `svc-${index}` },
  }));
  assert.deepEqual(
    reconcileSlices({ ...input, slices: written }),
    { create: [], update: [], delete: [] },
    "a second look changes nothing",
  );
  return create;
}

for (const [cluster, ranges] of Object.entries(RANGES)) {
  test(`every recorded Service in a cluster ${cluster} gets the slices of the real controller`, () => {
    const registry = new Registry(...ranges);
    const vectors = vectorsOf(cluster).filter(({ id }) => !BEFORE_START.has(id));
    assert.ok(vectors.length >= 112);
    for (const vector of vectors) {
      assert.deepEqual(masked(slicesFor(registry, vector)), sorted(vector.expect.slices), vector.id);
    }
  });
}

test("the vectors that were recorded before the controller ran are no rule of its own", () => {
  const empty = Object.keys(RANGES)
    .flatMap(vectorsOf)
    .filter(({ expect }) => expect.slices.length === 0)
    .map(({ id }) => id);
  assert.deepEqual(new Set(empty), BEFORE_START);
  const mirror = vectorsOf("v6v4");
  for (const [index, vector] of vectorsOf("v4v6").slice(0, 8).entries()) {
    const twin = mirror[index] as Vector;
    assert.deepEqual(vector.service, twin.service, "the same seed makes the same Service");
    assert.deepEqual(vector.pods, twin.pods, "and the same pods");
    assert.ok(twin.expect.slices.length > 0, "for which the controller made slices as soon as it ran");
    // With families of its own, a Service's slices do not depend on the order of the cluster's.
    if (vector.service.ipFamilyPolicy !== "RequireDualStack") continue;
    const got = slicesFor(new Registry(...(RANGES.v4v6 as string[])), vector);
    assert.deepEqual(masked(got), sorted(twin.expect.slices), vector.id);
  }
});
