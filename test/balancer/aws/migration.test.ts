import assert from "node:assert/strict";
import { test } from "node:test";
import { graceOf, nameOf, readReplaced, REPLACED_ANNOTATION } from "../../../src/balancer/aws/migration.ts";

test("names of generations: the first as given, later ones different, readable and at most 32 characters", () => {
  const hashed = "k8s-default-web-0123456789";
  assert.equal(nameOf(hashed, 0), hashed);
  assert.match(nameOf(hashed, 1), /^k8s-default-web-[0-9a-f]{10}$/);
  const names = [0, 1, 2, 10].map((generation) => nameOf(hashed, generation));
  assert.equal(new Set(names).size, 4);
  assert.equal(nameOf("edge", 1), "edge-1");
  const longest = "a".repeat(32);
  for (const generation of [1, 9, 10, 123]) {
    const name = nameOf(longest, generation);
    assert.equal(name.length, 32);
    assert.ok(name.endsWith(`-${generation}`));
  }
});

test("what cannot be read of the annotation counts as nothing", () => {
  const entry = { arn: "arn:1", name: "a", hostname: "a.example.com", deadline: "2026-01-01T00:00:00.000Z" };
  const read = (text: string) => readReplaced({ [REPLACED_ANNOTATION]: text });
  assert.deepEqual(read(JSON.stringify([entry])), [entry]);
  assert.deepEqual(readReplaced({}), []);
  for (const bad of ["", "{", "null", "7", '{"arn":"x"}', '[null, 3, {"arn":"x"}]'])
    assert.deepEqual(read(bad), []);
  assert.deepEqual(read(JSON.stringify([{ ...entry, deadline: "tomorrow" }, entry])), [entry]);
});

test("the grace period: seconds, minutes or hours; else the default", () => {
  const of = (text: string) => graceOf({ "tandem.dev/replacement-grace-period": text }, 1);
  assert.deepEqual(["90s", "10m", " 1h ", "0s"].map(of), [90_000, 600_000, 3_600_000, 0]);
  assert.deepEqual(["", "10", "-1m", "1d", "ten", "1m30s"].map(of), [1, 1, 1, 1, 1, 1]);
});
