import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyObject, KINDS, type Kind, tableOf } from "../../src/objects/index.ts";

const NOW = new Date("2026-01-01T00:01:00Z");
const CREATED = "2026-01-01T00:00:00Z";

function rowOf(kind: Kind, fields: object, includeObject: "None" | "Metadata" | "Object" = "None") {
  const object = { metadata: { name: "x", creationTimestamp: CREATED }, ...fields } as unknown as AnyObject;
  const table = tableOf(kind, [object], { now: NOW, includeObject });
  return {
    table,
    names: table.columnDefinitions.map((column) => column.name),
    cells: table.rows[0]?.cells,
    object,
  };
}

const CONTAINER = { name: "c", image: "i" };

for (const [what, status, expected] of [
  [
    "waits for an image",
    {
      containerStatuses: [{ ready: false, restartCount: 0, state: { waiting: { reason: "ErrImagePull" } } }],
    },
    ["0/1", "ErrImagePull", "0"],
  ],
  [
    "has restarted",
    {
      phase: "Running",
      containerStatuses: [
        {
          ready: true,
          restartCount: 2,
          state: { running: {} },
          lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-01T00:00:50Z" } },
        },
      ],
    },
    ["1/1", "Running", "2 (10s ago)"],
  ],
  [
    "was killed",
    { containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 137, signal: 9 } } }] },
    ["0/1", "Signal:9", "0"],
  ],
  [
    "has ended",
    {
      phase: "Succeeded",
      containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 0, reason: "Completed" } } }],
    },
    ["0/1", "Completed", "0"],
  ],
  [
    "initializes",
    { phase: "Pending", initContainerStatuses: [{ name: "init", restartCount: 1, state: { running: {} } }] },
    ["0/1", "Init:0/1", "1"],
  ],
  [
    "fails to initialize",
    { initContainerStatuses: [{ name: "init", restartCount: 0, state: { terminated: { exitCode: 2 } } }] },
    ["0/1", "Init:ExitCode:2", "0"],
  ],
] as const) {
  test(`a Pod that ${what} shows ${expected.join(" ")}`, () => {
    const { cells } = rowOf(KINDS.Pod, {
      spec: { containers: [CONTAINER], initContainers: [{ name: "init" }] },
      status,
    });
    assert.deepEqual(cells?.slice(1, 4), expected);
  });
}

test("a Pod that goes is terminating, and shows its first address, node and gates", () => {
  const { cells } = rowOf(KINDS.Pod, {
    metadata: { name: "p", creationTimestamp: CREATED, deletionTimestamp: CREATED },
    spec: {
      containers: [CONTAINER],
      nodeName: "n",
      readinessGates: [{ conditionType: "a" }, { conditionType: "b" }],
    },
    status: { podIPs: [{ ip: "fd00::1" }, { ip: "10.0.0.1" }], conditions: [{ type: "b", status: "True" }] },
  });
  assert.deepEqual(cells, ["p", "0/1", "Terminating", "0", "60s", "fd00::1", "n", "<none>", "1/2"]);
});

test("Services show both addresses in one column more, where there are two", () => {
  const spec = {
    type: "NodePort",
    clusterIP: "10.96.0.1",
    ports: [{ port: 80, nodePort: 30080, protocol: "TCP" }],
    selector: { b: "1", a: "2" },
  };
  const one = rowOf(KINDS.Service, { spec: { ...spec, clusterIPs: ["10.96.0.1"] } });
  assert.deepEqual(one.cells, ["x", "NodePort", "10.96.0.1", "<none>", "80:30080/TCP", "60s", "a=2,b=1"]);
  const two = rowOf(KINDS.Service, { spec: { ...spec, clusterIPs: ["10.96.0.1", "fd00:10:96::1"] } });
  assert.deepEqual(two.cells, [...(one.cells ?? []), "10.96.0.1,fd00:10:96::1"]);
  assert.deepEqual(two.names, [...one.names, "Cluster-IPs"]);
  assert.equal(two.table.columnDefinitions.at(-1)?.priority, 1);
});

