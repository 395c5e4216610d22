import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestClient } from "../harness.ts";

/** Where definitions are. */
export const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** The definitions of a bundle of the Gateway API. */
// biome-ignore lint/suspicious/noExplicitAny: definitions are read by path
export function bundle(channel: "standard" | "experimental"): any[] {
  const file = join(import.meta.dirname, `../../../data/crds/gateway-api-v1.6.3-${channel}.json`);
  return JSON.parse(readFileSync(file, "utf8")).items;
}

/** Creates definitions and waits until each of them is established. */
export async function install(client: TestClient, definitions: readonly object[]): Promise<void> {
  for (const definition of definitions) {
    const { status, text } = await client.post(DEFINITIONS, definition);
    assert.equal(status, 201, text.slice(0, 2000));
  }
  const names = definitions.map((each) => (each as { metadata: { name: string } }).metadata.name);
  await Promise.all(names.map((name) => established(client, name)));
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
}

/** Waits until a definition is served. */
export async function established(client: TestClient, name: string): Promise<void> {
  await conditions(client, name, (found) =>
    ["Established", "NamesAccepted"].every((type) =>
      found.some((each) => each.type === type && each.status === "True"),
    ),
  );
}

/** Waits until the conditions of a definition are as wanted, and gives them. */
export async function conditions(
  client: TestClient,
  name: string,
  wanted: (found: readonly Condition[]) => boolean,
): Promise<readonly Condition[]> {
  const watching = await client.watch(`${DEFINITIONS}?watch=true&fieldSelector=metadata.name%3D${name}`);
  try {
    for (let seen = 1; ; seen++) {
      await watching.count(seen);
      const found: readonly Condition[] = watching.events[seen - 1]!.object["status"].conditions ?? [];
      if (wanted(found)) return found;
    }
  } finally {
    watching.stop();
  }
}

/** A definition of `widgets.example.com` with one version, to be changed by a test. */
// biome-ignore lint/suspicious/noExplicitAny: definitions are changed by path
export function widgets(name: string, spec: object = {}, version: object = {}): any {
  const kind = name.charAt(0).toUpperCase() + name.slice(1, -1);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${name}.example.com` },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: name, kind },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: structuredClone(SCHEMA) },
          ...version,
        },
      ],
      ...spec,
    },
  };
}

const SCHEMA = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        color: { type: "string", default: "red" },
        size: { type: "integer", minimum: 0 },
        replicas: { type: "integer" },
        ports: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, port: { type: "integer" } },
          },
        },
        owner: {
          type: "string",
          "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "owner is immutable" }],
        },
      },
    },
    status: {
      type: "object",
      properties: { replicas: { type: "integer" }, selector: { type: "string" }, phase: { type: "string" } },
    },
  },
};
