import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { emptyModels, objectsOf, take, textOf } from "./text.ts";

const FOLDER = join(import.meta.dirname, "golden");

// To write the expected files anew: UPDATE_GOLDEN=1; then read what changed.
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
  test(`golden: mesh of ${file.replace(".in.yaml", "")}`, () => {
    const models = emptyModels();
    for (const object of objectsOf(readFileSync(join(FOLDER, file), "utf8"))) take(models, object);
    const text = textOf(models, models.mesh.flush().statuses);
    const expected = join(FOLDER, file.replace(".in.yaml", ".out.yaml"));
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(expected, text);
    assert.ok(existsSync(expected), `${expected} is missing`);
    assert.equal(text, readFileSync(expected, "utf8"));
  });
}
