/** What `tandem gateway` keeps of the objects that it watches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sourcesOf } from "../../src/cli/gateway/kinds.ts";
import type { KubeObject } from "../../src/objects/types.ts";
import type { GatewayModel } from "../../src/traffic/gateway/index.ts";

/** The data of an object as it is kept. */
function kept(kind: "Secret" | "ConfigMap", object: Readonly<Record<string, unknown>>): string[] {
  const none = {} as never;
  const sources = sourcesOf(
    { on: () => undefined } as unknown as GatewayModel,
    none,
    "report",
    () => {},
    none,
  );
  const source = sources.find((one) => one.kind.kind === kind);
  const metadata = { name: "a", namespace: "b" };
  const whole = { apiVersion: "v1", kind, metadata, ...object } as KubeObject;
  const result = source?.transform?.(whole as never) as { data?: Record<string, string> } | undefined;
  return Object.keys(result?.data ?? {}).sort();
}

test("of Secrets certificates, users, key sets, and what API keys may be", () => {
  const data = {
    "tls.crt": "a",
    "tls.key": "a",
    ".htpasswd": "a",
    jwks: "a",
    ann: "a",
    big: "a".repeat(8193),
  };
  assert.deepEqual(kept("Secret", { data }), [".htpasswd", "ann", "jwks", "tls.crt", "tls.key"]);
  const release = { type: "helm.sh/release.v1", data: { release: "a", "tls.crt": "a" } };
  assert.deepEqual(kept("Secret", release), ["tls.crt"]);
  assert.deepEqual(kept("Secret", {}), []);
});

test("of ConfigMaps authorities and key sets", () => {
  const set = '{"keys": []}';
  assert.deepEqual(kept("ConfigMap", { data: { jwks: set, a: set, "ca.crt": "a", b: "b" } }), [
    "ca.crt",
    "jwks",
  ]);
  assert.deepEqual(kept("ConfigMap", { data: { "b.json": set, c: set } }), ["b.json"]);
  assert.deepEqual(kept("ConfigMap", { data: { a: "text", b: set } }), []);
});
