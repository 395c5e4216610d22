import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ManagedKind,
  managedCustomResource,
  managedFieldsAfterUpdate,
  managedKind,
  managedScale,
  parentManagedFields,
  readConfiguration,
  scaleManagedFields,
  serverSideApply,
} from "../../../src/objects/apply/index.ts";
import { type AnyObject, decodeValue, KINDS } from "../../../src/objects/index.ts";
import { ApiError } from "../../../src/objects/status.ts";

const NOW = "2026-01-01T00:00:00Z";
const DEPLOYMENT = managedKind(KINDS.Deployment);
const SERVICE = managedKind(KINDS.Service);
const CONFIG_MAP = managedKind(KINDS.ConfigMap);

interface Options {
  readonly live?: AnyObject | undefined;
  readonly manager?: string;
  readonly force?: boolean;
  readonly now?: string;
  readonly subresource?: string;
}

function apply(kind: ManagedKind, configuration: unknown, options: Options = {}) {
  const { live, manager = "alice", force = false, now = NOW, subresource } = options;
  const result = serverSideApply(kind, { live, configuration, manager, force, now, subresource });
  result.object.metadata.uid = "u";
  return result;
}

const configMap = (data: object | undefined, metadata: object = {}): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "c", ...metadata },
  ...(data === undefined ? {} : { data }),
});

const service = (spec: object): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "s" },
  spec,
});

const owners = (object: AnyObject): Record<string, unknown> =>
  Object.fromEntries(
    (object.metadata.managedFields as { manager: string; operation: string; fieldsV1: unknown }[]).map(
      (entry) => [`${entry.manager} ${entry.operation}`, entry.fieldsV1],
    ),
  );

function refusal(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("what a manager no longer applies goes, unless somebody else applies it", () => {
  let { object } = apply(CONFIG_MAP, configMap({ a: "1", b: "1" }));
  ({ object } = apply(CONFIG_MAP, configMap({ b: "1", c: "1" }), { live: object, manager: "bob" }));
  ({ object } = apply(CONFIG_MAP, configMap({ a: "1" }), { live: object }));
  assert.deepEqual(object["data"], { a: "1", b: "1", c: "1" });
  ({ object } = apply(CONFIG_MAP, configMap(undefined), { live: object, manager: "bob" }));
  assert.deepEqual(object["data"], { a: "1" });
  assert.deepEqual(owners(object), { "alice Apply": { "f:data": { "f:a": {} } } });
});

test("fields that nobody owns stay", () => {
  const live = {
    ...configMap({ a: "1", z: "1" }),
    metadata: { name: "c", uid: "u" },
  } as unknown as AnyObject;
  const first = apply(CONFIG_MAP, configMap({ b: "1" }), { live }).object;
  assert.deepEqual(owners(first), {
    "alice Apply": { "f:data": { "f:b": {} } },
    "before-first-apply Update": { "f:data": { ".": {}, "f:a": {}, "f:z": {} } },
  });
  const second = apply(CONFIG_MAP, configMap({}), { live: first }).object;
  assert.deepEqual(second["data"], { a: "1", z: "1" });
});

test("applying the same again changes nothing, not even the time", () => {
  const first = apply(CONFIG_MAP, configMap({ a: "1" }));
  const second = apply(CONFIG_MAP, configMap({ a: "1" }), {
    live: first.object,
    now: "2027-01-01T00:00:00Z",
  });
  assert.equal(second.changed, false);
  assert.deepEqual(second.object, first.object);
});

test("a manager that applies what is there already owns it from no time on", () => {
  const first = apply(CONFIG_MAP, configMap({ a: "1" }));
  const second = apply(CONFIG_MAP, configMap({ a: "1" }), { live: first.object, manager: "bob" });
  const [, bob] = [...(second.managedFields ?? [])].sort((a, b) => (a.manager! < b.manager! ? -1 : 1));
  assert.equal(bob?.manager, "bob");
  assert.equal(bob?.time, undefined);
});

test("a conflict names the manager and the field, and force takes the field over", () => {
  const { object } = apply(CONFIG_MAP, configMap({ a: "1", b: "1" }));
  const conflict = refusal(() => apply(CONFIG_MAP, configMap({ a: "2" }), { live: object, manager: "bob" }));
  assert.deepEqual(conflict.status, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'Apply failed with 1 conflict: conflict with "alice": .data.a',
    reason: "Conflict",
    details: {
      causes: [{ reason: "FieldManagerConflict", message: 'conflict with "alice"', field: ".data.a" }],
    },
    code: 409,
  });
  const forced = apply(CONFIG_MAP, configMap({ a: "2" }), {
    live: object,
    manager: "bob",
    force: true,
  }).object;
  assert.deepEqual(owners(forced), {
    "alice Apply": { "f:data": { "f:b": {} } },
    "bob Apply": { "f:data": { "f:a": {} } },
  });
});

