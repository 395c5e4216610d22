import assert from "node:assert/strict";
import { test } from "node:test";
import { equal } from "../../src/traffic/gateway/equality.ts";

test("plain data is equal by what it says; a field that is undefined is absent", () => {
  for (const [one, other] of [
    [{ a: [1, { b: "c" }] }, { a: [1, { b: "c" }] }],
    [{ a: 1, b: undefined }, { a: 1 }],
    [{ a: 1 }, { b: undefined, a: 1 }],
    [new Map([["a", { b: [1] }]]), new Map([["a", { b: [1] }]])],
    [{ needs: new Map([["a", 1]]) }, { needs: new Map([["a", 1]]) }],
  ])
    assert.ok(equal(one, other), JSON.stringify([one, other]));
});

test("what says something else is not equal, in either direction", () => {
  for (const [one, other] of [
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: null }],
    [{ a: [1] }, { a: [1, 2] }],
    [[], {}],
    [{ a: null }, {}],
    [{ needs: new Map([["a", 1]]) }, { needs: new Map([["a", 2]]) }],
    [new Map([["a", undefined]]), new Map([["b", undefined]])],
    [new Map(), {}],
    [new Map([["a", 1]]), new Map()],
  ]) {
    assert.ok(!equal(one, other), JSON.stringify([one, other]));
    assert.ok(!equal(other, one), JSON.stringify([other, one]));
  }
});
