import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBody, decodeValue, KINDS, type Kind } from "../../src/objects/index.ts";
import { hasDuplicateKeys, parseGoJson, plainValue } from "../../src/objects/schema/go-json.ts";
import { ApiError } from "../../src/objects/status.ts";

type Mode = "Strict" | "Warn" | "Ignore";

function decode(kind: Kind, body: unknown, mode: Mode = "Strict") {
  return decodeBody(kind, typeof body === "string" ? body : JSON.stringify(body), { mode });
}

function errorOf(kind: Kind, body: unknown, mode: Mode = "Strict"): string {
  try {
    decode(kind, body, mode);
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}

const HEAD = 'Service in version "v1" cannot be handled as a Service: ';

for (const [spec, text] of [
  [{ nope: 1 }, 'strict decoding error: unknown field "spec.nope"'],
  [{ ports: [{ port: 1 }, { port: 2, x: 1 }] }, 'strict decoding error: unknown field "spec.ports[1].x"'],
  [
    { ports: [{ port: "80" }] },
    "json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32",
  ],
  [
    { ports: [{ port: 1.5 }] },
    "json: cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.port of type int32",
  ],
  [
    { ports: [{ port: 99999999999 }] },
    "json: cannot unmarshal number 99999999999 into Go struct field ServicePort.spec.ports.port of type int32",
  ],
  [
    { ports: {} },
    "json: cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort",
  ],
  [
    { type: 5 },
    "json: cannot unmarshal number into Go struct field ServiceSpec.spec.type of type v1.ServiceType",
  ],
  [
    { selector: { a: 1 } },
    "json: cannot unmarshal number into Go struct field ServiceSpec.spec.selector of type string",
  ],
  [
    { publishNotReadyAddresses: "yes" },
    "json: cannot unmarshal string into Go struct field ServiceSpec.spec.publishNotReadyAddresses of type bool",
  ],
] as const) {
  test(`a Service with the spec ${JSON.stringify(spec)} is refused`, () => {
    assert.equal(errorOf(KINDS.Service, { metadata: { name: "s" }, spec }), `400 ${HEAD}${text}`);
  });
}

test("a spec that is no object is refused", () => {
  const text = "json: cannot unmarshal array into Go struct field Service.spec of type v1.ServiceSpec";
  assert.equal(errorOf(KINDS.Service, { spec: [] }), `400 ${HEAD}${text}`);
});

test("unknown and duplicate fields are warnings in the order of the text, or nothing at all", () => {
  const body = '{"spec":{"zz":1,"ports":[{"port":1,"port":2}],"aa":1},"metadata":{"name":"s","name":"t"}}';
  const expected = [
    'unknown field "spec.zz"',
    'duplicate field "spec.ports[0].port"',
    'unknown field "spec.aa"',
    'duplicate field "metadata.name"',
  ];
  const warned = decode(KINDS.Service, body, "Warn");
  assert.deepEqual(warned.warnings, expected);
  assert.deepEqual(warned.object.spec.ports, [{ port: 2, targetPort: 0 }]);
  assert.deepEqual(decode(KINDS.Service, body, "Ignore").warnings, []);
});

for (const [text, expected] of [
  ["", "unexpected end of JSON input"],
  ["{", "unexpected end of JSON input"],
  ["{x}", "invalid character 'x' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
  ["[1 2]", "invalid character '2' after array element"],
  ["nul", "unexpected end of JSON input"],
  ["trux", "invalid character 'x' in literal true (expecting 'e')"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['"\\q"', "invalid character 'q' in string escape code"],
  ["01", "invalid character '1' after top-level value"],
  ["1.", "unexpected end of JSON input"],
  ["{} {}", "invalid character '{' after top-level value"],
] as const) {
  test(`the text ${JSON.stringify(text)} is a syntax error in Go's words`, () => {
    assert.throws(() => parseGoJson(text), { message: expected });
    assert.match(errorOf(KINDS.ConfigMap, text), /^400 the object provided is unrecognized/);
  });
}

test("the slow reader reads what JSON.parse reads, and finds no duplicates where there are none", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(plainValue(parseGoJson(text)), JSON.parse(text));
      assert.equal(hasDuplicateKeys(text, JSON.parse(text)), false);
    }),
  );
});

