import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { admitCustomResource, type Schema, validateCustomResource } from "../../../src/objects/crd/index.ts";

const ROOT = join(import.meta.dirname, "../../..");
const read = (path: string) => JSON.parse(readFileSync(join(ROOT, path), "utf8"));

interface Step {
  method: string;
  path: string;
  body: Record<string, unknown>;
  expect: {
    status: number;
    body: { details?: { causes?: { field: string; message: string; reason: string }[] } };
  };
}

/** Schemas of the Gateway API's v1 kinds by plural. */
const schemas = new Map<string, Schema>(
  read("data/crds/gateway-api-v1.6.3-standard.json").items.flatMap(
    (crd: {
      spec: { names: { plural: string }; versions: { name: string; schema?: { openAPIV3Schema: Schema } }[] };
    }) =>
      crd.spec.versions
        .filter((version) => version.name === "v1" && version.schema !== undefined)
        .map((version) => [crd.spec.names.plural, version.schema?.openAPIV3Schema]),
  ),
);

test("creations of Gateway API objects: the recorded server's causes, to the letter", () => {
  const differences: string[] = [];
  let exact = 0;
  for (const vector of read("test/oracle/api-gateway.json").vectors as { id: string; steps: Step[] }[]) {
    for (const step of vector.steps) {
      const plural = /v1\/namespaces\/[^/]+\/([a-z]+)(\?|$)/.exec(step.path)?.[1] ?? "";
      const schema = schemas.get(plural);
      if (step.method !== "POST" || schema === undefined || ![201, 422].includes(step.expect.status))
        continue;
      const object = structuredClone(step.body);
      admitCustomResource(object, schema);
      const sort = (causes: readonly { field: string; message: string; reason: string }[]) =>
        causes.map(({ field, message, reason }) => `${field} | ${reason} | ${message}`).sort();
      const actual = sort(validateCustomResource(object, schema));
      const expected = sort(step.expect.body.details?.causes ?? []);
      if (JSON.stringify(actual) === JSON.stringify(expected)) exact++;
      else
        differences.push(
          `${vector.id}\n  expected ${JSON.stringify(expected)}\n  actual   ${JSON.stringify(actual)}`,
        );
    }
  }
  assert.ok(exact > 80, `only ${exact} compared`);
  assert.deepEqual(differences, []);
});
