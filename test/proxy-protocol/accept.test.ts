import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
  type AcceptedProxyHeader,
  type AcceptOptions,
  acceptProxyHeader,
  createProxyCounters,
  encodeV1,
  encodeV2,
  inetConnection,
  ProxyHeaderRefused,
  trustedSenders,
} from "../../src/proxy-protocol/index.ts";

const CLIENT = inetConnection(
  "TCP",
  { address: "2001:db8::1", port: 4000 },
  { address: "2001:db8::2", port: 80 },
);
const LOOPBACK = trustedSenders(["127.0.0.0/8", "::1"]);
const open: (Server | HttpServer)[] = [];
after(() => {
  for (const server of open) server.close();
});

interface Received {
  readonly accepted: Promise<AcceptedProxyHeader>;
  readonly socket: Socket;
}

/** A server that reads one header a connection, and what a client finds at it. */
async function serverWith(options: Partial<AcceptOptions> = {}) {
  const counters = createProxyCounters();
  const received: Received[] = [];
  const server = createServer((socket) => {
    const accepted = acceptProxyHeader(socket, {
      version: "either",
      trusted: LOOPBACK,
      timeoutMs: 10_000,
      counters,
      ...options,
    });
    accepted.catch(() => {});
    received.push({ accepted, socket });
  });
  open.push(server);
  server.listen(0, "::");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dial = async (host = "127.0.0.1"): Promise<[Socket, Received]> => {
    const client = connect({ port, host });
    client.on("error", () => {}).resume();
    const [socket] = (await once(server, "connection")) as [Socket];
    return [client, received.find((one) => one.socket === socket) as Received];
  };
  return { dial, counters };
}

function refusedAs(reason: string) {
  return (error: unknown) => error instanceof ProxyHeaderRefused && error.reason === reason;
}

describe("accepting connections with a header", () => {
  it("gives the client's addresses, and the data behind the header untouched", async () => {
    const { dial, counters } = await serverWith();
    for (const host of ["127.0.0.1", "::1"]) {
      for (const encoded of [
        encodeV1(CLIENT),
        encodeV2(CLIENT, { authority: "a.example", checksum: true }),
      ]) {
        const [client, { accepted, socket }] = await dial(host);
        client.write(Buffer.concat([encoded, Buffer.from("first")]));
        const { source, destination, rest, tlvs, header } = await accepted;
        assert.deepEqual([source, destination], [CLIENT.source, CLIENT.destination]);
        assert.equal(rest.toString(), "first");
        assert.equal(tlvs.authority, header.version === 2 ? "a.example" : undefined);
        socket.unshift(rest);
        const chunks: Buffer[] = [];
        socket.on("data", (chunk: Buffer) => chunks.push(chunk));
        client.end(" second");
        await once(socket, "end");
        assert.equal(Buffer.concat(chunks).toString(), "first second");
      }
    }
    assert.equal(counters.values().accepted, 4);
  });

  it("waits for a header that comes in pieces, and hears nothing before it is whole", async () => {
    const { dial } = await serverWith({ version: 2 });
    const [client, { accepted }] = await dial();
    client.setNoDelay(true);
    let known = false;
    void accepted.then(() => {
      known = true;
    });
    const bytes = encodeV2(CLIENT, { checksum: true });
    for (const byte of bytes.subarray(0, -1)) {
      client.write(Uint8Array.of(byte));
      await pause(1);
      assert.equal(known, false);
    }
    client.write(bytes.subarray(-1));
    assert.deepEqual((await accepted).source, CLIENT.source);
    client.destroy();
  });

  it("counts the real endpoints for LOCAL and UNKNOWN, IPv4 as IPv4 on a socket of both families", async () => {
    const { dial } = await serverWith();
    for (const encoded of [encodeV2({ kind: "local" }), encodeV1({ kind: "unknown" })]) {
      const [client, { accepted }] = await dial();
      client.write(encoded);
      const { source, destination } = await accepted;
      assert.deepEqual(source, { address: "127.0.0.1", port: client.localPort });
      assert.deepEqual(destination, { address: "127.0.0.1", port: client.remotePort });
      client.destroy();
    }
  });

  it("serves HTTP behind the header", async () => {
    const http = createHttpServer((request, response) => response.end(`for ${request.url}\n`));
    const server = createServer((socket) => {
      void acceptProxyHeader(socket, { version: 1, trusted: LOOPBACK, timeoutMs: 10_000 }).then(
        ({ rest }) => {
          socket.unshift(rest);
          http.emit("connection", socket);
        },
      );
    });
    open.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.write(Buffer.concat([encodeV1(CLIENT), Buffer.from("GET /one HTTP/1.1\r\nHost: a\r\n\r\n")]));
    const [first] = await once(client, "data");
    assert.match(String(first), /for \/one\n/);
    client.write("GET /two HTTP/1.1\r\nHost: a\r\n\r\n");
    const [second] = await once(client, "data");
    assert.match(String(second), /for \/two\n/);
    client.destroy();
  });
});

describe("refusing connections", () => {
  async function refusal(send: (client: Socket) => void, options: Partial<AcceptOptions>, reason: string) {
    const { dial, counters } = await serverWith(options);
    const [client, { accepted, socket }] = await dial();
    send(client);
    await assert.rejects(accepted, refusedAs(reason));
    assert.ok(socket.destroyed);
    if (!client.destroyed) await new Promise((resolve) => client.once("close", resolve));
    const { accepted: good, refused } = counters.values();
    assert.deepEqual([good, Object.entries(refused).filter(([, count]) => count > 0)], [0, [[reason, 1]]]);
  }

  it("reads nothing from those who are not trusted", () =>
    refusal(
      (client) => client.write(encodeV1(CLIENT)),
      { trusted: trustedSenders(["::1"]) },
      "untrusted-sender",
    ));

  it("gives up after the time that it is given", () =>
    refusal((client) => client.write(encodeV1(CLIENT).subarray(0, 20)), { timeoutMs: 30 }, "timeout"));

  it("gives up when the peer closes first, or says nothing at all", async () => {
    await refusal((client) => client.end(encodeV1(CLIENT).subarray(0, 20)), {}, "incomplete");
    await refusal((client) => client.end(), {}, "incomplete");
    await refusal((client) => client.resetAndDestroy(), {}, "incomplete");
  });

  it("resets what does not begin with a header", () =>
    refusal((client) => client.write("GET / HTTP/1.1\r\n\r\n"), {}, "no-header"));

  it("ends with its signal", async () => {
    const abort = new AbortController();
    const { dial } = await serverWith({ signal: abort.signal });
    const [client, { accepted, socket }] = await dial();
    abort.abort(new Error("going down"));
    await assert.rejects(accepted, /going down/);
    assert.ok(socket.destroyed);
    client.destroy();
  });

  it("leaves nothing of its own on the socket", async () => {
    const { dial } = await serverWith();
    const [client, { accepted, socket }] = await dial();
    const before = { close: socket.listenerCount("close"), error: socket.listenerCount("error") };
    client.write(encodeV1(CLIENT));
    await accepted;
    assert.equal(socket.listenerCount("readable"), 0);
    assert.ok(socket.listenerCount("close") < before.close && socket.listenerCount("error") < before.error);
    assert.equal(socket.readableFlowing, null);
    client.destroy();
  });
});
