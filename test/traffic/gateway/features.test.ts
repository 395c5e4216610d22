import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SUPPORTED_FEATURES } from "../../../src/traffic/gateway/index.ts";
import { featuresPage } from "./features-page.ts";

const PAGE = join(import.meta.dirname, "../../../docs/gateway-features.md");

test("docs/gateway-features.md says what the table of features says", () => {
  assert.equal(readFileSync(PAGE, "utf8"), featuresPage());
});

test("features are listed in ascending order, as the API asks", () => {
  const names = SUPPORTED_FEATURES.map(({ name }) => name);
  assert.deepEqual(names, [...names].sort());
});