test("conflicts with several managers are grouped, with versions and subresources of updates", () => {
  let { object } = apply(CONFIG_MAP, configMap({ a: "1", b: "1" }));
  const next = decodeValue(KINDS.ConfigMap, { ...object, data: { a: "1", b: "5" } }, "Ignore").object;
  const request = { live: object, next, manager: "kubectl-edit", now: NOW, subresource: "status" };
  object = {
    ...next,
    metadata: { ...next.metadata, managedFields: [...managedFieldsAfterUpdate(CONFIG_MAP, request)!] },
  };
  const { message } = refusal(() =>
    apply(CONFIG_MAP, configMap({ a: "9", b: "9" }), { live: object, manager: "x" }),
  );
  assert.equal(
    message,
    "Apply failed with 2 conflicts: " +
      'conflicts with "alice":\n- .data.a\n' +
      'conflicts with "kubectl-edit" with subresource "status" using v1:\n- .data.b',
  );
});

test("keyed items merge by their keys, keep their order, and a left-out key has its default", () => {
  const ports = [
    { name: "http", port: 80, protocol: "TCP" },
    { name: "dns", port: 53, protocol: "UDP" },
  ];
  const { object } = apply(SERVICE, service({ ports }));
  const extra = {
    ports: [
      { port: 80, targetPort: 8080 },
      { name: "x", port: 81, protocol: "TCP" },
    ],
  };
  const merged = apply(SERVICE, service(extra), { live: object, manager: "bob" }).object;
  assert.deepEqual((merged["spec"] as { ports: unknown }).ports, [
    { name: "http", port: 80, protocol: "TCP", targetPort: 8080 },
    { name: "dns", port: 53, protocol: "UDP" },
    { name: "x", port: 81, protocol: "TCP" },
  ]);
});

test("atomic lists and maps are owned as a whole", () => {
  const { object } = apply(SERVICE, service({ selector: { a: "1" }, externalIPs: ["192.0.2.1"] }));
  assert.deepEqual(owners(object), {
    "alice Apply": { "f:spec": { "f:externalIPs": {}, "f:selector": {} } },
  });
  const message = refusal(() =>
    apply(SERVICE, service({ selector: { b: "1" } }), { live: object, manager: "bob" }),
  ).message;
  assert.equal(message, 'Apply failed with 1 conflict: conflict with "alice": .spec.selector');
});

const TYPED = "failed to create typed patch object (/s; /v1, Kind=Service): ";