for (const [spec, status, expected] of [
  [{ type: "ExternalName", externalName: "a.example" }, {}, "a.example"],
  [{ type: "LoadBalancer" }, {}, "<pending>"],
  [
    { type: "LoadBalancer", externalIPs: ["192.0.2.1"] },
    { loadBalancer: { ingress: [{ ip: "2001:db8::1" }, { hostname: "lb" }] } },
    "2001:db8::1,lb,192.0.2.1",
  ],
] as const) {
  test(`a Service with ${JSON.stringify(spec)} has the external address ${expected}`, () => {
    assert.equal(rowOf(KINDS.Service, { spec, status }).cells?.[3], expected);
  });
}

test("Endpoints and slices show three of their endpoints, IPv6 in brackets before a port", () => {
  const addresses = ["fd00::1", "10.0.0.1", "10.0.0.2", "10.0.0.3"].map((ip) => ({ ip }));
  const endpoints = rowOf(KINDS.Endpoints, { subsets: [{ addresses, ports: [{ port: 80 }] }] });
  assert.equal(endpoints.cells?.[1], "[fd00::1]:80,10.0.0.1:80,10.0.0.2:80 + 1 more...");
  const slice = rowOf(KINDS.EndpointSlice, { addressType: "IPv6", ports: null, endpoints: null });
  assert.deepEqual(slice.cells, ["x", "IPv6", "<unset>", "<unset>", "60s"]);
});

test("Nodes show state, roles and addresses", () => {
  const { cells } = rowOf(KINDS.Node, {
    metadata: {
      name: "n",
      creationTimestamp: CREATED,
      labels: { "node-role.kubernetes.io/b": "", "kubernetes.io/role": "a" },
    },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: "Ready", status: "True" }],
      nodeInfo: {
        kubeletVersion: "v1.35.4",
        osImage: "Debian",
        kernelVersion: "6.1",
        containerRuntimeVersion: "tandem://1",
      },
      addresses: [{ type: "InternalIP", address: "172.18.0.2" }],
    },
  });
  assert.deepEqual(cells, [
    "n",
    "Ready,SchedulingDisabled",
    "a,b",
    "60s",
    "v1.35.4",
    "172.18.0.2",
    "<none>",
    "Debian",
    "6.1",
    "tandem://1",
  ]);
});

test("Events show what happened to what, and when last", () => {
  const { cells } = rowOf(KINDS.Event, {
    involvedObject: { kind: "Pod", name: "p", fieldPath: "spec.containers{c}" },
    type: "Warning",
    reason: "BackOff",
    message: "Back-off restarting\n",
    source: { component: "kubelet", host: "n" },
    firstTimestamp: CREATED,
    lastTimestamp: "2026-01-01T00:00:55Z",
    count: 4,
  });
  assert.deepEqual(cells, [
    "5s",
    "Warning",
    "BackOff",
    "pod/p",
    "spec.containers{c}",
    "kubelet, n",
    "Back-off restarting",
    "60s",
    4,
    "x",
  ]);
});

test("ServiceCIDRs and IPAddresses show what they hold and whose they are", () => {
  assert.equal(
    rowOf(KINDS.ServiceCIDR, { spec: { cidrs: ["10.0.0.0/24", "fd00::/112"] } }).cells?.[1],
    "10.0.0.0/24,fd00::/112",
  );
  const parentRef = { group: "", resource: "services", namespace: "default", name: "kubernetes" };
  assert.deepEqual(rowOf(KINDS.IPAddress, { spec: { parentRef } }).cells, [
    "x",
    "services/default/kubernetes",
  ]);
});

test("rows carry nothing, the metadata or the whole object", () => {
  assert.equal(rowOf(KINDS.ConfigMap, {}, "None").table.rows[0]?.object, null);
  const whole = rowOf(KINDS.ConfigMap, { data: { a: "1" } }, "Object");
  assert.equal(whole.table.rows[0]?.object, whole.object);
  assert.deepEqual(rowOf(KINDS.ConfigMap, {}, "Metadata").table.rows[0]?.object, {
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: { name: "x", creationTimestamp: CREATED },
  });
});

test("every built-in kind has as many cells as columns", () => {
  const fields = { spec: { template: { spec: {} } }, involvedObject: {}, roleRef: {} };
  for (const kind of Object.values(KINDS)) {
    const { cells, names } = rowOf(kind, fields);
    assert.equal(cells?.length, names.length, kind.kind);
  }
});
