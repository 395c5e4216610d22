import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalQuantity } from "../../src/objects/quantity.ts";
import { canonicalTime, humanDuration, timeError } from "../../src/objects/time.ts";

for (const [text, canonical] of [
  ["0", "0"],
  ["-0.0", "0"],
  ["1", "1"],
  ["1.5", "1500m"],
  ["0.5Gi", "512Mi"],
  ["1024Ki", "1Mi"],
  ["1000Mi", "1000Mi"],
  ["1536Mi", "1536Mi"],
  ["512", "512"],
  ["0.1Gi", "107374182400m"],
  ["100000", "100k"],
  ["1000m", "1"],
  ["123456789", "123456789"],
  ["1e3", "1e3"],
  ["12e4", "120e3"],
  ["+5", "5"],
  ["-500m", "-500m"],
  ["1E", "1E"],
  [".5", "500m"],
  ["1.", "1"],
  ["0.0000000001", "1n"],
  ["500Ki", "500Ki"],
] as const) {
  test(`the quantity ${text} is written as ${canonical}`, () => {
    assert.equal(canonicalQuantity(text), canonical);
  });
}

for (const text of ["", "m", "1x", "1 Gi", "1Gi5", "--1", "1e", "0x10"]) {
  test(`${JSON.stringify(text)} is no quantity`, () => {
    assert.equal(canonicalQuantity(text), undefined);
  });
}

test("times come in UTC, in seconds or microseconds; the zero time is null", () => {
  assert.equal(canonicalTime("2026-03-01T00:00:00-05:30", false), "2026-03-01T05:30:00Z");
  assert.equal(canonicalTime("2026-03-01T00:00:00.1234567Z", true), "2026-03-01T00:00:00.123456Z");
  assert.equal(canonicalTime("0001-01-01T00:00:00Z", false), null);
  assert.equal(canonicalTime("2026-02-30T00:00:00Z", false), undefined);
  assert.equal(
    timeError("2026-02-01 00:00:00", false),
    'parsing time "2026-02-01 00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00" as "T"',
  );
});

for (const [seconds, text] of [
  [-5, "<invalid>"],
  [-1, "0s"],
  [0, "0s"],
  [119, "119s"],
  [120, "2m"],
  [125, "2m5s"],
  [600, "10m"],
  [3 * 3600, "3h"],
  [3 * 3600 + 60, "3h1m"],
  [9 * 3600 + 60, "9h"],
  [47 * 3600, "47h"],
  [50 * 3600, "2d2h"],
  [9 * 86400, "9d"],
  [800 * 86400, "2y70d"],
  [4000 * 86400, "10y"],
] as const) {
  test(`${seconds} seconds are ${text}`, () => {
    assert.equal(humanDuration(seconds * 1000), text);
  });
}
