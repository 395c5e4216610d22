import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UserError } from "../../src/errors/user-error.ts";
import {
  clientSideConnection,
  encodeV1,
  encodeV2,
  inetConnection,
  trustedSenders,
} from "../../src/proxy-protocol/index.ts";
import { fromHex, NLB_ENDPOINT, SIGNATURE_HEX, SPECIFICATION_EXAMPLE } from "./captures.ts";

const V4 = inetConnection(
  "TCP",
  { address: "198.51.100.1", port: 54321 },
  { address: "203.0.113.7", port: 443 },
);
const V6 = inetConnection(
  "UDP",
  { address: "2001:db8::1", port: 54321 },
  { address: "2001:db8::2", port: 443 },
);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const v2 = (rest: string) => hex(fromHex(`${SIGNATURE_HEX} ${rest}`));

describe("version 1", () => {
  it("writes the specification's example", () => {
    const connection = inetConnection(
      "TCP",
      { address: "192.168.0.1", port: 56324 },
      { address: "192.168.0.11", port: 443 },
    );
    const line = Buffer.from(encodeV1(connection)).toString();
    assert.equal(line, SPECIFICATION_EXAMPLE.slice(0, line.length));
  });

  it("writes UNKNOWN for what it has no words for, and refuses what would be a lie", () => {
    assert.equal(Buffer.from(encodeV1({ kind: "unknown" })).toString(), "PROXY UNKNOWN\r\n");
    assert.throws(() => encodeV1(V6), /version 1 knows TCP only/);
    assert.throws(() => encodeV1({ kind: "local" }), /version 1 has no LOCAL/);
  });
});

describe("version 2", () => {
  it("writes addresses of either family", () => {
    assert.equal(hex(encodeV2(V4)), v2("21 11 000c c6336401 cb007107 d431 01bb"));
    assert.equal(
      hex(encodeV2(V6)),
      v2("21 22 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 d431 01bb"),
    );
  });

  it("writes LOCAL bare, as HAProxy's health checks have it", () => {
    assert.equal(hex(encodeV2({ kind: "local" }, { checksum: true })), v2("20 00 0000"));
    assert.equal(hex(encodeV2({ kind: "unknown" })), v2("21 00 0000"));
  });

  it("writes UNIX sockets padded with zeros", () => {
    const path = Buffer.from("/a");
    const bytes = encodeV2({
      kind: "unix",
      transport: "datagram",
      source: path,
      destination: Buffer.alloc(0),
    });
    assert.equal(hex(bytes), v2(`21 32 00d8 2f61${"00".repeat(214)}`));
    const long = { kind: "unix", transport: "stream", source: Buffer.alloc(109), destination: path } as const;
    assert.throws(() => encodeV2(long), /at most 108 bytes/);
  });

  it("writes what AWS's load balancers write, checksum and all, but for the order of the fields", () => {
    const connection = inetConnection(
      "TCP",
      { address: "172.31.7.113", port: 0xc8f2 },
      { address: "172.31.10.31", port: 80 },
    );
    const bytes = encodeV2(connection, {
      awsVpcEndpoint: "vpce-08d2bf15fac5001c9",
      checksum: true,
      padTo: NLB_ENDPOINT.length,
    });
    assert.equal(bytes.length, NLB_ENDPOINT.length);
    assert.equal(hex(bytes.subarray(0, 28)), hex(NLB_ENDPOINT.subarray(0, 28)));
    assert.equal(hex(bytes.subarray(28, 54)), hex(NLB_ENDPOINT.subarray(35, 61)));
  });

  it("pads by three bytes at least, and not at all when long enough", () => {
    assert.equal(encodeV2(V4, { padTo: 29 }).length, 31);
    assert.equal(hex(encodeV2(V4, { padTo: 33 })).slice(-10), "0400020000");
    assert.equal(encodeV2(V4, { padTo: 28 }).length, 28);
  });

  it("refuses what may not arrive at once, unless told that it may", () => {
    const attributes = { authority: "x".repeat(520) };
    assert.throws(() => encodeV2(V4, attributes), /551 bytes, and more than 536/);
    assert.equal(encodeV2(V4, { ...attributes, maxBytes: 4096 }).length, 551);
  });

  it("refuses fields that nobody could read", () => {
    const value = new Uint8Array(0);
    assert.throws(() => encodeV2(V4, { uniqueId: new Uint8Array(129) }), /at most 128 bytes/);
    assert.throws(() => encodeV2(V4, { custom: [{ type: 0x03, value }] }), /has an attribute of its own/);
    assert.throws(() => encodeV2(V4, { custom: [{ type: 0xf8, value }] }), /reserved for the future/);
    assert.throws(() => encodeV2(V4, { custom: [{ type: 256, value }] }), /from 0 to 247/);
  });
});

