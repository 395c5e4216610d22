import assert from "node:assert/strict";
import { test } from "node:test";
import { admitCustomResource, type Schema, validateCustomResource } from "../../../src/objects/crd/index.ts";

const LIST: Schema = { type: "array", items: { type: "object", properties: { value: { type: "string" } } } };

const SCHEMA: Schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        plain: LIST,
        nullable: { ...LIST, nullable: true },
        defaulted: { type: "string", default: "x" },
        map: { type: "object", additionalProperties: { type: "string" } },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
  },
};

function admitted(spec: Record<string, unknown>): { spec: unknown; errors: string[] } {
  const object = { spec };
  admitCustomResource(object, SCHEMA);
  return { spec: object.spec, errors: validateCustomResource(object, SCHEMA).map(({ message }) => message) };
}

// apiextensions-apiserver pkg/apiserver/schema/defaulting: PruneNonNullableNullsWithoutDefaults, then Default.
test("a null counts as absent where it is not allowed, and as the default where there is one", () => {
  const { spec, errors } = admitted({
    plain: null,
    nullable: null,
    defaulted: null,
    map: { a: null, b: "c" },
  });
  assert.deepEqual(spec, { nullable: null, defaulted: "x", map: { b: "c" } });
  assert.deepEqual(errors, []);
});

test("nulls inside of lists are dropped from objects, and refused as items", () => {
  const inside = admitted({ plain: [{ value: null }] });
  assert.deepEqual(inside, { spec: { defaulted: "x", plain: [{}] }, errors: [] });
  assert.match(admitted({ plain: [null] }).errors.join(), /must be of type object: "null"/);
});

test("nulls that no schema speaks of are kept", () => {
  assert.deepEqual(admitted({ free: { any: null } }).spec, { defaulted: "x", free: { any: null } });
});
