import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { exchangeOverTcp } from "../../src/dns/tcp-exchange.ts";

/** A resolver on loopback that does as it is told with whoever connects. */
async function fakeResolver(test: TestContext, act: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    act(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => server.close());
  const { port } = server.address() as { port: number };
  return { address: "127.0.0.1", port };
}

test("a query goes as one frame, and a reply in pieces comes whole (RFC 7766, 8)", async (context) => {
  const asked: Buffer[] = [];
  const resolver = await fakeResolver(context, (socket) => {
    socket.on("data", (bytes: Buffer) => {
      asked.push(bytes);
      const pieces = [[0], [5, 1], [2, 3], [4, 5]];
      const next = (): void => {
        const piece = pieces.shift();
        if (piece !== undefined) socket.write(Buffer.from(piece), () => setImmediate(next));
      };
      next();
    });
  });
  const reply = await exchangeOverTcp(Buffer.from([7, 8, 9]), resolver, 10_000);
  assert.deepEqual([...reply], [1, 2, 3, 4, 5]);
  assert.deepEqual([...Buffer.concat(asked)], [0, 3, 7, 8, 9]);
});

test("a resolver that closes, or says nothing, is an error that names it", async (context) => {
  const closing = await fakeResolver(context, (socket) => socket.end());
  await assert.rejects(
    exchangeOverTcp(Buffer.from([1]), closing, 10_000),
    new RegExp(`127\\.0\\.0\\.1.*${closing.port}.* closed the connection`),
  );
  const silent = await fakeResolver(context, (socket) => context.after(() => socket.destroy()));
  await assert.rejects(exchangeOverTcp(Buffer.from([1]), silent, 20), /did not answer over TCP within 20 ms/);
});
