import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  difference,
  type FieldSet,
  hasPath,
  inOrder,
  intersection,
  isEmpty,
  leaves,
  paths,
  readFields,
  recursiveDifference,
  sameSet,
  setOf,
  union,
} from "../../../src/objects/apply/field-set.ts";
import {
  canonicalElement,
  compareElements,
  FieldsError,
  pathText,
} from "../../../src/objects/apply/path-element.ts";

const ELEMENTS = [
  "f:a",
  "f:b",
  'k:{"name":"x"}',
  'k:{"port":80,"protocol":"TCP"}',
  'k:{"port":443,"protocol":"TCP"}',
  'v:"x"',
  "v:5",
  "i:1",
];
const path = fc.array(fc.constantFrom(...ELEMENTS), { minLength: 1, maxLength: 4 });
const fieldSet = fc.array(path, { maxLength: 12 }).map((list) => setOf(...list));

const members = (set: FieldSet): string[] => [...paths(set)].map((one) => one.join(" ")).sort();

test("a set has the paths that it was made of", () => {
  fc.assert(
    fc.property(fc.array(path, { maxLength: 12 }), (list) => {
      const wanted = [...new Set(list.map((one) => one.join(" ")))].sort();
      assert.deepEqual(members(setOf(...list)), wanted);
    }),
  );
});

test("union, intersection and difference are those of the paths", () => {
  fc.assert(
    fc.property(fieldSet, fieldSet, (a, b) => {
      const [left, right] = [members(a), members(b)];
      assert.deepEqual(members(union(a, b)), [...new Set([...left, ...right])].sort());
      assert.deepEqual(
        members(intersection(a, b)),
        left.filter((one) => right.includes(one)),
      );
      assert.deepEqual(
        members(difference(a, b)),
        left.filter((one) => !right.includes(one)),
      );
      const below = (one: string): boolean =>
        right.some((other) => one === other || one.startsWith(`${other} `));
      assert.deepEqual(
        members(recursiveDifference(a, b)),
        left.filter((one) => !below(one)),
      );
      assert.equal(sameSet(a, b), left.join() === right.join());
    }),
  );
});

test("reading what was written gives the same set", () => {
  fc.assert(
    fc.property(fieldSet, (set) => {
      const text = JSON.stringify(inOrder(set));
      assert.ok(sameSet(readFields(JSON.parse(text)), set));
      assert.equal(JSON.stringify(inOrder(readFields(JSON.parse(text)))), text);
    }),
  );
});

test("leaves are the members with nothing below them", () => {
  const set = setOf(["f:a"], ["f:a", "f:b"], ["f:c"]);
  assert.deepEqual(members(leaves(set)), ["f:a f:b", "f:c"]);
});

test("keys are written in the order of the real server: fields, keyed items by value, items of sets", () => {
  const set = setOf(
    ["f:s", 'v:"b"'],
    ["f:s", "v:10"],
    ["f:s", "v:9"],
    ["f:s"],
    ["f:a"],
    ["f:s", 'k:{"port":443}'],
    ["f:s", 'k:{"port":80}'],
  );
  assert.equal(
    JSON.stringify(inOrder(set)),
    '{"f:a":{},"f:s":{".":{},"k:{\\"port\\":80}":{},"k:{\\"port\\":443}":{},"v:9":{},"v:10":{},"v:\\"b\\"":{}}}',
  );
});

test("steps sort as Go sorts texts, by their UTF-8 bytes", () => {
  assert.ok(compareElements("f:\uffee", "f:\u{1f600}") < 0);
  assert.ok(compareElements("f:a", "f:ab") < 0);
  assert.ok(compareElements("f:z", 'k:{"a":1}') < 0);
});

test("paths print as in messages", () => {
  const one = ["f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name"];
  assert.equal(pathText(one), '.spec.ports[port=80,protocol="TCP"].name');
  assert.equal(
    pathText(["f:metadata", "f:finalizers", 'v:"a\\nb"', "i:3", "v:1000000"]),
    '.metadata.finalizers[="a\\nb"][3][=1e+06]',
  );
});

test("keys of others are brought to their canonical form", () => {
  assert.equal(canonicalElement('k:{ "b": 1, "a": "<" }'), 'k:{"a":"\\u003c","b":1}');
  assert.equal(canonicalElement("x:unknown"), undefined);
  assert.equal(canonicalElement("i:007"), "i:7");
});

for (const [fields, why] of [
  [{ nocolon: {} }, /missing colon/],
  [{ f: {} }, /2 characters/],
  [{ "f:a": "text" }, /object of objects/],
  [[], /object of objects/],
  [{ "k:[1]": {} }, /no key fields/],
  [{ "v:{": {} }, /no JSON value/],
  [{ "i:x": {} }, /no index/],
] as const) {
  test(`fields ${JSON.stringify(fields)} cannot be read`, () => {
    assert.throws(
      () => readFields(fields),
      (error) => error instanceof FieldsError && why.test(error.message),
    );
  });
}

test("an empty set has no paths, and nobody owns the whole object", () => {
  assert.ok(isEmpty(readFields({})));
  assert.ok(isEmpty(readFields({ ".": {} })));
  assert.equal(hasPath(setOf(["f:a"]), []), false);
});
