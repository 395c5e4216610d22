import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AnyObject,
  admitCreate,
  admitNames,
  beforeCreate,
  beforeUpdate,
  decodeBody,
  defaultObject,
  fillSystemMetadata,
  generateName,
  KINDS,
  type Kind,
} from "../../src/objects/index.ts";
import { ApiError } from "../../src/objects/status.ts";

const NOW = new Date("2026-01-01T00:00:00.789Z");

/** What a POST makes of an object. */
function create(kind: Kind, fields: object): AnyObject {
  const { object } = decodeBody(kind, JSON.stringify(fields), { mode: "Strict" });
  admitNames(kind, object, { namespace: "ns" });
  defaultObject(kind, object);
  admitCreate(kind, object);
  fillSystemMetadata(object, { now: NOW, uid: "u" });
  beforeCreate(kind, object);
  object.metadata.resourceVersion = "1";
  return object;
}

/** What a PUT of a changed copy makes of a stored object. */
function update(
  kind: Kind,
  stored: AnyObject,
  change: (next: AnyObject) => void,
  subresource?: string,
): AnyObject {
  const next = structuredClone(stored);
  change(next);
  defaultObject(kind, next);
  beforeUpdate(kind, next, stored, subresource);
  return next;
}

/** `field: message` of all causes. */
function causesOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const causes = error.status.details?.causes ?? [];
    return [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))];
  }
  return [];
}

const CONTAINER = { name: "c", image: "i:1" };
const pod = (spec: object = {}) => ({ metadata: { name: "p" }, spec: { containers: [CONTAINER], ...spec } });
const template = { metadata: { labels: { app: "x" } }, spec: { containers: [CONTAINER] } };
const workload = (spec: object = {}) => ({
  metadata: { name: "w" },
  spec: { selector: { matchLabels: { app: "x" } }, template, ...spec },
});

test("a generated name ends with five characters of the alphabet and is never longer than 63", () => {
  assert.match(generateName("web-"), /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.equal(generateName("x".repeat(80)).length, 63);
  assert.equal(create(KINDS.ConfigMap, { metadata: { generateName: "a-" } }).metadata.name.length, 7);
});

test("a new object gets uid and time in whole seconds, and no deletion time of the client's", () => {
  const { metadata } = create(KINDS.ConfigMap, {
    metadata: { name: "a", deletionTimestamp: "2026-01-01T00:00:00Z" },
  });
  assert.deepEqual(metadata, {
    name: "a",
    namespace: "ns",
    uid: "u",
    creationTimestamp: "2026-01-01T00:00:00Z",
    resourceVersion: "1",
  });
});

test("body and URL must agree on names", () => {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "other" } };
  assert.throws(() => admitNames(KINDS.ConfigMap, structuredClone(object), { namespace: "ns" }), {
    message: "the namespace of the provided object does not match the namespace sent on the request",
  });
  assert.throws(
    () => admitNames(KINDS.ConfigMap, structuredClone(object), { namespace: "other", name: "b" }),
    {
      message: "the name of the object (a) does not match the name on the URL (b)",
    },
  );
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "n", namespace: "ns" } };
  admitNames(KINDS.Node, node, {});
  assert.equal("namespace" in node.metadata, false);
});

test("a Pod starts pending, with its defaults, class and tolerations", () => {
  const { spec, status, metadata } = create(KINDS.Pod, pod({ hostNetwork: true }));
  assert.equal(metadata.generation, 1);
  assert.deepEqual(status, { phase: "Pending", qosClass: "BestEffort" });
  assert.equal(spec.terminationGracePeriodSeconds, 30);
  assert.equal(spec.containers[0].imagePullPolicy, "IfNotPresent");
  assert.equal(spec.priority, 0);
  assert.deepEqual(
    spec.tolerations.map((toleration: { key: string }) => toleration.key),
    ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"],
  );
});

for (const [resources, expected] of [
  [{ limits: { cpu: "1", memory: "1Gi" } }, "Guaranteed"],
  [{ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } }, "Burstable"],
  [{ requests: { cpu: "1" } }, "Burstable"],
  [{}, "BestEffort"],
] as const) {
  test(`a Pod with ${JSON.stringify(resources)} is ${expected}`, () => {
    const { status } = create(KINDS.Pod, pod({ containers: [{ ...CONTAINER, resources }] }));
    assert.equal(status.qosClass, expected);
  });
}