for (const [what, configuration, message] of [
  ["no version", { kind: "Service" }, "invalid object type: /, Kind=Service"],
  [
    "another kind",
    { apiVersion: "apps/v1", kind: "Deployment" },
    "invalid object type: apps/v1, Kind=Deployment",
  ],
  ["a list", [], "invalid object type: /, Kind="],
  [
    "managers",
    { apiVersion: "v1", kind: "Service", metadata: { name: "s", managedFields: [] } },
    "metadata.managedFields must be nil",
  ],
  ["an unknown field", service({ nope: 1 }), `${TYPED}.spec.nope: field not declared in schema`],
  [
    "an item twice",
    service({ ports: [{ port: 80, protocol: "TCP" }, { port: 80 }] }),
    `${TYPED}.spec.ports: duplicate entries for key [port=80,protocol="TCP"]`,
  ],
  [
    "several mistakes",
    service({ type: 5, ports: { a: 1 }, allocateLoadBalancerNodePorts: "x", healthCheckNodePort: "y" }),
    `${TYPED}errors:\n` +
      "  .spec.type: expected string, got &value.valueUnstructured{Value:5}\n" +
      "  .spec.ports: expected list, got &{map[a:1]}\n" +
      "  .spec.allocateLoadBalancerNodePorts: expected boolean, got &{x}\n" +
      "  .spec.healthCheckNodePort: expected numeric (int or float), got string",
  ],
  ["a text for a map", service("x" as unknown as object), `${TYPED}.spec: expected map, got &{x}`],
] as const) {
  test(`a configuration with ${what} is refused`, () => {
    const error = refusal(() => apply(SERVICE, configuration));
    assert.equal(error.code, 400);
    assert.equal(error.message, message);
  });
}

test("an item without its key is refused", () => {
  const kind = managedKind(KINDS.ServiceAccount);
  const configuration = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "s" },
    secrets: [{ kind: "x" }],
  };
  assert.equal(
    refusal(() => apply(kind, configuration)).message,
    "failed to create typed patch object (/s; /v1, Kind=ServiceAccount): .secrets: element 0: associative list with keys " +
      'has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)',
  );
});

test("kubectl takes over what kubectl apply recorded, and keeps the record up to date", () => {
  const ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";
  const record = JSON.stringify(configMap({ a: "1" }));
  const value = configMap({ a: "1", b: "1" }, { annotations: { [ANNOTATION]: record }, uid: "u" });
  const next = decodeValue(KINDS.ConfigMap, value, "Ignore").object;
  const request = { live: undefined, next, manager: "kubectl-client-side-apply", now: NOW };
  next.metadata.managedFields = [...managedFieldsAfterUpdate(CONFIG_MAP, request)!];
  const taken = apply(CONFIG_MAP, configMap({ a: "2" }), { live: next, manager: "kubectl" }).object;
  assert.deepEqual(taken["data"], { a: "2", b: "1" });
  assert.equal(
    taken.metadata.annotations?.[ANNOTATION],
    '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"c"}}\n',
  );
  const { message } = refusal(() =>
    apply(CONFIG_MAP, configMap({ a: "2", b: "2" }), { live: next, manager: "kubectl" }),
  );
  assert.equal(
    message,
    'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.b',
  );
  assert.throws(() => apply(CONFIG_MAP, configMap({ a: "2" }), { live: next, manager: "other" }), ApiError);
});

test("the status is applied over its subresource only", () => {
  const configuration = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d" },
    spec: { replicas: 3 },
    status: { replicas: 1 },
  };
  const { object } = apply(DEPLOYMENT, configuration);
  assert.deepEqual(owners(object), { "alice Apply": { "f:spec": { "f:replicas": {} } } });
  const status = apply(DEPLOYMENT, configuration, { live: object, manager: "bob", subresource: "status" });
  assert.deepEqual(owners(status.object)["bob Apply"], { "f:status": { "f:replicas": {} } });
});

test("custom resources merge by their schema, and without one by their values", () => {
  const names = { group: "example.com", version: "v1", kind: "Thing" };
  const list = {
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["id"],
    items: { type: "object", properties: { id: { type: "integer" }, v: { type: "string" } } },
  };
  const schema = { type: "object", properties: { spec: { type: "object", properties: { list } } } };
  const things = [
    managedCustomResource({ ...names, schema, hasStatus: true }),
    managedCustomResource({ ...names, hasStatus: false }),
  ];
  const [typed, untyped] = things.map((kind) => {
    const thing = (spec: object): object => ({
      apiVersion: "example.com/v1",
      kind: "Thing",
      metadata: { name: "t" },
      spec,
    });
    const { object } = apply(kind, thing({ list: [{ id: 1, v: "a" }] }));
    return owners(object);
  });
  assert.deepEqual(typed, {
    "alice Apply": { "f:spec": { "f:list": { 'k:{"id":1}': { ".": {}, "f:id": {}, "f:v": {} } } } },
  });
  assert.deepEqual(untyped, { "alice Apply": { "f:spec": { ".": {}, "f:list": {} } } });
});

