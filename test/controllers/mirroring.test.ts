import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MAX_PER_SUBSET,
  MIRROR_NAME,
  mirrorEndpoints,
} from "../../src/controllers/endpointslicemirroring/reconcile.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Endpoints, EndpointSlice, KubeEvent, Service } from "../../src/objects/types.ts";
import { eventually, startCluster } from "./cluster.ts";

const PORTS = [{ name: "http", port: 80, protocol: "TCP" as const }];

function endpoints(subsets: Endpoints["subsets"], metadata: Partial<Endpoints["metadata"]> = {}): Endpoints {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "outside", namespace: "default", uid: "u", ...metadata },
    ...(subsets === undefined ? {} : { subsets }),
  };
}

/** Slices as if the API had taken them. */
function stored(slices: readonly EndpointSlice[], from = 0): EndpointSlice[] {
  return slices.map((slice, index) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `outside-${from + index}` },
  }));
}

function shape(slices: readonly EndpointSlice[]) {
  return slices.map(({ addressType, ports, endpoints: list }) => [
    addressType,
    ports?.map(({ port }) => port),
    list?.map(({ addresses, conditions }) => [...addresses, conditions?.ready]),
  ]);
}

test("each family and set of ports has a slice, with what the Endpoints say of themselves", () => {
  const source = endpoints(
    [
      {
        addresses: [{ ip: "192.0.2.1", hostname: "a", nodeName: "n" }, { ip: "2001:DB8::1" }],
        notReadyAddresses: [{ ip: "192.0.2.02" }],
        ports: PORTS,
      },
      { addresses: [{ ip: "2001:db8::2" }], ports: [{ port: 90, protocol: "UDP" }] },
    ],
    {
      labels: { tier: "db", "kubernetes.io/service-name": "other" },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "x", note: "y" },
    },
  );
  const { create, update, delete: removed, invalid, tooMany } = mirrorEndpoints(source, []);
  assert.deepEqual(shape(create), [
    [
      "IPv4",
      [80],
      [
        ["192.0.2.1", true],
        ["192.0.2.2", false],
      ],
    ],
    ["IPv6", [80], [["2001:db8::1", true]]],
    ["IPv6", [90], [["2001:db8::2", true]]],
  ]);
  assert.deepEqual([update, removed, invalid, tooMany], [[], [], 0, 0]);
  const [first] = create;
  assert.deepEqual(first?.metadata.labels, {
    tier: "db",
    "kubernetes.io/service-name": "outside",
    "endpointslice.kubernetes.io/managed-by": MIRROR_NAME,
  });
  assert.deepEqual(first?.metadata.annotations, { note: "y" });
  assert.deepEqual(
    first?.metadata.ownerReferences?.map(({ kind, controller }) => [kind, controller]),
    [["Endpoints", true]],
  );
  assert.equal(first?.endpoints?.[0]?.hostname, "a");
  assert.equal(create[2]?.ports?.[0]?.name, "");
});

test("what is right stays; a change is made in place; a slice to spare takes the place of a new one", () => {
  const source = endpoints([{ addresses: [{ ip: "192.0.2.1" }], ports: PORTS }]);
  const slices = stored(mirrorEndpoints(source, []).create);
  const none = mirrorEndpoints(source, slices);
  assert.deepEqual([none.create, none.update, none.delete], [[], [], []]);
  const labelled = mirrorEndpoints(
    { ...source, metadata: { ...source.metadata, labels: { a: "b" } } },
    slices,
  );
  assert.deepEqual(
    labelled.update.map(({ metadata }) => [metadata.name, metadata.labels?.["a"]]),
    [["outside-0", "b"]],
  );
  const more = endpoints([{ addresses: [{ ip: "192.0.2.1" }, { ip: "192.0.2.2" }], ports: PORTS }]);
  assert.deepEqual(shape(mirrorEndpoints(more, slices).update)[0]?.[2], [
    ["192.0.2.1", true],
    ["192.0.2.2", true],
  ]);
  const moved = endpoints([{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 81, protocol: "TCP" }] }]);
  const { create, update, delete: removed } = mirrorEndpoints(moved, slices);
  assert.deepEqual([create, removed], [[], []]);
  assert.deepEqual(
    update.map(({ metadata, ports }) => [metadata.name, ports?.[0]?.port]),
    [["outside-0", 81]],
  );
  const other = endpoints([{ addresses: [{ ip: "2001:db8::1" }], ports: PORTS }]);
  const switched = mirrorEndpoints(other, slices);
  assert.deepEqual([switched.create.length, switched.update.length, switched.delete.length], [1, 0, 1]);
});

test("addresses that are none, and those beyond a thousand of a subset, are left out and counted", () => {
  const addresses = Array.from({ length: MAX_PER_SUBSET + 5 }, (_, index) => ({
    ip: `10.0.${index >> 8}.${index & 255}`,
  }));
  const made = mirrorEndpoints(
    endpoints([{ addresses: [{ ip: "db.example.com" }, ...addresses], ports: PORTS }]),
    [],
  );
  assert.deepEqual([made.create[0]?.endpoints?.length, made.invalid, made.tooMany], [MAX_PER_SUBSET, 1, 5]);
  assert.deepEqual(mirrorEndpoints(endpoints(undefined), []).create, []);
  const leaving = endpoints([{ addresses: [{ ip: "192.0.2.1" }], ports: PORTS }], { deletionTimestamp: "x" });
  assert.deepEqual(mirrorEndpoints(leaving, []).create, []);
});

test("a Service without a selector gets slices of its Endpoints, and loses them with these or for a selector", async () => {
  const cluster = await startCluster();
  const { client } = cluster;
  try {
    const list = async () => {
      const { items } = await client.list<EndpointSlice>(KINDS.EndpointSlice, { namespace: "default" });
      return items.filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === "outside");
    };
    const spec = { ipFamilyPolicy: "RequireDualStack", ports: [{ name: "http", port: 80 }] };
    await client.create<Service>(KINDS.Service, {
      metadata: { name: "outside", namespace: "default" },
      spec,
    } as Service);
    const subsets = [{ addresses: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }], ports: PORTS }];
    const source = { metadata: { name: "outside", namespace: "default" }, subsets };
    await client.create<Endpoints>(KINDS.Endpoints, source as unknown as Endpoints);
    const made = await eventually(list, (slices) => slices.length === 2);
    assert.deepEqual(made.map(({ addressType }) => addressType).sort(), ["IPv4", "IPv6"]);
    const skip = (value: string | null) => ({
      metadata: { labels: { "endpointslice.kubernetes.io/skip-mirror": value } },
    });
    await client.patch(KINDS.Endpoints, "outside", "default", skip("true"), { type: "merge" });
    await eventually(list, (slices) => slices.length === 0);
    await client.patch(KINDS.Endpoints, "outside", "default", skip(null), { type: "merge" });
    await eventually(list, (slices) => slices.length === 2);
    await client.patch(
      KINDS.Service,
      "outside",
      "default",
      { spec: { selector: { a: "b" } } },
      { type: "merge" },
    );
    const selected = await eventually(list, (slices) =>
      slices.every(
        ({ metadata }) => metadata.labels?.["endpointslice.kubernetes.io/managed-by"] !== MIRROR_NAME,
      ),
    );
    assert.deepEqual(
      selected.flatMap(({ endpoints: own }) => own ?? []),
      [],
    );
    const { items } = await client.list<KubeEvent>(KINDS.Event, { namespace: "default" });
    assert.deepEqual(
      items.map(({ reason }) => reason).filter((reason) => reason?.includes("Address")),
      [],
    );
  } finally {
    await cluster.close();
  }
});
