import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { canonicalAddress } from "../../src/ip/address.ts";
import {
  createHeaderDecoder,
  type DecodeOptions,
  decodeDatagram,
  decodeHeader,
  type EncodeOptions,
  encodeV1,
  encodeV2,
  inetConnection,
  type Proxied,
  type ProxyAttributes,
  SIGNATURE,
} from "../../src/proxy-protocol/index.ts";

const RUNS = Number(process.env["TORTURE_RUNS"] ?? 1000);
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const port = fc.integer({ min: 0, max: 65535 });
const endpointOf = (address: fc.Arbitrary<string>) => fc.record({ address, port });
const v4 = endpointOf(fc.ipV4());
const v6 = endpointOf(
  fc
    .ipV6()
    .map((text) => canonicalAddress(text) ?? "::")
    .filter((text) => !text.startsWith("::ffff:")),
);
const pair = fc.oneof(fc.tuple(v4, v4), fc.tuple(v6, v6));

function inet(transport: "TCP" | "UDP"): fc.Arbitrary<Proxied> {
  return pair.map(([source, destination]) => inetConnection(transport, source, destination));
}
// no trailing zeros, which are padding
const path = bytes(108).filter((value) => value.at(-1) !== 0);
const unix: fc.Arbitrary<Proxied> = fc
  .tuple(path, path)
  .map(([source, destination]) => ({ kind: "unix", transport: "stream", source, destination }));
const text = fc.string({ unit: "grapheme", maxLength: 40 });
const ssl = fc.record(
  {
    tls: fc.boolean(),
    certificateOnConnection: fc.boolean(),
    certificateInSession: fc.boolean(),
    verified: fc.boolean(),
    version: text,
    commonName: text,
    cipher: text,
    signatureAlgorithm: text,
    keyAlgorithm: text,
    group: text,
    signatureScheme: text,
    clientCertificate: bytes(300),
  },
  {
    requiredKeys: ["tls", "certificateOnConnection", "certificateInSession", "verified"],
    noNullPrototype: true,
  },
);
const custom = fc
  .tuple(
    fc.integer({ min: 0xe0, max: 0xf7 }).filter((type) => type !== 0xea),
    bytes(50),
  )
  .map(([type, value]) => ({ type, value }));