for (const [spec, cause] of [
  [{ containers: [] }, "spec.containers: Required value"],
  [{ containers: [{ name: "c" }] }, "spec.containers[0].image: Required value"],
  [{ containers: [CONTAINER, CONTAINER] }, 'spec.containers[1].name: Duplicate value: "c"'],
  [
    { containers: [{ ...CONTAINER, ports: [{ containerPort: 0 }] }] },
    "spec.containers[0].ports[0].containerPort: Required value",
  ],
  [
    { containers: [{ ...CONTAINER, volumeMounts: [{ name: "v", mountPath: "/v" }] }] },
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ],
  [
    { containers: [{ ...CONTAINER, livenessProbe: {} }] },
    "spec.containers[0].livenessProbe: Required value: must specify a handler type",
  ],
  [
    { containers: [{ ...CONTAINER, resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }] },
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ],
  [
    { restartPolicy: "Sometimes" },
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
  ],
  [
    { dnsPolicy: "None" },
    "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
  ],
  [
    { hostAliases: [{ ip: "nope", hostnames: ["a"] }] },
    'spec.hostAliases[0].ip: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  [
    { hostNetwork: true, securityContext: { sysctls: [{ name: "net/ipv4/tcp_rmem", value: "1" }] } },
    "spec.securityContext.sysctls[0].name: Invalid value: \"net/ipv4/tcp_rmem\": may not be set with 'hostNetwork' enabled",
  ],
  [
    { securityContext: { sysctls: [{ name: "Net.x", value: "1" }] } },
    'spec.securityContext.sysctls[0].name: Invalid value: "Net.x": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
  ],
] as const) {
  test(`a Pod with the spec ${JSON.stringify(spec)} is refused`, () => {
    assert.deepEqual(
      causesOf(() => create(KINDS.Pod, pod(spec))),
      [cause],
    );
  });
}

