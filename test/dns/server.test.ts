import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, it, type TestContext } from "node:test";
import packet from "dns-packet";
import fc from "fast-check";
import { decodeMessage } from "../../src/dns/codec/decode.ts";
import { encodeMessage } from "../../src/dns/codec/encode.ts";
import { type Message, RCODE, TYPE } from "../../src/dns/codec/message.ts";
import {
  createUpstream,
  dropSelf,
  parseResolvConf,
  parseResolver,
  startDnsServer,
} from "../../src/dns/index.ts";
import { followModel } from "../../src/dns/desired.ts";
import { Responder } from "../../src/dns/responder.ts";
import { UserError } from "../../src/errors/user-error.ts";
import { addressesIn, askTcp, askUdp, askUdpRaw, modelOf, query, service, slice } from "./cluster.ts";

const WEB = "web.default.svc.cluster.local";
const POD_COUNT = 150;
const cluster = () =>
  modelOf(
    service("web", {
      clusterIP: "10.96.0.9",
      clusterIPs: ["10.96.0.9", "fd00:10:96::9"],
      ports: [{ port: 80, protocol: "TCP" }],
    }),
    service("out", { type: "ExternalName", externalName: "www.example.com" }),
    service("many", { clusterIP: "None", ports: [] }),
    slice(
      "many",
      "many",
      Array.from({ length: POD_COUNT }, (_, index) => `10.244.0.${index + 1}`),
    ),
  );

type Options = Parameters<typeof startDnsServer>[0];

async function serve(test: TestContext, options: Partial<Options> = {}, address = "127.0.0.1") {
  const server = await startDnsServer({ listen: [{ address, port: 0 }], model: cluster(), ...options });
  test.after(() => server.close());
  return server.addresses[0]!;
}