const attributes: fc.Arbitrary<ProxyAttributes> = fc.record(
  {
    alpn: fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
    authority: text,
    uniqueId: bytes(128),
    ssl,
    netns: text,
    awsVpcEndpoint: text,
    custom: fc.array(custom, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);
const sending = fc.record({ checksum: fc.boolean(), padTo: fc.integer({ min: 0, max: 600 }) });

const header = fc.oneof(
  fc.tuple(fc.oneof(inet("TCP"), unix), attributes, sending).map(([proxied, given, options]) => {
    const all: EncodeOptions = { ...given, ...options, maxBytes: 4096 };
    const expected = { version: 2 as const, proxied, attributes: given, checksummed: options.checksum };
    return { bytes: encodeV2(proxied, all), expected };
  }),
  inet("TCP").map((proxied) => ({
    bytes: encodeV1(proxied),
    expected: { version: 1 as const, proxied, attributes: {}, checksummed: false },
  })),
);

it("gives back what was sent, and leaves what follows alone", () => {
  fc.assert(
    fc.property(header, bytes(20), ({ bytes: sent, expected }, rest) => {
      const decoded = decodeHeader(Buffer.concat([sent, rest]), { version: expected.version });
      assert.deepEqual(decoded, { state: "header", header: expected, length: sent.length });
      const either = decodeHeader(sent, { version: "either" });
      assert.deepEqual(either, { state: "header", header: expected, length: sent.length });
    }),
    { numRuns: RUNS },
  );
});

it("gives datagrams back with their payload", () => {
  fc.assert(
    fc.property(inet("UDP"), attributes, bytes(20), (proxied, given, payload) => {
      const sent = encodeV2(proxied, { ...given, maxBytes: 4096 });
      const decoded = decodeDatagram(Buffer.concat([sent, payload]), { version: 2 });
      assert.ok(decoded.state === "header");
      assert.deepEqual([decoded.header.proxied, decoded.length], [proxied, sent.length]);
    }),
    { numRuns: RUNS / 4 },
  );
});

it("wants more for every beginning of a header, and names a length that is not too much", () => {
  fc.assert(
    fc.property(header, ({ bytes: sent, expected: { version } }) => {
      for (let length = 0; length < sent.length; length++) {
        const decoded = decodeHeader(sent.subarray(0, length), { version });
        assert.ok(decoded.state === "more", `${length} of ${sent.length} bytes: ${JSON.stringify(decoded)}`);
        assert.ok(decoded.atLeast > length && decoded.atLeast <= sent.length);
      }
    }),
    { numRuns: RUNS / 10 },
  );
});

it("names at once the length of the shortest header there is", () => {
  for (const [version, atLeast] of [
    [1, 15],
    [2, 16],
    ["either", 15],
  ] as const)
    assert.deepEqual(decodeHeader(new Uint8Array(0), { version }), { state: "more", atLeast });
  assert.deepEqual(decodeHeader(Uint8Array.of(13), { version: "either" }), { state: "more", atLeast: 16 });
});

it("says the same in whatever pieces the bytes come", () => {
  fc.assert(
    fc.property(header, fc.array(fc.integer({ min: 1, max: 60 })), ({ bytes: sent, expected }, sizes) => {
      const decoder = createHeaderDecoder({ version: "either" });
      let at = 0;
      let state = decoder.push(new Uint8Array(0));
      for (let piece = 0; state.state === "more"; piece++) {
        const size = sizes[piece % sizes.length] ?? 1;
        state = decoder.push(sent.subarray(at, at + size));
        at += size;
      }
      assert.ok(state.state === "header");
      assert.deepEqual(state.header, expected);
    }),
    { numRuns: RUNS / 4 },
  );
});

const VERSIONS: readonly DecodeOptions["version"][] = [1, 2, "either"];

it("neither crashes on random bytes nor believes them", () => {
  fc.assert(
    fc.property(bytes(300), fc.constantFrom(...VERSIONS), (random, version) => {
      // what starts as a header does is another property's matter
      fc.pre(random[0] !== 0x50 && random[0] !== 0x0d);
      const decoded = decodeHeader(random, { version });
      assert.equal(decoded.state, random.length === 0 ? "more" : "refused");
    }),
    { numRuns: RUNS },
  );
});

it("neither crashes on random bytes behind a true beginning, nor reads more than they are", () => {
  const beginning = fc.constantFrom(
    SIGNATURE,
    Uint8Array.of(...SIGNATURE, 0x21, 0x11, 0),
    Uint8Array.of(...SIGNATURE, 0x21, 0x21, 0, 80),
    Uint8Array.of(...SIGNATURE, 0x20),
    Buffer.from("PROXY "),
    Buffer.from("PROXY TCP4 1.2.3.4 "),
    Buffer.from("PROXY TCP6 ::1 "),
  );
  fc.assert(
    fc.property(beginning, bytes(300), (start, random) => {
      const all = Buffer.concat([start, random]);
      const decoded = decodeHeader(all, { version: "either" });
      if (decoded.state === "header") assert.ok(decoded.length <= all.length);
    }),
    { numRuns: RUNS },
  );
});

it("never takes a changed byte of a checksummed header for another client", () => {
  fc.assert(
    fc.property(
      inet("TCP"),
      attributes,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (proxied, given, where, flip) => {
        const sent = Buffer.from(encodeV2(proxied, { ...given, checksum: true, maxBytes: 4096 }));
        const at = 16 + (where % (sent.length - 16));
        sent[at] = (sent[at] as number) ^ flip;
        const decoded = decodeHeader(sent, { version: 2 });
        // a change that hides the checksum among other TLVs leaves a header without one
        assert.ok(decoded.state === "header" ? !decoded.header.checksummed : decoded.state === "refused");
      },
    ),
    { numRuns: RUNS },
  );
});
