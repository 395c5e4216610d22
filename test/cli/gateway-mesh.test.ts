import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { GatewayMesh } from "../../src/cli/gateway/mesh.ts";
import type { Sources } from "../../src/cli/xds/sources.ts";
import type { KubeClient } from "../../src/client/index.ts";
import type { Gateway } from "../../src/objects/gateway/index.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import type { KubeObject } from "../../src/objects/types.ts";
import { createAuthority, type KeyPair } from "../../src/pki/issue.ts";
import { eventually } from "../controllers/cluster.ts";

const KEY = "edge/web";
const base64 = (text: string) => Buffer.from(text).toString("base64");

function secretOf({ certificate, key }: KeyPair): KubeObject {
  const data = { "tls.crt": base64(certificate), "tls.key": base64(key) };
  const metadata = { name: "tandem-mesh-ca", namespace: "tandem-system" };
  return { apiVersion: "v1", kind: "Secret", metadata, data } as KubeObject;
}

function gatewayOf(gatewayClassName: string): Gateway {
  const metadata = { name: "web", namespace: "edge" };
  return { metadata, spec: { gatewayClassName, listeners: [] } } as unknown as Gateway;
}

/** The mesh of a cluster whose Secret of the authority is the test's own, and where nothing else can be read. */
async function start(first?: KubeObject) {
  const lines: string[] = [];
  const abort = new AbortController();
  const listeners: Parameters<Sources["onAny"]>[0][] = [];
  const sources: Sources = {
    get: (kind: Kind) => (kind === KINDS.Secret ? first : undefined),
    onAny: (listener) => void listeners.push(listener),
  };
  const unreadable = new Proxy({}, { get: () => () => Promise.reject(new Error("forbidden")) });
  const mesh = new GatewayMesh({
    client: unreadable as KubeClient,
    trustDomain: "cluster.test",
    log: (line) => lines.push(line),
  });
  mesh.onGateway({ type: "added", object: gatewayOf("tandem") });
  void mesh.start(sources, abort.signal);
  const change = (object: KubeObject, type: "updated" | "deleted" = "updated") => {
    for (const listener of listeners) listener(KINDS.Secret, { type, object, key: "" } as never);
  };
  return { mesh, lines, change, stop: () => abort.abort() };
}

const shown = (mesh: GatewayMesh) => {
  const identity = mesh.identityOf(KEY);
  return identity && new X509Certificate(identity.certificate);
};

test("a Gateway's proxy is who its ServiceAccount is, from when the mesh has an authority", async () => {
  const [one, next] = [await createAuthority("one"), await createAuthority("next")];
  const { mesh, change, stop } = await start();
  try {
    assert.equal(mesh.identityOf(KEY), undefined);
    assert.equal(mesh.isIssuing(KEY), false);
    change(secretOf(one));
    assert.deepEqual([...mesh.takeChanges().renewed], [KEY]);
    assert.equal(mesh.identityOf(KEY), undefined);
    assert.equal(mesh.isIssuing(KEY), true);
    const certificate = await eventually(
      async () => shown(mesh),
      (found) => found !== undefined,
    );
    assert.equal(certificate?.subjectAltName, "URI:spiffe://cluster.test/ns/edge/sa/web-tandem");
    assert.equal(mesh.isIssuing(KEY), false);
    assert.deepEqual([...mesh.takeChanges().renewed], [KEY]);
    // the authority is changed: both are trusted before anything of the new one is shown
    change(secretOf(next));
    const trusted = mesh.identityOf(KEY)?.authorities ?? "";
    for (const { certificate } of [one, next]) assert.ok(trusted.includes(certificate.trim()));
    assert.equal(shown(mesh)?.serialNumber, certificate?.serialNumber);
    assert.deepEqual([...mesh.takeChanges().renewed], [KEY]);
    // another class makes another ServiceAccount
    mesh.onGateway({ type: "updated", object: gatewayOf("other") });
    assert.deepEqual([...mesh.takeChanges().renewed], [KEY]);
    const other = await eventually(
      async () => shown(mesh),
      (found) => found !== undefined,
    );
    assert.equal(other?.subjectAltName, "URI:spiffe://cluster.test/ns/edge/sa/web-other");
    mesh.onGateway({ type: "deleted", object: gatewayOf("other") });
    assert.equal(mesh.identityOf(KEY), undefined);
  } finally {
    stop();
  }
});

test("an authority that cannot sign is named, and what was made before goes on", async () => {
  const one = await createAuthority("one");
  const broken = secretOf({ ...one, key: "x" });
  const { mesh, lines, change, stop } = await start(broken);
  try {
    assert.match(lines[0] ?? "", /^Secret tandem-system\/tandem-mesh-ca: tls\.key is no private key/);
    assert.equal(mesh.identityOf(KEY), undefined);
    change(secretOf(one));
    const before = await eventually(
      async () => shown(mesh),
      (found) => found !== undefined,
    );
    change(broken);
    change(secretOf(one), "deleted");
    assert.equal(shown(mesh)?.serialNumber, before?.serialNumber);
    assert.match(lines.at(-1) ?? "", /tls\.key is no private key/);
  } finally {
    stop();
  }
});

test("pods that cannot be read leave Gateways out of the mesh, and a line says so", async () => {
  const { mesh, lines, stop } = await start(secretOf(await createAuthority("one")));
  try {
    await eventually(
      async () => lines.length,
      (count) => count > 0,
    );
    assert.match(lines.join("\n"), /the mesh, as Gateways see it: .*forbidden/);
    assert.equal(mesh.identityAt("shop/web", 80), undefined);
    assert.deepEqual([...mesh.takeChanges().pods], []);
  } finally {
    stop();
  }
});
