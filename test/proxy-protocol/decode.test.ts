import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  crc32c,
  createHeaderDecoder,
  type DecodeOptions,
  decodeDatagram,
  decodeHeader,
  encodeV2,
  inetConnection,
  type RefusalReason,
} from "../../src/proxy-protocol/index.ts";
import {
  fromHex,
  NLB_CHECK,
  NLB_ENDPOINT,
  NLB_ENDPOINT_CAPTURE,
  SIGNATURE_HEX,
  SPECIFICATION_EXAMPLE,
  tlv,
} from "./captures.ts";

const V4 = "c6336401 cb007107 d431 01bb";
const V6 = "20010db8000000000000000000000001 20010db8000000000000000000000002 d431 01bb";

function v2(rest: string): Buffer {
  return fromHex(`${SIGNATURE_HEX} ${rest}`);
}

function accepted(bytes: Uint8Array | string, options: DecodeOptions) {
  const decoded = decodeHeader(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, options);
  if (decoded.state !== "header") assert.fail(`not accepted: ${JSON.stringify(decoded)}`);
  return decoded;
}

function inet(bytes: Uint8Array | string, options: DecodeOptions): string {
  const { proxied } = accepted(bytes, options).header;
  if (proxied.kind !== "inet") assert.fail(`no addresses: ${proxied.kind}`);
  const { family, transport, source, destination } = proxied;
  return `${family} ${transport} ${source.address} ${source.port} ${destination.address} ${destination.port}`;
}