test("who scales an object owns its number of replicas", () => {
  const kind = { apiVersion: "apps/v1" };
  const configuration = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d" },
    spec: { replicas: 1, paused: true },
  };
  const live = apply(DEPLOYMENT, configuration).object;
  const scale = (replicas: number, managedFields: unknown[] | undefined): AnyObject => ({
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name: "d", uid: "u", ...(managedFields === undefined ? {} : { managedFields }) },
    spec: { replicas },
    status: { replicas: 1 },
  });
  const before = scaleManagedFields(kind, live.metadata.managedFields);
  assert.deepEqual(
    before?.map(({ apiVersion, fieldsV1 }) => [apiVersion, fieldsV1]),
    [["autoscaling/v1", { "f:spec": { "f:replicas": {} } }]],
  );
  const next = scale(5, before);
  const request = { live: scale(1, before), next, manager: "kubectl", subresource: "scale", now: NOW };
  const written = managedFieldsAfterUpdate(managedScale(), request);
  const after = parentManagedFields(kind, live.metadata.managedFields, written);
  assert.deepEqual(
    after?.map((entry) => [entry.manager, entry.subresource, entry.apiVersion, entry.fieldsV1]),
    [
      ["alice", undefined, "apps/v1", { "f:spec": { "f:paused": {} } }],
      ["kubectl", "scale", "apps/v1", { "f:spec": { "f:replicas": {} } }],
    ],
  );
});

test("a configuration is read as YAML or JSON; keys that stand twice are told", () => {
  const yaml = "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: '1'\n  a: '2'\n";
  const read = readConfiguration(yaml, "Warn");
  assert.deepEqual(read.configuration, { apiVersion: "v1", kind: "ConfigMap", data: { a: "2" } });
  const why = 'error converting YAML to JSON: yaml: unmarshal errors:\n  line 5: key "a" already set in map';
  assert.deepEqual(read.warnings, [why]);
  assert.deepEqual(readConfiguration(yaml, "Ignore").warnings, []);
  assert.equal(
    refusal(() => readConfiguration(yaml, "Strict")).message,
    `error strict decoding patch: ${why}`,
  );
  assert.deepEqual(readConfiguration('{"a":[{"b":1}]}', "Strict").configuration, { a: [{ b: 1 }] });
  assert.equal(readConfiguration('{"a":1,"a":2}', "Warn").warnings.length, 1);
});

for (const text of [
  "[]",
  '"x"',
  "5",
  "a: [",
  "{",
  `${"[".repeat(2000)}`,
  `{"a":${'{"a":'.repeat(900)}1${"}".repeat(901)}`,
]) {
  test(`the body ${text.slice(0, 20)} is no configuration`, () => {
    const error = refusal(() => readConfiguration(text, "Strict"));
    assert.equal(error.code, 400);
    assert.match(error.message, /^error decoding patch: /);
  });
}

test("whatever is applied is taken or refused with a reason, and never breaks", () => {
  const word = fc.constantFrom(
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "ports",
    "labels",
    "name",
    "port",
    "a",
    "__proto__",
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "medium" },
      fc.constantFrom(null, true, 0, 80, 1.5, "", "TCP", "v1", "Service"),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(word, tie("any"), { maxKeys: 4 }),
    ),
  })).any;
  let live: AnyObject | undefined;
  fc.assert(
    fc.property(value, fc.boolean(), fc.constantFrom("a", "kubectl"), (spec, force, manager) => {
      const configuration = {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "s" },
        ...Object(spec),
        spec,
      };
      try {
        live = decodeValue(
          KINDS.Service,
          apply(SERVICE, configuration, { live, force, manager }).object,
          "Ignore",
        ).object;
      } catch (error) {
        if (!(error instanceof ApiError) || error.code >= 500) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
