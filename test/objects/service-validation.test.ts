import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { applyMergePatch } from "../../src/objects/patch/merge-patch.ts";
import { validateService, validateServiceUpdate } from "../../src/objects/service/index.ts";
import type { Service } from "../../src/objects/types.ts";

// What ValidateServiceCreate and ValidateServiceUpdate of Kubernetes 1.35.4 found in the Services of their own
// tests. What they say of names, labels and versions is not this room's.

interface Case {
  readonly name: string;
  readonly stored?: object;
  readonly service: object;
  readonly errors?: readonly string[];
}

const file = new URL("../oracle/service-validation.json", import.meta.url);
const { base, cases } = JSON.parse(readFileSync(file, "utf8")) as { base: object; cases: Case[] };

function serviceOf(patch: object): Service {
  return applyMergePatch(structuredClone(base), patch) as Service;
}

function isOfMetadata(error: string): boolean {
  return error.startsWith("metadata.") && !error.startsWith("metadata.annotations[");
}

describe("Services are refused for what kube-apiserver refuses them, in its words", () => {
  for (const { name, stored, service, errors = [] } of cases) {
    it(`${stored === undefined ? "create" : "update"}: ${name}`, () => {
      const found =
        stored === undefined
          ? validateService(serviceOf(service))
          : validateServiceUpdate(serviceOf(service), serviceOf(stored));
      const texts = found.map(({ field, message }) => `${field}: ${message}`);
      assert.deepEqual(
        texts,
        errors.filter((error) => !isOfMetadata(error)),
      );
    });
  }
});