describe("version 1", () => {
  it("reads the specification's example, and leaves the request behind it", () => {
    const { header, length } = accepted(SPECIFICATION_EXAMPLE, { version: 1 });
    assert.deepEqual(header, {
      version: 1,
      proxied: inetConnection(
        "TCP",
        { address: "192.168.0.1", port: 56324 },
        { address: "192.168.0.11", port: 443 },
      ),
      attributes: {},
      checksummed: false,
    });
    assert.ok(SPECIFICATION_EXAMPLE.slice(length).startsWith("GET / HTTP/1.1"));
  });

  const good: readonly (readonly [string, string])[] = [
    [
      "TCP4 255.255.255.255 255.255.255.255 65535 65535",
      "IPv4 TCP 255.255.255.255 65535 255.255.255.255 65535",
    ],
    ["TCP4 0.0.0.0 192.0.2.1 0 1", "IPv4 TCP 0.0.0.0 0 192.0.2.1 1"],
    ["TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 1 2", "IPv6 TCP 2001:db8::1 1 2001:db8::2 2"],
    [
      `TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535`,
      `IPv6 TCP ${"ffff:".repeat(7)}ffff 65535 ${"ffff:".repeat(7)}ffff 65535`,
    ],
    // HAProxy on a bind of both families, for an IPv4 client
    ["TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 5 6", "IPv4 TCP 192.0.2.7 5 192.0.2.1 6"],
    ["TCP6 ::ffff:c000:207 ::ffff:c000:201 5 6", "IPv4 TCP 192.0.2.7 5 192.0.2.1 6"],
  ];
  for (const [line, expected] of good) {
    it(`reads ${line}`, () => assert.equal(inet(`PROXY ${line}\r\n`, { version: 1 }), expected));
  }

  it("ignores what follows UNKNOWN, up to the longest line there is", () => {
    const longest = `PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`;
    assert.equal(longest.length, 107);
    for (const line of ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN what ever\r\n", longest]) {
      assert.deepEqual(accepted(line, { version: 1 }).header.proxied, { kind: "unknown" });
    }
  });

  const bad: readonly (readonly [string, RefusalReason])[] = [
    ["GET / HTTP/1.1\r\n", "no-header"],
    ["PROXY\r\n", "no-header"],
    ["proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "no-header"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "bad-line"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rGET", "bad-line"],
    ["PROXY UNKNOWN\nPROXY UNKNOWN\r\n", "bad-line"],
    ["PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "bad-family"],
    ["PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "bad-line"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "bad-line"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "bad-line"],
    ["PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n", "bad-family"],
    ["PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "bad-family"],
    ["PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "bad-family"],
    ["PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "bad-family"],
    ["PROXY UNKNOWNS\r\n", "bad-family"],
    ["PROXY TCP4 203.000.113.007 1.2.3.4 1 2\r\n", "bad-address"],
    ["PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "bad-address"],
    ["PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", "bad-address"],
    ["PROXY TCP4 ::1 ::2 1 2\r\n", "bad-address"],
    ["PROXY TCP6 1.2.3.4 1.2.3.5 1 2\r\n", "bad-address"],
    ["PROXY TCP6 ::1 1.2.3.5 1 2\r\n", "bad-address"],
    ["PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n", "bad-address"],
    ["PROXY TCP6 1::2::3 ::2 1 2\r\n", "bad-address"],
    ["PROXY TCP6 [::1] ::2 1 2\r\n", "bad-address"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 70000 2\r\n", "bad-port"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "bad-port"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 080 2\r\n", "bad-port"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 -2\r\n", "bad-port"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 0x2\r\n", "bad-port"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", "bad-port"],
    [`PROXY UNKNOWN ${"x".repeat(92)}\r\n`, "too-long"],
    [`PROXY UNKNOWN ${"x".repeat(4000)}`, "too-long"],
  ];
  for (const [line, reason] of bad) {
    it(`refuses ${JSON.stringify(line.slice(0, 60))} as ${reason}`, () => {
      const decoded = decodeHeader(Buffer.from(line, "latin1"), { version: 1 });
      assert.equal(decoded.state === "refused" && decoded.reason, reason);
    });
  }
});

describe("version 2", () => {
  const good: readonly (readonly [string, string])[] = [
    [`21 11 000c ${V4}`, "IPv4 TCP 198.51.100.1 54321 203.0.113.7 443"],
    [`21 21 0024 ${V6}`, "IPv6 TCP 2001:db8::1 54321 2001:db8::2 443"],
    // HAProxy on a bind of both families, for an IPv4 client
    [
      `21 21 0024 ${"00".repeat(10)}ffffc0000207 ${"00".repeat(10)}ffffc0000201 0005 0006`,
      "IPv4 TCP 192.0.2.7 5 192.0.2.1 6",
    ],
    // only one of them IPv4-mapped: no IPv4 pair
    [
      `21 21 0024 ${"00".repeat(10)}ffffc0000207 20010db8000000000000000000000002 0005 0006`,
      "IPv6 TCP ::ffff:c000:207 5 2001:db8::2 6",
    ],
  ];
  for (const [bytes, expected] of good) {
    it(`reads ${bytes.slice(0, 40)}`, () => assert.equal(inet(v2(bytes), { version: 2 }), expected));
  }

  it("verifies the checksums of AWS's load balancers, and reads the VPC endpoint", () => {
    for (const [bytes, source, endpoint] of [
      [NLB_ENDPOINT, "172.31.7.113", "vpce-08d2bf15fac5001c9"],
      [NLB_ENDPOINT_CAPTURE, "192.168.44.10", "vpce-00eafc458ec97b833"],
    ] as const) {
      const { header } = accepted(bytes, { version: 2 });
      assert.ok(header.proxied.kind === "inet" && header.proxied.source.address === source);
      assert.equal(header.checksummed, true);
      assert.deepEqual(header.attributes, { awsVpcEndpoint: endpoint });
    }
  });

  it("takes LOCAL for the sender's own connection, whatever its block says", () => {
    const blocks = [
      "20 00 0000",
      "20 00 0003 010203",
      "20 11 000c 000000000000000000000000",
      "20 ff 0001 00",
      "20 21 0002 ffff",
    ];
    for (const bytes of [NLB_CHECK, ...blocks.map(v2)]) {
      const decoded = accepted(Buffer.concat([bytes, Buffer.from("data")]), { version: 2 });
      assert.deepEqual(decoded.header.proxied, { kind: "local" });
      assert.deepEqual(decoded.header.attributes, {});
      assert.equal(decoded.length, bytes.length);
    }
  });

  it("takes UNSPEC in either half for relayed without addresses, and skips its block", () => {
    for (const block of ["00 0000", `00 000c ${V4}`, "01 0001 ff", "10 0002 0102", "20 0000", "02 0000"]) {
      assert.deepEqual(accepted(v2(`21 ${block}`), { version: 2 }).header.proxied, { kind: "unknown" });
    }
  });

  it("reads UNIX sockets, abstract ones too", () => {
    const path = Buffer.from("/run/front.sock").toString("hex").padEnd(216, "0");
    const abstract = Buffer.from("\0back").toString("hex").padEnd(216, "0");
    const { proxied } = accepted(v2(`21 31 00d8 ${path} ${abstract}`), { version: 2 }).header;
    assert.ok(proxied.kind === "unix" && proxied.transport === "stream");
    assert.equal(Buffer.from(proxied.source).toString(), "/run/front.sock");
    assert.equal(Buffer.from(proxied.destination).toString(), "\0back");
  });

  it("reads every attribute there is", () => {
    const text = (type: string, value: string) => tlv(type, Buffer.from(value).toString("hex"));
    const fields = [
      text("21", "TLSv1.3"),
      text("22", "\u00e9.example"),
      text("23", "TLS_AES_128_GCM_SHA256"),
      text("24", "RSA-SHA256"),
      text("25", "RSA2048"),
      text("26", "x25519"),
      text("27", "rsa_pss_rsae_sha256"),
      tlv("28", "3082"),
      tlv("2f", "00"),
    ];
    const tlvs = [
      text("01", "h2"),
      text("02", "a.example"),
      tlv("05", "000102"),
      tlv("20", `0700000000${fields.join("")}`),
      text("30", "ns"),
      tlv("04", "ff"),
      tlv("04", ""),
      tlv("e0", "07"),
      tlv("e0", ""),
    ].join("");
    const length = fromHex(tlvs).length + 12;
    const header = accepted(v2(`21 11 ${length.toString(16).padStart(4, "0")} ${V4} ${tlvs}`), {
      version: 2,
    }).header;
    assert.deepEqual(header.attributes, {
      alpn: "h2",
      authority: "a.example",
      uniqueId: Uint8Array.of(0, 1, 2),
      ssl: {
        tls: true,
        certificateOnConnection: true,
        certificateInSession: true,
        verified: true,
        version: "TLSv1.3",
        commonName: "\u00e9.example",
        cipher: "TLS_AES_128_GCM_SHA256",
        signatureAlgorithm: "RSA-SHA256",
        keyAlgorithm: "RSA2048",
        group: "x25519",
        signatureScheme: "rsa_pss_rsae_sha256",
        clientCertificate: Uint8Array.of(0x30, 0x82),
      },
      netns: "ns",
      custom: [
        { type: 0xe0, value: Uint8Array.of(7) },
        { type: 0xe0, value: new Uint8Array(0) },
      ],
    });
  });

  const bad: readonly (readonly [string, RefusalReason])[] = [
    ["11 11 000c", "bad-version"],
    ["31", "bad-version"],
    ["22", "bad-command"],
    ["2f 11 000c", "bad-command"],
    ["21 41", "bad-family"],
    ["21 13", "bad-family"],
    ["21 ff", "bad-family"],
    ["21 12", "wrong-transport"],
    ["21 22", "wrong-transport"],
    ["21 32", "wrong-transport"],
    ["21 11 000b", "too-short"],
    ["21 21 0023", "too-short"],
    ["21 31 00d7", "too-short"],
    ["21 11 0ff1", "too-long"],
    ["20 00 ffff", "too-long"],
    [`21 11 000e ${V4} 0400`, "bad-tlv"],
    [`21 11 0010 ${V4} 04000201`, "bad-tlv"],
    [`21 11 0012 ${V4} 030003 000000`, "bad-tlv"],
    [`21 11 0012 ${V4} 020001 ff 0100`, "bad-tlv"],
    [`21 11 0010 ${V4} 020001 ff`, "bad-tlv"],
    [`21 11 0014 ${V4} 020001 61 020001 62`, "bad-tlv"],
    [`21 11 0013 ${V4} 200004 01000000`, "bad-tlv"],
    [`21 11 0017 ${V4} 200008 0100000001 210005`, "bad-tlv"],
    [`21 11 0013 ${V4} 030004 00000000`, "bad-checksum"],
  ];
  for (const [bytes, reason] of bad) {
    it(`refuses ${bytes.slice(0, 60)} as ${reason}`, () => {
      const decoded = decodeHeader(v2(bytes), { version: 2 });
      assert.equal(decoded.state === "refused" && decoded.reason, reason, JSON.stringify(decoded));
    });
  }

  it("refuses an identity that comes twice, and unique ids of more than 128 bytes", () => {
    const connection = inetConnection(
      "TCP",
      { address: "192.0.2.1", port: 1 },
      { address: "192.0.2.2", port: 2 },
    );
    const once = encodeV2(connection, { uniqueId: new Uint8Array(128) });
    assert.equal(decodeHeader(once, { version: 2 }).state, "header");
    const longer = Buffer.concat([once, Buffer.of(0)]);
    longer.writeUInt16BE(longer.length - 16, 14);
    longer.writeUInt16BE(129, 29);
    const twice = Buffer.concat([once, once.subarray(28)]);
    twice.writeUInt16BE(twice.length - 16, 14);
    for (const bytes of [longer, twice]) {
      const decoded = decodeHeader(bytes, { version: 2 });
      assert.equal(decoded.state === "refused" && decoded.reason, "bad-tlv");
    }
  });

  it("notices every single changed bit of a header that has a checksum", () => {
    for (let at = 16; at < NLB_ENDPOINT.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(NLB_ENDPOINT);
        changed[at] = (changed[at] as number) ^ (1 << bit);
        const decoded = decodeHeader(changed, { version: 2 });
        // a flipped type of the checksum's TLV itself makes it another TLV: nothing is left to notice it by
        if (at === 28) continue;
        assert.equal(decoded.state, "refused", `byte ${at}, bit ${bit}`);
      }
    }
  });

  it("reads as much as it is set up to", () => {
    const long = v2(`20 00 0ff0 ${"00".repeat(0xff0)}`);
    assert.equal(accepted(long, { version: 2 }).length, 4096);
    const refused = decodeHeader(long.subarray(0, 16), { version: 2, maxBytes: 4095 });
    assert.equal(refused.state === "refused" && refused.reason, "too-long");
    assert.equal(
      accepted(v2(`20 00 ffff ${"00".repeat(0xffff)}`), { version: 2, maxBytes: 70_000 }).length,
      65551,
    );
  });
});

describe("what a receiver is set up for", () => {
  const line = Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
  const binary = v2(`21 11 000c ${V4}`);

  it("holds to the version that was configured", () => {
    const first = decodeHeader(line, { version: 2 });
    assert.equal(first.state === "refused" && first.reason, "wrong-version");
    const second = decodeHeader(binary, { version: 1 });
    assert.equal(second.state === "refused" && second.reason, "wrong-version");
  });

  it("recognises the version when asked to, and never does without a header", () => {
    assert.equal(accepted(line, { version: "either" }).header.version, 1);
    assert.equal(accepted(binary, { version: "either" }).header.version, 2);
    const refused = decodeHeader(Buffer.from("GET / HTTP/1.1\r\n"), { version: "either" });
    assert.equal(refused.state === "refused" && refused.reason, "no-header");
  });

  it("insists on addresses when asked to, health checks excepted", () => {
    const options = { version: "either", requireAddresses: true } as const;
    const unix = v2(`21 31 00d8 ${"00".repeat(216)}`);
    for (const bytes of [Buffer.from("PROXY UNKNOWN\r\n"), v2("21 00 0000"), unix]) {
      const decoded = decodeHeader(bytes, options);
      assert.equal(decoded.state === "refused" && decoded.reason, "no-addresses");
    }
    assert.equal(decodeHeader(NLB_CHECK, options).state, "header");
    assert.equal(decodeHeader(binary, options).state, "header");
  });
});

describe("datagrams", () => {
  const datagram = v2(`21 22 0024 ${V6}`);

  it("carry the header and the payload together", () => {
    const decoded = decodeDatagram(Buffer.concat([datagram, Buffer.from("payload")]), { version: 2 });
    assert.ok(decoded.state === "header" && decoded.header.proxied.kind === "inet");
    assert.equal(decoded.header.proxied.transport, "UDP");
    assert.equal(decoded.length, datagram.length);
  });

  it("are refused when cut off, without a header, or of a stream", () => {
    const reasons = [datagram.subarray(0, 40), Buffer.from("x"), Buffer.alloc(0), v2(`21 21 0024 ${V6}`)].map(
      (bytes) => {
        const decoded = decodeDatagram(bytes, { version: 2 });
        return decoded.state === "refused" && decoded.reason;
      },
    );
    assert.deepEqual(reasons, ["incomplete", "no-header", "incomplete", "wrong-transport"]);
  });

  it("have no version 1", () => {
    assert.throws(() => decodeDatagram(datagram, { version: 1 }), /version 1 of the protocol knows TCP only/);
    const line = Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
    const decoded = decodeDatagram(line, { version: "either" });
    assert.equal(decoded.state === "refused" && decoded.reason, "wrong-version");
  });
});

describe("a decoder fed piece by piece", () => {
  it("wants more until the header is whole, then gives the rest", () => {
    for (const [header, version] of [
      [NLB_ENDPOINT, 2],
      [Buffer.from("PROXY TCP6 ::1 ::2 1 2\r\n"), 1],
    ] as const) {
      const decoder = createHeaderDecoder({ version });
      for (const byte of header.subarray(0, -1))
        assert.deepEqual(decoder.push(Buffer.of(byte)), { state: "more" });
      const last = decoder.push(Buffer.concat([header.subarray(-1), Buffer.from("rest")]));
      assert.ok(last.state === "header");
      assert.equal(Buffer.from(last.rest).toString(), "rest");
      assert.throws(() => decoder.push(Buffer.of(1)), /has done its work/);
    }
  });

  it("refuses at the first byte that cannot be right", () => {
    const decoder = createHeaderDecoder({ version: 2 });
    assert.equal(decoder.push(v2("").subarray(0, 11)).state, "more");
    assert.equal(decoder.push(Buffer.of(0)).state, "refused");
    assert.equal(createHeaderDecoder({ version: 2 }).push(Buffer.from("G")).state, "refused");
  });
});

it("computes CRC32c as RFC 3720 shows it", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e);
  assert.equal(crc32c(Uint8Array.of(1, 9, 9, 9, 9, 2), 1), crc32c(Uint8Array.of(1, 0, 0, 0, 0, 2)));
});
