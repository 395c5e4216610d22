import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import type { Secret } from "../../../src/objects/types.ts";
import { caBundleOf, keyPairOf } from "../../../src/traffic/gateway/certificates.ts";
import { CA } from "../gateway-routes-fixtures.ts";
import { objectsOf } from "./text.ts";

const [GOOD] = objectsOf(
  "{kind: Secret, metadata: {name: s}, type: kubernetes.io/tls, data: {tls.crt: $CERTIFICATE, tls.key: $KEY}}",
).slice(-1) as [Secret];

function secret(parts: Partial<Secret>): Secret {
  return { ...GOOD, ...parts };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

test("a pair that belongs together is taken", () => {
  assert.equal(keyPairOf(GOOD).problem, undefined);
});

test("what is wrong with a Secret is said", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const other = base64(String(privateKey.export({ type: "pkcs8", format: "pem" })));
  const certificate = GOOD.data?.["tls.crt"] ?? "";
  const broken = base64("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const cases: [Partial<Secret>, RegExp][] = [
    [{ type: "Opaque" }, /type Opaque/],
    [{ data: { "tls.crt": certificate } }, /no tls.key/],
    [{ data: { "tls.key": other } }, /no tls.crt/],
    [{ data: { "tls.crt": certificate, "tls.key": other } }, /not the key of the certificate/],
    [{ data: { "tls.crt": certificate, "tls.key": base64("nothing") } }, /not a PEM private key/],
    [{ data: { "tls.crt": base64("hello"), "tls.key": other } }, /no PEM certificate/],
    [{ data: { "tls.crt": broken, "tls.key": other } }, /does not parse/],
  ];
  for (const [parts, problem] of cases) assert.match(keyPairOf(secret(parts)).problem ?? "", problem);
});

test("authorities are read from ConfigMaps and Secrets", () => {
  const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ca" } };
  assert.deepEqual(caBundleOf({ ...config, data: { "ca.crt": CA } }), { certificates: CA });
  assert.deepEqual(caBundleOf(secret({ data: { "ca.crt": base64(CA) } })), { certificates: CA });
  assert.match(caBundleOf({ ...config, data: {} }).problem ?? "", /no ca.crt/);
  assert.match(caBundleOf({ ...config, data: { "ca.crt": "x" } }).problem ?? "", /no PEM certificate/);
});
