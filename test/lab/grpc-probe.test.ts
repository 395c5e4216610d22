import assert from "node:assert/strict";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { tryGrpc } from "../../src/lab/kubelet/grpc-probe.ts";

/** A gRPC health server: each service by name, its state (1 SERVING, 2 NOT_SERVING); others are not found. */
async function healthServer(host: string, states: Record<string, number>) {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const body = Buffer.concat(chunks);
      assert.equal(body.readUInt32BE(1), body.length - 5);
      const service = body.length > 5 ? body.subarray(7).toString() : "";
      const state = headers[":path"] === "/grpc.health.v1.Health/Check" ? states[service] : undefined;
      if (state === -1) return; // never answers
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": state === undefined ? "12" : "0" }),
      );
      stream.end(state === undefined ? undefined : Buffer.from([0, 0, 0, 0, 2, 0x08, state]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`a gRPC probe asks grpc.health.v1 on ${host} and tells its state`, async () => {
    const server = await healthServer(host, { "": 1, sick: 2, silent: -1 });
    const ask = (service: string, timeoutMs = 60_000) =>
      tryGrpc({ port: server.port, service }, host, timeoutMs);
    try {
      assert.deepEqual(await ask(""), { ok: true, message: "" });
      assert.deepEqual(await ask("sick"), {
        ok: false,
        message: 'service unhealthy (responded with "NOT_SERVING")',
      });
      assert.match((await ask("other")).message, /does not implement the grpc health protocol/);
      assert.match((await ask("silent", 100)).message, /^timeout: .*within 0\.1s$/);
    } finally {
      server.close();
    }
    assert.match((await ask("")).message, /failed to connect service .*ECONNREFUSED/);
  });
}