describe("the pair of addresses", () => {
  it("sends IPv4-mapped addresses as IPv4", () => {
    const connection = inetConnection(
      "TCP",
      { address: "::ffff:198.51.100.1", port: 54321 },
      { address: "::ffff:cb00:7107", port: 443 },
    );
    assert.deepEqual(connection, V4);
    const mixed = inetConnection(
      "TCP",
      { address: "198.51.100.1", port: 1 },
      { address: "::ffff:203.0.113.7", port: 2 },
    );
    assert.equal(mixed.family, "IPv4");
    const unchecked = { ...V4, source: { address: "::ffff:198.51.100.1", port: 54321 } };
    assert.equal(hex(encodeV2(unchecked)), hex(encodeV2(V4)), "whoever built it by hand, too");
  });

  it("has no form for mixed families, and says which pair to name", () => {
    const client = { address: "2001:db8::1", port: 1 };
    assert.throws(
      () => inetConnection("TCP", client, { address: "10.0.0.1", port: 2 }),
      (error) => error instanceof UserError && /name the pair of the client's side/.test(error.message),
    );
    const frontend = {
      IPv4: { address: "203.0.113.7", port: 80 },
      IPv6: { address: "2001:db8::7", port: 80 },
    };
    assert.equal(clientSideConnection("TCP", client, frontend).destination.address, "2001:db8::7");
    const four = clientSideConnection("TCP", { address: "::ffff:192.0.2.1", port: 1 }, frontend);
    assert.equal(four.destination.address, "203.0.113.7");
    assert.throws(
      () => clientSideConnection("TCP", client, { IPv4: frontend.IPv4 }),
      /there is no IPv6 address/,
    );
  });

  it("refuses what is no address and no port", () => {
    const good = { address: "192.0.2.1", port: 1 };
    for (const bad of [
      { address: "192.0.2.01", port: 1 },
      { address: "fe80::1%eth0", port: 1 },
      { address: "web", port: 1 },
      { address: "192.0.2.1", port: 65536 },
      { address: "192.0.2.1", port: -1 },
      { address: "192.0.2.1", port: 1.5 },
    ]) {
      assert.throws(() => inetConnection("TCP", bad, good), UserError, JSON.stringify(bad));
      assert.throws(() => inetConnection("TCP", good, bad), UserError, JSON.stringify(bad));
    }
  });
});

describe("trusted senders", () => {
  it("are networks and addresses of both families", () => {
    const { trusts } = trustedSenders([
      "10.0.0.0/8",
      "2001:db8::/32",
      "192.0.2.1",
      "fe80::/10",
      "::ffff:198.51.100.9",
    ]);
    const peers = [
      "10.1.2.3",
      "::ffff:10.1.2.3",
      "2001:db8:1::1",
      "192.0.2.1",
      "fe80::1%eth0",
      "198.51.100.9",
    ];
    for (const peer of peers) assert.ok(trusts(peer), peer);
    for (const peer of ["11.0.0.1", "2001:db9::1", "192.0.2.2", "::ffff:11.0.0.1", "", "10.1", undefined]) {
      assert.ok(!trusts(peer), peer);
    }
  });

  it("are nobody when none is named; what is no network is an error", () => {
    assert.ok(!trustedSenders([]).trusts("127.0.0.1"));
    assert.ok(trustedSenders(["0.0.0.0/0"]).trusts("127.0.0.1"));
    assert.ok(!trustedSenders(["0.0.0.0/0"]).trusts("::1"));
    assert.throws(() => trustedSenders(["10.0.0.0/33"]), /neither an address nor a network/);
  });
});
