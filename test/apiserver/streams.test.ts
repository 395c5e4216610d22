import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { WebSocket, WebSocketServer } from "ws";
import { type TestClient, useServer } from "./harness.ts";

const held = useServer({}, prepare);
const asked: { url: string; client: string | undefined; authorization: string | undefined }[] = [];
let kubelet: Server;

/** A kubelet that answers logs, and echoes what comes over exec's WebSocket with its channel byte. */
function fakeKubelet(cert: Buffer, key: Buffer, ca: string): Server {
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "v5.channel.k8s.io" });
  const note = (url: string, socket: TLSSocket, authorization: string | undefined): void => {
    asked.push({ url, client: socket.getPeerCertificate().subject?.CN as string | undefined, authorization });
  };
  server.on("request", (request, response) => {
    note(request.url ?? "", request.socket as TLSSocket, request.headers.authorization);
    response.writeHead(200, { "content-type": "text/plain" });
    response.write("line 1\n");
    if (!(request.url ?? "").includes("follow")) response.end("line 2\n");
  });
  server.on("upgrade", (request, socket, head) => {
    note(request.url ?? "", request.socket as TLSSocket, request.headers.authorization);
    if (request.url?.includes("refuse")) {
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => ws.on("message", (data) => ws.send(data)));
  });
  return server;
}

async function prepare(client: TestClient): Promise<void> {
  const folder = join(client.server.kubeconfigPath, "../pki");
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  kubelet = fakeKubelet(read("apiserver.crt"), read("apiserver.key"), client.server.ca);
  await new Promise<void>((resolve) => kubelet.listen(0, "127.0.0.1", resolve));
  const { port } = kubelet.address() as AddressInfo;
  await addNode(client, "n1", port);
  await addNode(client, "gone", 1);
  for (const [name, nodeName] of [
    ["p", "n1"],
    ["idle", undefined],
    ["lost", "gone"],
    ["two", "n1"],
  ] as const) {
    const containers = [{ name: "c", image: "i" }, ...(name === "two" ? [{ name: "d", image: "i" }] : [])];
    const spec = { containers, ...(nodeName === undefined ? {} : { nodeName }) };
    await client.post("/api/v1/namespaces/default/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec,
    });
  }
}

async function addNode(client: TestClient, name: string, Port: number): Promise<void> {
  const status = {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port } },
  };
  await client.post("/api/v1/nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec: {},
    status,
  });
}

after(() => {
  kubelet.close();
  kubelet.closeAllConnections();
});

test("a log comes from the pod's kubelet, asked in its words and with the server's certificate", async () => {
  const answer = await held.client.get("/api/v1/namespaces/default/pods/p/log?tailLines=5&timestamps=true");
  assert.equal(answer.text, "line 1\nline 2\n");
  const { url, client, authorization } = asked.at(-1)!;
  assert.equal(url, "/containerLogs/default/p/c?timestamps=true&tailLines=5");
  assert.equal(client, "kube-apiserver-kubelet-client");
  assert.equal(authorization, undefined);
});

test("a log that cannot be had says why", async () => {
  const { client } = held;
  const idle = await client.get("/api/v1/namespaces/default/pods/idle/log");
  assert.deepEqual([idle.status, idle.text], [200, ""]);
  const two = await client.get("/api/v1/namespaces/default/pods/two/log");
  assert.equal(two.body.message, "a container name must be specified for pod two, choose one of: [c d]");
  const wrong = await client.get("/api/v1/namespaces/default/pods/p/log?container=x");
  assert.equal(wrong.body.message, "container x is not valid for pod p");
  const lost = await client.get("/api/v1/namespaces/default/pods/lost/log");
  assert.equal(lost.status, 502);
  assert.match(
    lost.body.message,
    /^Get "https:\/\/127\.0\.0\.1:1\/containerLogs\/default\/lost\/c": .*ECONNREFUSED/,
  );
});

function connect(path: string, token = held.client.server.token): WebSocket {
  const url = held.client.server.urls[0]!.replace("https", "wss") + path;
  return new WebSocket(url, ["v5.channel.k8s.io"], {
    ca: held.client.server.ca,
    headers: { authorization: `Bearer ${token}` },
  });
}

test("exec passes the upgrade and every byte on to the kubelet", async () => {
  const path =
    "/api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&command=a%26b&stdin=true&stdout=true&tty=false";
  const socket = connect(path);
  const echoed = await new Promise<string>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("open", () => socket.send(Buffer.from("\u0000hello")));
    socket.once("message", (data) => resolve(String(data)));
  });
  assert.equal(echoed, "\u0000hello");
  assert.equal(socket.protocol, "v5.channel.k8s.io");
  assert.equal(asked.at(-1)!.url, "/exec/default/p/c?input=1&output=1&command=sh&command=-c&command=a%26b");
  assert.equal(asked.at(-1)!.authorization, undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.close();
  await closed;
});

function refusal(socket: WebSocket): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    socket.once("open", () => reject(new Error("it was opened")));
    socket.once("error", () => {});
    socket.once("unexpected-response", (_request, response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
}

test("exec is refused with a Status, or with the kubelet's own answer", async () => {
  const base = "/api/v1/namespaces/default/pods";
  assert.equal((await refusal(connect(`${base}/p/exec?command=x`, "wrong"))).status, 401);
  const missing = await refusal(connect(`${base}/none/exec?command=x`));
  assert.equal(JSON.parse(missing.text).message, 'pods "none" not found');
  const idle = await refusal(connect(`${base}/idle/exec?command=x`));
  assert.deepEqual(
    [idle.status, JSON.parse(idle.text).message],
    [400, "pod idle does not have a host assigned"],
  );
  const lost = await refusal(connect(`${base}/lost/exec?command=x`));
  assert.equal(lost.status, 500);
  const said = JSON.parse(lost.text).message as string;
  assert.match(said, /^error dialing backend: dial tcp 127\.0\.0\.1:1: .*ECONNREFUSED[^?]*$/);
  assert.deepEqual(await refusal(connect(`${base}/p/exec?command=refuse`)), { status: 403, text: "no" });
  const plain = await held.client.get(`${base}/p/exec?command=x`);
  assert.deepEqual([plain.status, plain.body.message], [400, "Upgrade request required"]);
});

test("an upgrade that nobody offers is ignored", async () => {
  const headers = { connection: "Upgrade", upgrade: "h2c" };
  assert.equal((await held.client.get("/readyz", { headers })).text, "ok");
});