test("of a Pod's spec only images, deadline and tolerations may change", () => {
  const stored = create(KINDS.Pod, pod());
  const updated = update(KINDS.Pod, stored, ({ spec }) => {
    spec.containers[0].image = "i:2";
    spec.activeDeadlineSeconds = 5;
    spec.tolerations.push({ key: "x", operator: "Exists" });
  });
  assert.equal(updated.metadata.generation, 2);
  const [cause = ""] = causesOf(() =>
    update(KINDS.Pod, stored, ({ spec }) => Object.assign(spec, { nodeName: "n" })),
  );
  assert.match(cause, /^spec: Forbidden: pod updates may not change fields other than `spec.containers/);
  assert.deepEqual(
    causesOf(() => update(KINDS.Pod, stored, ({ spec }) => spec.containers.push({ name: "d", image: "d" }))),
    ["spec.containers: Forbidden: pod updates may not add or remove containers"],
  );
});

test("a status update touches nothing but the status, and a spec update never does", () => {
  const stored = create(KINDS.Deployment, workload());
  const status = update(
    KINDS.Deployment,
    stored,
    (next) => {
      next.spec.replicas = 9;
      next.status = { replicas: 3 };
    },
    "status",
  );
  assert.deepEqual(
    [status.spec.replicas, status.status, status.metadata.generation],
    [1, { replicas: 3 }, 1],
  );
  const spec = update(KINDS.Deployment, stored, (next) => {
    next.spec.replicas = 9;
    next.status = { replicas: 3 };
    next.metadata.generation = 77;
  });
  assert.deepEqual([spec.spec.replicas, spec.status, spec.metadata.generation], [9, {}, 2]);
});

test("podIPs and hostIPs have one address per family, and the first host address is hostIP", () => {
  const stored = create(KINDS.Pod, pod());
  const set = (status: object) =>
    update(KINDS.Pod, stored, (next) => Object.assign(next.status, status), "status");
  const ips = (...list: string[]) => list.map((ip) => ({ ip }));
  assert.deepEqual(set({ podIPs: ips("10.0.0.1", "fd00::1") }).status.podIP, "10.0.0.1");
  // The singular one wins where they disagree.
  assert.deepEqual(
    set({ podIP: "10.0.0.9", podIPs: ips("10.0.0.1", "fd00::1") }).status.podIPs,
    ips("10.0.0.9"),
  );
  const twice =
    'Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family';
  assert.deepEqual(
    causesOf(() => set({ podIPs: ips("10.0.0.1", "10.0.0.2") })),
    [`status.podIPs: ${twice}`],
  );
  assert.deepEqual(
    causesOf(() => set({ hostIP: "10.0.0.9", hostIPs: ips("10.0.0.1") })),
    ['status.hostIPs[0].ip: Invalid value: "10.0.0.1": must be equal to `hostIP`'],
  );
});

test("a Node's pod ranges stay as they are once given", () => {
  const stored = create(KINDS.Node, {
    metadata: { name: "n" },
    spec: { podCIDRs: ["10.1.0.0/24", "fd00::/64"] },
  });
  assert.equal(stored.spec.podCIDR, "10.1.0.0/24");
  const change = (next: AnyObject) => Object.assign(next.spec, { podCIDR: "10.2.0.0/24" });
  assert.deepEqual(
    causesOf(() => update(KINDS.Node, stored, change)),
    ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
  );
});

test("workloads get their defaults", () => {
  const deployment = create(KINDS.Deployment, workload());
  assert.deepEqual(deployment.spec.strategy, {
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" },
  });
  const daemons = create(KINDS.DaemonSet, workload());
  assert.deepEqual(daemons.spec.updateStrategy.rollingUpdate, { maxUnavailable: 1, maxSurge: 0 });
  assert.equal(daemons.metadata.annotations?.["deprecated.daemonset.template.generation"], "1");
  assert.equal(create(KINDS.ReplicaSet, workload()).spec.replicas, 1);
});

for (const [kind, spec, causes] of [
  [
    KINDS.Deployment,
    { selector: { matchLabels: { app: "y" } } },
    [
      'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
    ],
  ],
  [
    KINDS.Deployment,
    { replicas: -1 },
    ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
  ],
  [
    KINDS.Deployment,
    { strategy: { type: "Recreate", rollingUpdate: {} } },
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  ],
  [
    KINDS.Deployment,
    { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
    ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
  ],
  [
    KINDS.ReplicaSet,
    { selector: {} },
    ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
  ],
  [
    KINDS.DaemonSet,
    { template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } },
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
] as const) {
  test(`a ${kind.kind} with ${JSON.stringify(spec)} is refused`, () => {
    assert.deepEqual(
      causesOf(() => create(kind, workload(spec))),
      causes,
    );
  });
}

test("a selector may not change", () => {
  const stored = create(KINDS.Deployment, workload());
  const relabel = ({ spec }: AnyObject) => {
    spec.selector.matchLabels = { app: "y" };
    spec.template.metadata.labels = { app: "y" };
  };
  assert.deepEqual(
    causesOf(() => update(KINDS.Deployment, stored, relabel)),
    ['spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable'],
  );
});

test("the generation of an EndpointSlice follows its content and labels, not its annotations", () => {
  const stored = create(KINDS.EndpointSlice, {
    metadata: { name: "e" },
    addressType: "IPv6",
    endpoints: [],
    ports: [],
  });
  const generation = (change: (next: AnyObject) => void) =>
    update(KINDS.EndpointSlice, stored, change).metadata.generation;
  assert.equal(
    generation((next) => Object.assign(next.metadata, { annotations: { a: "b" } })),
    1,
  );
  assert.equal(
    generation((next) => Object.assign(next.metadata, { labels: { a: "b" } })),
    2,
  );
  assert.equal(
    generation((next) => Object.assign(next, { endpoints: [{ addresses: ["fd00::1"] }] })),
    2,
  );
});

test("metadata is checked as a whole", () => {
  const metadata = {
    name: "a",
    labels: { "bad key": "v" },
    annotations: { "/x": "" },
    finalizers: ["orphan", "foregroundDeletion"],
    ownerReferences: [
      { apiVersion: "v1", kind: "Pod", name: "p", uid: "1", controller: true },
      { apiVersion: "v1", kind: "Pod", name: "q", uid: "", controller: true },
    ],
  };
  const causes = causesOf(() => create(KINDS.ConfigMap, { metadata }));
  assert.deepEqual(
    causes.map((cause) => cause.slice(0, 61)),
    [
      'metadata.labels: Invalid value: "bad key": name part must con',
      'metadata.annotations: Invalid value: "/x": prefix part must b',
      'metadata.ownerReferences.uid: Invalid value: "": must not be ',
      'metadata.ownerReferences: Invalid value: [{"apiVersion":"v1",',
      'metadata.finalizers: Invalid value: ["orphan","foregroundDele',
    ],
  );
});

test("system fields of a stored object cannot be changed", () => {
  const stored = create(KINDS.ConfigMap, { metadata: { name: "a" } });
  stored.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  stored.metadata.finalizers = ["x.io/a"];
  const next = update(KINDS.ConfigMap, stored, ({ metadata }) => {
    metadata.creationTimestamp = "2020-01-01T00:00:00Z";
    delete metadata.deletionTimestamp;
    delete metadata.uid;
  });
  assert.deepEqual(next.metadata, stored.metadata);
  assert.deepEqual(
    causesOf(() => update(KINDS.ConfigMap, stored, ({ metadata }) => Object.assign(metadata, { uid: "v" }))),
    ['metadata.uid: Invalid value: "v": field is immutable'],
  );
  const add = ({ metadata }: AnyObject) => metadata.finalizers?.push("x.io/b");
  assert.deepEqual(
    causesOf(() => update(KINDS.ConfigMap, stored, add)),
    [
      "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers " +
        '[]string{"x.io/b"}',
    ],
  );
});

test("immutable data stays", () => {
  const stored = create(KINDS.Secret, { metadata: { name: "a" }, stringData: { k: "v" }, immutable: true });
  assert.equal(stored.data.k, "dg==");
  const change = (next: AnyObject) => Object.assign(next, { data: { k: "dw==" }, type: "x/y" });
  assert.deepEqual(
    causesOf(() => update(KINDS.Secret, stored, change)),
    [
      'type: Invalid value: "x/y": field is immutable',
      "data: Forbidden: field is immutable when `immutable` is set",
    ],
  );
});

test("a Namespace is labelled with its name, active and finalized by Kubernetes", () => {
  const { metadata, spec, status } = create(KINDS.Namespace, { metadata: { generateName: "n-" } });
  assert.deepEqual(metadata.labels, { "kubernetes.io/metadata.name": metadata.name });
  assert.deepEqual([spec, status], [{ finalizers: ["kubernetes"] }, { phase: "Active" }]);
});
