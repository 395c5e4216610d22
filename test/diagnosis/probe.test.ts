import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { ProbeRequest, ProbeResult } from "../../src/diagnosis/probe/protocol.ts";

const PROGRAM = new URL("../../src/diagnosis/probe/program.ts", import.meta.url).pathname;

async function probe(request: ProbeRequest): Promise<ProbeResult> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(`${JSON.stringify(request)}\n`);
  return JSON.parse(await text(child.stdout)) as ProbeResult;
}

test("a UDP server that knows agnhost's commands alone answers the probe", async () => {
  const server = createSocket("udp6");
  server.on("message", (message, from) => {
    if (message.toString().trim() === "hostname") server.send("web-1", from.port, from.address);
  });
  server.bind(0, "::1");
  await once(server, "listening");
  const { port } = server.address();
  const result = await probe({ id: "1", kind: "udp", family: "IPv6", address: "::1", port });
  server.close();
  assert.equal(result.ok, true, result.reason);
});
