import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startTestServer, useServer } from "./harness.ts";

const held = useServer();

test("whoever shows nothing sees health and version and nothing else", async () => {
  const { client } = held;
  for (const path of ["/readyz", "/livez", "/healthz", "/version"]) {
    assert.equal((await client.get(path, { token: "" })).status, 200, path);
  }
  for (const path of ["/api", "/apis", "/openapi/v3", "/api/v1/pods", "/"]) {
    assert.equal((await client.get(path, { token: "" })).status, 403, path);
  }
  const pods = await client.get("/api/v1/namespaces/default/pods", { token: "" });
  assert.equal(
    pods.body.message,
    'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  assert.equal(
    (await client.post("/api/v1/namespaces", { metadata: { name: "x" } }, { token: "" })).status,
    403,
  );
});

test("a wrong token is no one", async () => {
  const answer = await held.client.get("/readyz", { token: "wrong" });
  assert.equal(answer.status, 401);
  assert.deepEqual(answer.body, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "Unauthorized",
    reason: "Unauthorized",
    code: 401,
  });
});

test("kubeconfig, token and keys are for their owner alone; the certificate names what it is reached by", async () => {
  const { server } = held.client;
  const folder = join(server.kubeconfigPath, "..");
  for (const file of ["kubeconfig", "token", "pki/ca.key", "pki/apiserver.key", "pki/kubelet-client.key"]) {
    assert.equal(statSync(join(folder, file)).mode & 0o077, 0, file);
  }
  assert.match(readFileSync(server.kubeconfigPath, "utf8"), /server: https:\/\/127\.0\.0\.1:\d+/);
  const text = execFileSync(
    "openssl",
    ["x509", "-in", join(folder, "pki/apiserver.crt"), "-noout", "-text"],
    { encoding: "utf8" },
  );
  for (const name of ["DNS:localhost", "DNS:kubernetes.default.svc.cluster.local", "IP Address:127.0.0.1"]) {
    assert.ok(text.includes(name), name);
  }
  for (const address of ["10.96.0.1", "FD00:10:96:0:0:0:0:1", "0:0:0:0:0:0:0:1"])
    assert.ok(text.includes(`IP Address:${address}`), address);
});

test("a client certificate of the cluster's CA is somebody", async () => {
  const { server } = held.client;
  const folder = join(server.kubeconfigPath, "../pki");
  const cert = readFileSync(join(folder, "kubelet-client.crt"));
  const key = readFileSync(join(folder, "kubelet-client.key"));
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = request(
      `${server.urls[0]}/api/v1/pods`,
      { agent: false, ca: server.ca, cert, key },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    call.on("error", reject);
    call.end();
  });
  assert.equal(status, 200);
});

test("a server keeps its token and CA over a restart, takes more tokens from a file, and answers over both families", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "tandem-keep-"));
  const tokenAuthFile = join(dataDir, "tokens.csv");
  writeFileSync(tokenAuthFile, 'secret-1,jane,1\nsecret-2,joe,2,"a,system:masters"\n');
  try {
    const first = await startTestServer({ dataDir });
    const { token, ca } = first.client.server;
    await first.undo();
    const listeners = [
      { host: "127.0.0.1", port: 0 },
      { host: "::1", port: 0 },
    ];
    const second = await startTestServer({ dataDir, tokenAuthFile, listeners });
    assert.equal(second.client.server.token, token);
    assert.equal(second.client.server.ca, ca);
    assert.equal((await second.client.get("/api/v1/pods", { token: "secret-2" })).status, 200);
    const [v4, v6] = second.client.server.urls.map((url) => new URL(url));
    assert.equal(v6!.port, v4!.port);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(`${v6!.origin}/readyz`, { agent: false, ca }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    assert.equal(status, 200);
    await second.undo();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
