import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { emptyModel, isReport, objectsOf, report, take, textOf } from "./text.ts";

const FOLDER = join(import.meta.dirname, "golden");

// To write the expected files anew: UPDATE_GOLDEN=1; then read what changed.
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
  const name = file.replace(".in.yaml", "");
  test(`golden: ${name}`, () => {
    const model = emptyModel(name.startsWith("ipv4-cluster") ? { clusterFamilies: ["IPv4"] } : {});
    const documents = objectsOf(readFileSync(join(FOLDER, file), "utf8"));
    for (const document of documents) if (!isReport(document)) take(model, document);
    const statuses = new Map(model.flush().statuses);
    for (const document of documents) if (isReport(document)) report(model, document);
    for (const [id, status] of model.flush().statuses) statuses.set(id, status);
    const text = textOf(model, statuses).replace(/ {4}supportedFeatures:\n( {6}- .*\n)+/, "");
    const expected = join(FOLDER, `${name}.out.yaml`);
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(expected, text);
    assert.ok(existsSync(expected), `${expected} is missing`);
    assert.equal(text, readFileSync(expected, "utf8"));
  });
}