test("objects come out in one form: sorted fields, no nulls, no empty optional values, zeros where they count", () => {
  const body = {
    spec: {
      replicas: 0,
      paused: false,
      template: { spec: { containers: [{ image: "i", name: "c", args: [] }] } },
    },
    metadata: { name: "d", labels: { z: "1", a: "2" }, annotations: {}, namespace: null },
    kind: "Deployment",
    apiVersion: "apps/v1",
  };
  const { object } = decode(KINDS.Deployment, body);
  assert.equal(
    JSON.stringify(object),
    '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"a":"2","z":"1"},"name":"d"},' +
      '"spec":{"replicas":0,"strategy":{},"template":{"metadata":{},"spec":{"containers":' +
      '[{"image":"i","name":"c","resources":{}}]}}},"status":{}}',
  );
});

test("fields that are always written are null, zero or empty when unset", () => {
  assert.deepEqual(decode(KINDS.EndpointSlice, { endpoints: [] }).object, {
    addressType: "",
    apiVersion: "discovery.k8s.io/v1",
    endpoints: null,
    kind: "EndpointSlice",
    metadata: {},
    ports: null,
  });
  const { object } = decode(KINDS.Pod, { status: { conditions: [{ type: "Ready", status: "True" }] } });
  assert.deepEqual(object.status.conditions, [
    { lastProbeTime: null, lastTransitionTime: null, status: "True", type: "Ready" },
  ]);
});

test("times and quantities are brought to their canonical form", () => {
  const container = { name: "c", resources: { limits: { cpu: 0.5, memory: "1024Mi" } } };
  const { object } = decode(KINDS.Pod, {
    metadata: { name: "p", deletionTimestamp: "2026-01-01T02:00:00.9+02:00" },
    spec: { containers: [container] },
  });
  assert.equal(object.metadata.deletionTimestamp, "2026-01-01T00:00:00Z");
  assert.deepEqual(object.spec.containers[0].resources.limits, { cpu: "500m", memory: "1Gi" });
  const lease = decode(KINDS.Lease, { spec: { renewTime: "2026-01-01T00:00:00.5Z" } });
  assert.equal(lease.object.spec.renewTime, "2026-01-01T00:00:00.500000Z");
});

test("malformed times, quantities and bytes say what is wrong with them", () => {
  assert.match(
    errorOf(KINDS.Pod, { metadata: { creationTimestamp: "yesterday" } }),
    /parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"$/,
  );
  const limits = { cpu: "much" };
  assert.match(
    errorOf(KINDS.Pod, { spec: { containers: [{ name: "c", resources: { limits } }] } }),
    /quantities must match the regular expression/,
  );
  assert.match(errorOf(KINDS.Secret, { data: { a: "not base64!" } }), /illegal base64 data at input byte 3$/);
});

test("YAML is read as Kubernetes reads it", () => {
  const yaml = "metadata: {name: a}\ndata: {time: 12:30, day: 2026-01-01, octal: '010'}\n";
  const { object } = decodeBody(KINDS.ConfigMap, yaml, { mode: "Strict", yaml: true });
  assert.deepEqual(object.data, { day: "2026-01-01", octal: "010", time: "12:30" });
});

test("decoding is idempotent, whatever the values", () => {
  const spec = fc.record(
    {
      type: fc.constantFrom("ClusterIP", "", null),
      ports: fc.array(
        fc.record(
          { port: fc.nat(65535), targetPort: fc.oneof(fc.nat(9), fc.string()) },
          { requiredKeys: [] },
        ),
      ),
      selector: fc.dictionary(fc.string(), fc.string()),
      publishNotReadyAddresses: fc.boolean(),
      unknown: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(spec, (value) => {
      const once = decodeValue(KINDS.Service, { spec: value }, "Ignore").object;
      assert.deepEqual(decodeValue(KINDS.Service, once, "Strict").object, once);
    }),
  );
});
