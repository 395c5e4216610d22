import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { ApiError } from "../../src/objects/status.ts";
import { failure, fakeServer, json } from "./fake-server.ts";

type Play = (socket: WebSocket, url: URL) => void;

async function execServer(protocol: string, play: Play) {
  const fake = await fakeServer((_request, response) => json(response, 404, {}));
  const sockets = new WebSocketServer({ server: fake.server, handleProtocols: () => protocol });
  sockets.on("connection", (socket, request) => play(socket, new URL(request.url ?? "", "http://x")));
  return { ...fake, close: async () => (sockets.close(), await fake.close()) };
}

function channel(number: number, content: string): Buffer {
  return Buffer.concat([Buffer.of(number), Buffer.from(content)]);
}

test("exec hands over command and input, collects both outputs and the exit code", async () => {
  let asked: URL | undefined;
  const fake = await execServer("v5.channel.k8s.io", (socket, url) => {
    asked = url;
    let input = "";
    socket.on("message", (data: Buffer) => {
      if (data[0] === 0) input += data.subarray(1);
      else if (data[0] === 255) {
        socket.send(channel(1, `out:${input}`));
        socket.send(channel(2, "err"));
        const details = { causes: [{ reason: "ExitCode", message: "3" }] };
        socket.send(channel(3, JSON.stringify({ status: "Failure", reason: "NonZeroExitCode", details })));
      }
    });
  });
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await fake.client.exec({
    namespace: "a",
    pod: "p",
    container: "c",
    command: ["sh", "-c", "x y"],
    stdin: Readable.from(["one", "two"]),
    stdout,
    stderr,
  });
  assert.equal(code, 3);
  assert.deepEqual(asked?.searchParams.getAll("command"), ["sh", "-c", "x y"]);
  assert.equal(await text(stdout.end()), "out:onetwo");
  assert.equal(await text(stderr.end()), "err");
  await fake.close();
});

test("exec falls back to version 4 of the protocol", async () => {
  const fake = await execServer("v4.channel.k8s.io", (socket) =>
    socket.send(channel(3, '{"status":"Success"}')),
  );
  assert.equal(await fake.client.exec({ namespace: "a", pod: "p", command: ["true"] }), 0);
  await fake.close();
});

test("exec that is refused, or that cannot start its command, throws", async () => {
  const refusing = await fakeServer(() => {});
  refusing.server.on("upgrade", (_request, socket) => {
    const body = JSON.stringify(failure(404, "NotFound", 'pods "p" not found'));
    socket.end(`HTTP/1.1 404 Not Found\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  await assert.rejects(
    refusing.client.exec({ namespace: "a", pod: "p", command: ["x"] }),
    (error) => error instanceof ApiError && error.message === 'pods "p" not found',
  );
  await refusing.close();
  const failing = await execServer("v5.channel.k8s.io", (socket) =>
    socket.send(channel(3, JSON.stringify(failure(500, "InternalError", "no such program: x")))),
  );
  await assert.rejects(
    failing.client.exec({ namespace: "a", pod: "p", command: ["x"] }),
    /no such program: x/,
  );
  await failing.close();
});

test("exec ends with its signal", async () => {
  const stop = new AbortController();
  const fake = await execServer("v5.channel.k8s.io", () => stop.abort(new Error("enough")));
  await assert.rejects(
    fake.client.exec({ namespace: "a", pod: "p", command: ["x"], signal: stop.signal }),
    /enough/,
  );
  await fake.close();
});
