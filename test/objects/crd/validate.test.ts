import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  admitCustomResource,
  validateCustomResource,
  validateCustomStatus,
} from "../../../src/objects/crd/custom-resource.ts";
import type { Schema } from "../../../src/objects/crd/index.ts";

const CRDS = join(import.meta.dirname, "../../../data/crds/gateway-api-v1.6.3-standard.json");
const NOT_CHECKED =
  "<nil> | Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

function schemaOf(plural: string): Schema {
  const { items } = JSON.parse(readFileSync(CRDS, "utf8"));
  const { spec } = items.find(
    (item: { spec: { names: { plural: string } } }) => item.spec.names.plural === plural,
  );
  return spec.versions.find(({ name }: { name: string }) => name === "v1").schema.openAPIV3Schema;
}

function texts(errors: readonly { field: string; message: string }[]): string[] {
  return errors.map(({ field, message }) => `${field} | ${message}`);
}

/** Schemas of one field, its value, and what kube-openapi and apiextensions v0.35.4 say of it. */
const FIELDS: readonly (readonly [string, Schema, unknown, readonly string[]])[] = [
  [
    "what fits none of one is told with the failures of the schema that passed most checks",
    { type: "object", oneOf: [{ properties: { v: { format: "ipv4" } } }, { required: ["w"] }] },
    { v: "x" },
    [
      '<nil> | Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
      'x.v | Invalid value: "x": x.v in body must be of type ipv4: "x"',
    ],
  ],
  [
    "what fits two of one is told without any",
    { type: "string", oneOf: [{ minLength: 1 }, { maxLength: 9 }] },
    "a",
    [
      '<nil> | Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  ],
  [
    "what fits not all of all",
    { type: "string", allOf: [{ minLength: 3 }, { pattern: "^b" }] },
    "a",
    [
      'x | Invalid value: "a": x in body should be at least 3 chars long',
      "x | Invalid value: \"a\": x in body should match '^b'",
      '<nil> | Invalid value: "": "x" must validate all the schemas (allOf). None validated',
    ],
  ],
  [
    "what fits none of any, once for equal failures",
    { type: "string", minLength: 3, anyOf: [{ minLength: 3 }] },
    "a",
    [
      '<nil> | Invalid value: "": "x" must validate at least one schema (anyOf)',
      'x | Invalid value: "a": x in body should be at least 3 chars long',
    ],
  ],
  [
    "what must not fit",
    { type: "string", not: { pattern: "a" } },
    "a",
    ['<nil> | Invalid value: "": "x" must not validate the schema (not)'],
  ],
  [
    "a wrong type does not end the other checks",
    { type: "string", enum: ["a", "b"] },
    5,
    [
      'x | Invalid value: "integer": x in body must be of type string: "integer"',
      'x | Unsupported value: 5: supported values: "a", "b"',
    ],
  ],
  [
    "where a format is wanted, the format of the number is told",
    { type: "string", format: "date-time" },
    5,
    ['x | Invalid value: "int64": x in body must be of type date-time: "int64"'],
  ],
  ["formats that are not known count for nothing", { type: "integer", format: "int32" }, 5_000_000_000, []],
  ["Go takes leading zeros in an IPv4 address", { type: "string", format: "ipv4" }, "010.001.0.1", []],
  [
    "one item, not items",
    { type: "array", maxItems: 1, items: { type: "string" } },
    ["a", "b"],
    ["x | Too many: 2: must have at most 1 item"],
  ],
  [
    "of items that are there more than twice only the second is told",
    { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
    ["a", "a", "a"],
    ['x[1] | Duplicate value: "a"'],
  ],
  [
    "the scalar that a rule refuses is told, but not an object",
    { type: "string", "x-kubernetes-validations": [{ rule: "self == 'b'", message: "must be b" }] },
    "a",
    ['x | Invalid value: "a": must be b'],
  ],
  [
    "a rule that fails to evaluate is named by itself if it has no message",
    {
      type: "object",
      properties: { a: { type: "string" } },
      "x-kubernetes-validations": [{ rule: "self.a == 'b'" }],
    },
    {},
    ["x | Invalid value: \"object\": no such key: a evaluating rule: self.a == 'b'"],
  ],
  [
    "rules of allOf count",
    { type: "integer", allOf: [{ "x-kubernetes-validations": [{ rule: "self > 3", message: "small" }] }] },
    1,
    ["x | Invalid value: 1: small"],
  ],
];

for (const [name, schema, value, wanted] of FIELDS) {
  test(name, () => {
    const errors = validateCustomResource({ x: value }, { type: "object", properties: { x: schema } });
    assert.deepEqual(texts(errors), wanted);
  });
}

test("an address that is none of its kinds is told of as it, and rules wait", () => {
  const schema = schemaOf("gateways");
  const gateway = {
    spec: {
      gatewayClassName: "x",
      listeners: [{ name: "a", port: 80, protocol: "HTTP" }],
      addresses: [{ type: "IPAddress", value: "example.com" }],
    },
  };
  admitCustomResource(gateway, schema);
  assert.deepEqual(texts(validateCustomResource(gateway, schema)), [
    '<nil> | Invalid value: "": "spec.addresses[0]" must validate one and only one schema (oneOf). Found none valid',
    '<nil> | Invalid value: "": "spec.addresses[0].value" must validate at least one schema (anyOf)',
    'spec.addresses[0].value | Invalid value: "example.com": spec.addresses[0].value in body must be of type ipv4: "example.com"',
    NOT_CHECKED,
  ]);
});

test("of a status only the status is checked, and texts begin there", () => {
  const schema = schemaOf("gateways");
  const stored = { spec: { gatewayClassName: "" } };
  const condition = { type: "A", status: "Maybe", reason: "R", message: "", lastTransitionTime: "x" };
  const next = { ...stored, status: { conditions: [condition] } };
  assert.deepEqual(texts(validateCustomStatus(next, schema, stored)).sort(), [
    NOT_CHECKED,
    'status.conditions[0].lastTransitionTime | Invalid value: "x": conditions[0].lastTransitionTime in body must be of type date-time: "x"',
    'status.conditions[0].status | Unsupported value: "Maybe": supported values: "True", "False", "Unknown"',
  ]);
});

/** A field whose rule the stored object breaks: changed beside it or at it. */
const RATCHETED: readonly (readonly [string, object, readonly string[]])[] = [
  ["beside it", { a: 2, list: [{ v: "bad" }], m: "x" }, []],
  ["in its list", { a: 1, list: [{ v: "bad" }, { v: "ok" }], m: "x" }, ["list[0] | Invalid value: bad"]],
  ["what may not change", { a: 1, list: [{ v: "bad" }], m: "y" }, ['m | Invalid value: "y": fixed']],
];

for (const [name, change, wanted] of RATCHETED) {
  test(`what the stored object breaks is told when its nearest list or map changed: ${name}`, () => {
    const item: Schema = {
      type: "object",
      properties: { v: { type: "string" } },
      "x-kubernetes-validations": [{ rule: "self.v != 'bad'", message: "bad" }],
    };
    const schema: Schema = {
      type: "object",
      properties: {
        a: { type: "integer" },
        list: { type: "array", items: item },
        m: { type: "string", "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "fixed" }] },
      },
    };
    const stored = { a: 1, list: [{ v: "bad" }], m: "x" };
    assert.deepEqual(texts(validateCustomResource({ ...change }, schema, stored)), wanted);
  });
}

test("items that the stored object has twice already are not told again", () => {
  const items: Schema = { type: "object", properties: { name: { type: "string" } } };
  const list: Schema = {
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    items,
  };
  const schema: Schema = { type: "object", properties: { list } };
  const twice = { list: [{ name: "a" }, { name: "a" }] };
  assert.deepEqual(texts(validateCustomResource(twice, schema)), ['list[1] | Duplicate value: {"name":"a"}']);
  assert.deepEqual(validateCustomResource({ list: [...twice.list, {}] }, schema, twice), []);
});