/** A resolver on loopback that does with each query as it is told; undefined: nothing. */
async function fakeResolver(test: TestContext, act: (asked: Message, socket: Socket) => Message | undefined) {
  const socket = createSocket("udp4");
  let asked = 0;
  socket.on("message", (bytes, from) => {
    asked++;
    const reply = act(decodeMessage(bytes), socket);
    if (reply !== undefined) socket.send(encodeMessage(reply), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  test.after(() => socket.close());
  return { address: "127.0.0.1", port: socket.address().port, count: () => asked };
}

/** The descriptor of a socket; Node keeps it to itself. */
function descriptorOf(socket: Socket): number {
  const state = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === "state symbol")!;
  return (socket as unknown as Record<symbol, { handle: { fd: number } }>)[state]!.handle.fd;
}

const known = (address: string) => (asked: Message) => ({
  ...asked,
  response: true,
  answers: [
    {
      name: asked.questions[0]!.name,
      type: TYPE.A,
      class: 1,
      ttl: 60,
      data: { kind: "address" as const, address },
    },
  ],
});

describe("the server", () => {
  for (const address of ["127.0.0.1", "::1"]) {
    it(`answers over UDP and TCP at ${address}`, async (test) => {
      const place = await serve(test, {}, address);
      const reply = await askUdp(query(WEB, "AAAA"), place);
      assert.deepEqual(addressesIn(reply), ["fd00:10:96::9"]);
      assert.deepEqual(
        [reply.id, reply.response, reply.authoritative, reply.recursionDesired],
        [4711, true, true, true],
      );
      const replies = await askTcp(
        [query(WEB, "A"), query(WEB, "AAAA", { id: 2 }), query("nothing.cluster.local", "A", { id: 3 })],
        place,
      );
      assert.deepEqual(
        replies.map((item) => [item.id, item.rcode]),
        [
          [4711, 0],
          [2, 0],
          [3, RCODE.NXDOMAIN],
        ],
      );
      assert.equal(replies[2]?.authority[0]?.type, TYPE.SOA);
    });
  }

  it("is understood by another implementation", async (test) => {
    const asked = packet.encode({ type: "query", id: 1, questions: [{ type: "A", name: WEB }] });
    const { answers } = packet.decode(await askUdpRaw(asked, await serve(test)));
    assert.deepEqual(
      answers?.map((item) => item.type === "A" && item.data),
      ["10.96.0.9"],
    );
  });

  it("says by the codes of RFC 1035 and 6891 what it does not do", async (test) => {
    const place = await serve(test);
    const answered = async (asked: Message) => {
      const bytes = await askUdpRaw(encodeMessage(asked), place);
      return [packet.decode(bytes).rcode, bytes.readUInt16BE(2) & 0x000f];
    };
    const none = "none.default.svc.cluster.local";
    assert.deepEqual(await answered(query(WEB, "A", { questions: [] })), ["FORMERR", 1]);
    assert.deepEqual(await answered(query(none, "A")), ["NXDOMAIN", 3]);
    assert.deepEqual(await answered(query(WEB, "A", { opcode: 5 })), ["NOTIMP", 4]);
    assert.deepEqual(await answered(query("www.example.com", "A")), ["REFUSED", 5]);
  });

  it("says whether it asks others, as clients may look for somebody who does (RFC 1035, 4.1.1)", async (test) => {
    const alone = await askUdp(query(WEB, "A"), await serve(test));
    const resolvers = [{ address: "127.0.0.1", port: 1 }];
    const place = await serve(test, { upstream: createUpstream({ resolvers }) });
    assert.deepEqual(
      [alone.recursionAvailable, (await askUdp(query(WEB, "A"), place)).recursionAvailable],
      [false, true],
    );
  });

  it("cuts what does not fit a datagram, and gives it whole over TCP", async (test) => {
    const place = await serve(test);
    const many = "many.default.svc.cluster.local";
    const plain = await askUdpRaw(encodeMessage(query(many, "A")), place);
    const wide = await askUdpRaw(
      encodeMessage(query(many, "A", { edns: { udpSize: 65000, version: 0, dnssecOk: true } })),
      place,
    );
    assert.ok(plain.length <= 512 && decodeMessage(plain).truncated);
    assert.ok(wide.length <= 1232 && wide.length > 1100 && decodeMessage(wide).truncated);
    assert.deepEqual(decodeMessage(wide).edns, { udpSize: 1232, version: 0, dnssecOk: true });
    const [whole] = await askTcp([query(many, "A")], place);
    assert.deepEqual([whole?.truncated, whole?.answers.length], [false, POD_COUNT]);
  });

  it("refuses what it does not do", async (test) => {
    const place = await serve(test);
    const rcodeOf = async (message: Message) => (await askUdp(message, place)).rcode;
    const [question] = query(WEB, "A").questions;
    assert.equal(await rcodeOf(query(WEB, "A", { opcode: 5 })), RCODE.NOTIMP);
    assert.equal(await rcodeOf(query(WEB, "A", { questions: [] })), RCODE.FORMERR);
    assert.equal(await rcodeOf(query(WEB, "A", { questions: [question!, question!] })), RCODE.FORMERR);
    assert.equal(await rcodeOf(query(WEB, "A", { questions: [{ ...question!, class: 3 }] })), RCODE.REFUSED);
    assert.equal(
      await rcodeOf(query(WEB, "A", { edns: { udpSize: 512, version: 1, dnssecOk: false } })),
      RCODE.BADVERS,
    );
    assert.equal(await rcodeOf(query("www.example.com", "A")), RCODE.REFUSED);
  });

  it("says what keeps it from a port or an address", async (test) => {
    const taken = await serve(test);
    await assert.rejects(startDnsServer({ listen: [taken], model: cluster() }), (error: UserError) => {
      assert.match(
        error.message,
        new RegExp(
          `cannot serve DNS: another program has this port\\n.*UDP 127.0.0.1:${taken.port}\\n.*--port`,
        ),
      );
      return error instanceof UserError;
    });
    await assert.rejects(
      startDnsServer({ listen: [{ address: "192.0.2.1", port: 0 }], model: cluster() }),
      /does not have the address/,
    );
  });

  it("frees its port when it is told to stop", async () => {
    const abort = new AbortController();
    const first = await startDnsServer({
      listen: [{ address: "127.0.0.1", port: 0 }],
      model: cluster(),
      signal: abort.signal,
    });
    abort.abort();
    await first.close();
    const second = await startDnsServer({ listen: first.addresses, model: cluster() });
    await second.close();
  });

  it("answers any bytes with a refusal or not at all", async () => {
    const responder = new Responder({ index: followModel(cluster()), domain: "cluster.local." });
    const mangled = fc.record({ at: fc.nat(60), byte: fc.nat(255) }).map(({ at, byte }) => {
      const wire = Buffer.from(
        encodeMessage(query(WEB, "A", { edns: { udpSize: 4096, version: 0, dnssecOk: false } })),
      );
      wire[at % wire.length] = byte;
      return wire;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 64 }), mangled), async (bytes) => {
        const reply = await responder.respond(bytes, "udp");
        if (reply === undefined) return assert.ok(bytes.length < 12 || (bytes[2]! & 0x80) !== 0);
        const message = decodeMessage(reply);
        assert.ok(
          message.response && message.id === Buffer.from(bytes).readUInt16BE(0) && reply.length <= 1232,
        );
      }),
      { numRuns: 1000 },
    );
  });
});

