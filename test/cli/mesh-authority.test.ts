import assert from "node:assert/strict";
import { test } from "node:test";
import { authoritySource } from "../../src/cli/mesh/authority.ts";
import type { KubeClient } from "../../src/client/index.ts";
import { ensureMeshAuthority } from "../../src/controllers/mesh/index.ts";
import type { MeshAuthority } from "../../src/controllers/mesh/identities.ts";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function secretOf(certificate: string, key: string, more: object = {}) {
  return {
    metadata: { name: "tandem-mesh-ca", namespace: "tandem-system" },
    data: { "tls.crt": base64(certificate), "tls.key": base64(key), ...more },
  };
}

test("an authority that cannot sign changes nothing, and is named with what is wrong with it", async () => {
  const [first, next] = [await createAuthority("first"), await createAuthority("next")];
  const workload = await issueCertificate(first, {
    commonName: "workload",
    subjectAltNames: ["DNS:a.example"],
    usages: ["serverAuth"],
    days: 1,
  });
  const lines: string[] = [];
  const taken: MeshAuthority[] = [];
  const made: unknown[] = [];
  const create = (_kind: unknown, object: unknown) => Promise.resolve(made.push(object));
  const { intake } = authoritySource({
    client: { create } as unknown as KubeClient,
    log: (line) => lines.push(line),
    authority: first,
    identities: { setAuthority: (authority) => void taken.push(authority) },
    servers: { change: () => undefined },
  });
  const take = (object: unknown, type = "updated") =>
    intake({ type, object, key: "tandem-system/tandem-mesh-ca" } as unknown as Parameters<typeof intake>[0]);
  for (const [certificate, key, problem] of [
    ["x", first.key, /tls\.crt is no certificate/],
    [first.certificate, "x", /tls\.key is no private key/],
    [first.certificate, next.key, /tls\.key is not the key of tls\.crt/],
    [workload.certificate, workload.key, /certificate of no authority/],
    ["", "", /has no tls\.crt and tls\.key/],
  ] as const) {
    take(secretOf(certificate, key));
    assert.match(lines.pop() ?? "", problem);
  }
  assert.deepEqual(taken, []);
  take(secretOf(next.certificate, next.key, { "ca.crt": base64("x") }));
  assert.match(lines.pop() ?? "", /ca\.crt is no certificate/);
  assert.deepEqual(taken, [{ signer: next, others: [] }]);
  take(secretOf("x", "x"));
  take(secretOf("x", "x"), "deleted");
  assert.deepEqual(made, [{ ...secretOf(next.certificate, next.key), type: "kubernetes.io/tls" }]);
});

test("a mesh does not start with an authority that cannot sign", async () => {
  const { certificate } = await createAuthority("first");
  const find = () => Promise.resolve(secretOf(certificate, "x"));
  await assert.rejects(
    ensureMeshAuthority({ find } as unknown as KubeClient),
    /Secret tandem-system\/tandem-mesh-ca: tls\.key is no private key .*; put a certificate of an authority/,
  );
});
