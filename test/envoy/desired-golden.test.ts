import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { readable, readInput, resourcesOf } from "./desired-model.ts";

const FOLDER = join(import.meta.dirname, "golden");

// To write the expected files anew: UPDATE_GOLDEN=1; then read what changed.
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
  const name = file.replace(".in.yaml", "");
  test(`golden: ${name}`, () => {
    const resources = resourcesOf(readInput(readFileSync(join(FOLDER, file), "utf8")));
    const text = stringify(resources.map(readable), { lineWidth: 110, aliasDuplicateObjects: false });
    const expected = join(FOLDER, `${name}.out.yaml`);
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(expected, text);
    assert.ok(existsSync(expected), `${expected} is missing`);
    assert.equal(text, readFileSync(expected, "utf8"));
  });
}