describe("names of others", () => {
  it("come from the resolvers, with the asker's id", async (test) => {
    const resolver = await fakeResolver(test, known("192.0.2.80"));
    const place = await serve(test, { upstream: createUpstream({ resolvers: [resolver] }) });
    const reply = await askUdp(query("www.example.com", "A"), place);
    assert.deepEqual([reply.id, ...addressesIn(reply)], [4711, "192.0.2.80"]);
  });

  it("come from the next resolver when one is dead, refuses or answers something else", async (test) => {
    const good = await fakeResolver(test, known("192.0.2.80"));
    const refusing = await fakeResolver(test, (asked) => ({
      ...asked,
      response: true,
      rcode: RCODE.REFUSED,
    }));
    const lying = await fakeResolver(test, (asked) =>
      known("192.0.2.66")({ ...asked, questions: query("other.example", "A").questions }),
    );
    const closed = { address: "127.0.0.1", port: 1 };
    for (const bad of [refusing, lying, closed]) {
      const upstream = createUpstream({ resolvers: [bad, good] });
      const bytes = encodeMessage(query("www.example.com", "A"));
      assert.deepEqual(
        addressesIn(decodeMessage(await upstream.ask(bytes, { tcp: false, timeoutMs: 60_000 }))),
        ["192.0.2.80"],
      );
      upstream.close();
    }
  });

  it("fail when no resolver answers, and a dead one is asked last from then on", async (test) => {
    const silent = await fakeResolver(test, () => undefined);
    const good = await fakeResolver(test, known("192.0.2.80"));
    const bytes = encodeMessage(query("www.example.com", "A"));
    const alone = createUpstream({ resolvers: [silent] });
    await assert.rejects(alone.ask(bytes, { tcp: false, timeoutMs: 50 }), /did not answer within 50 ms/);
    alone.close();
    const both = createUpstream({ resolvers: [silent, good] });
    for (let turn = 0; turn < 3; turn++) await both.ask(bytes, { tcp: false, timeoutMs: 60_000 });
    both.close();
    assert.equal(silent.count(), 2);
    const dead = await serve(test, {
      upstream: createUpstream({ resolvers: [{ address: "127.0.0.1", port: 1 }] }),
    });
    assert.equal((await askUdp(query("www.example.com", "A"), dead)).rcode, RCODE.SERVFAIL);
  });

  it("leave by sockets that were handed in", async (test) => {
    const senders = new Set<number>();
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => {
      senders.add(from.port);
      socket.send(encodeMessage(known("192.0.2.80")(decodeMessage(bytes))), from.port, from.address);
    });
    const outside = createSocket("udp4");
    test.after(() => socket.close());
    for (const each of [socket, outside]) {
      each.bind(0, "127.0.0.1");
      await once(each, "listening");
    }
    const { port } = outside.address();
    const script = fileURLToPath(new URL("./handed-in.case.ts", import.meta.url));
    const stdio = ["ignore", "pipe", "inherit", descriptorOf(outside)] as const;
    const child = spawn(process.execPath, [script, String(socket.address().port)], { stdio: [...stdio] });
    outside.close(); // else this process would read half of the answers
    const replies = JSON.parse(await text(child.stdout!));
    assert.deepEqual(
      replies,
      Array.from({ length: 20 }, (_, id) => [id, `n${id}.example.`]),
    );
    assert.deepEqual([...senders], [port]);
  });

  it("stand behind an alias that leads to them, which is an answer without them too", async (test) => {
    const resolver = await fakeResolver(test, known("192.0.2.80"));
    const place = await serve(test, { upstream: createUpstream({ resolvers: [resolver] }) });
    const reply = await askUdp(query("out.default.svc.cluster.local", "A"), place);
    assert.deepEqual(
      reply.answers.map((record) => record.name),
      ["out.default.svc.cluster.local.", "www.example.com."],
    );
    const dead = await serve(test, {
      upstream: createUpstream({ resolvers: [{ address: "127.0.0.1", port: 1 }] }),
    });
    const bare = await askUdp(query("out.default.svc.cluster.local", "A"), dead);
    assert.deepEqual([bare.rcode, bare.answers.length], [0, 1]);
  });

  it("do not run in a circle through the server itself", async (test) => {
    const counted = await fakeResolver(test, () => undefined);
    let place = counted as { address: string; port: number };
    const relay = await fakeResolver(test, (asked, socket) => {
      socket.send(encodeMessage({ ...asked, id: asked.id ^ 1 }), place.port, place.address);
      return undefined;
    });
    const upstream = createUpstream({ resolvers: [relay] });
    const ask = upstream.ask;
    place = await serve(test, {
      upstream: { ...upstream, ask: (bytes, options) => ask(bytes, { ...options, timeoutMs: 2000 }) },
    });
    assert.equal((await askUdp(query("www.example.com", "A"), place)).rcode, RCODE.SERVFAIL);
    assert.equal(relay.count(), 1);
  });
});

describe("resolvers", () => {
  it("are read from resolv.conf and from flags", () => {
    const conf =
      "# comment\nsearch a b\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver bad\n  nameserver 2001:db8::53 # x\nnameserver 192.0.2.54";
    assert.deepEqual(
      parseResolvConf(conf).map((item) => item.address),
      ["192.0.2.53", "fe80::1%eth0", "2001:db8::53"],
    );
    assert.deepEqual(parseResolver("[::1]:5353"), { address: "::1", port: 5353 });
    assert.deepEqual(parseResolver("192.0.2.1:54"), { address: "192.0.2.1", port: 54 });
    assert.deepEqual(parseResolver("2001:db8::1"), { address: "2001:db8::1", port: 53 });
    for (const bad of ["", "x", "1.2.3.4:0", "1.2.3.4:99999", "[1::2"])
      assert.equal(parseResolver(bad), undefined, bad);
  });

  it("are not the server itself", () => {
    const resolvers = [
      { address: "127.0.0.1", port: 53 },
      { address: "127.0.0.1", port: 54 },
      { address: "192.0.2.7", port: 53 },
    ];
    assert.deepEqual(dropSelf(resolvers, [{ address: "127.0.0.1", port: 53 }], []), resolvers.slice(1));
    assert.deepEqual(
      dropSelf(resolvers, [{ address: "0.0.0.0", port: 53 }], ["192.0.2.7"]),
      resolvers.slice(0, 2),
    );
  });
});
