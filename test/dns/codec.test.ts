import assert from "node:assert/strict";
import { describe, it } from "node:test";
import packet, { type Answer } from "dns-packet";
import fc from "fast-check";
import { decodeMessage } from "../../src/dns/codec/decode.ts";
import { encodeMessage } from "../../src/dns/codec/encode.ts";
import {
  EMPTY_MESSAGE,
  FormatError,
  type Message,
  type RecordData,
  type ResourceRecord,
  TYPE,
} from "../../src/dns/codec/message.ts";
import { labelBytes, splitLabels } from "../../src/dns/codec/name.ts";
import { canonicalAddress } from "../../src/ip/address.ts";

const label = fc.stringMatching(/^[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,20}[a-zA-Z0-9])?$/);
const name = fc.array(label, { maxLength: 6 }).map((labels) => `${labels.join(".")}.`);
const v4 = fc.ipV4();
const v6 = fc
  .ipV6()
  .map((text) => canonicalAddress(text))
  .filter((text) => text !== undefined);
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const bytes = (max: number) => fc.uint8Array({ maxLength: max });

const typed: fc.Arbitrary<{ type: number; data: RecordData }> = fc.oneof(
  v4.map((address) => ({ type: TYPE.A, data: { kind: "address" as const, address } })),
  v6.map((address) => ({ type: TYPE.AAAA, data: { kind: "address" as const, address } })),
  fc.record({
    type: fc.constantFrom(TYPE.NS, TYPE.CNAME, TYPE.PTR),
    data: name.map((target) => ({ kind: "name" as const, target })),
  }),
  fc
    .record({ preference: u16, exchange: name })
    .map((mx) => ({ type: TYPE.MX, data: { kind: "mx" as const, ...mx } })),
  fc
    .record({ priority: u16, weight: u16, port: u16, target: name })
    .map((srv) => ({ type: TYPE.SRV, data: { kind: "srv" as const, ...srv } })),
  fc
    .array(bytes(255), { minLength: 1, maxLength: 3 })
    .map((texts) => ({ type: TYPE.TXT, data: { kind: "txt" as const, texts } })),
  fc
    .record({
      primary: name,
      mailbox: name,
      serial: u32,
      refresh: u32,
      retry: u32,
      expire: u32,
      minimum: u32,
    })
    .map((soa) => ({ type: TYPE.SOA, data: { kind: "soa" as const, ...soa } })),
  bytes(40).map((raw) => ({ type: 65, data: { kind: "raw" as const, bytes: raw } })),
);
const record: fc.Arbitrary<ResourceRecord> = fc
  .record({ name, ttl: u32, typed })
  .map(({ typed: { type, data }, ...rest }) => ({ ...rest, class: 1, type, data }));
const records = fc.array(record, { maxLength: 5 });
const message: fc.Arbitrary<Message> = fc.record(
  {
    id: u16,
    response: fc.boolean(),
    opcode: fc.integer({ min: 0, max: 15 }),
    authoritative: fc.boolean(),
    truncated: fc.boolean(),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    authenticData: fc.boolean(),
    checkingDisabled: fc.boolean(),
    rcode: fc.integer({ min: 0, max: 15 }),
    questions: fc.array(fc.record({ name, type: u16, class: u16 }), { maxLength: 2 }),
    answers: records,
    authority: records,
    additional: records,
    edns: fc.record({ udpSize: u16, version: fc.integer({ min: 0, max: 255 }), dnssecOk: fc.boolean() }),
  },
  {
    requiredKeys: [
      "id",
      "response",
      "opcode",
      "authoritative",
      "truncated",
      "recursionDesired",
      "recursionAvailable",
      "authenticData",
      "checkingDisabled",
      "rcode",
      "questions",
      "answers",
      "authority",
      "additional",
    ],
  },
);

/** Plain data, so that Buffers and Uint8Arrays compare alike. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, item) =>
      item instanceof Uint8Array ? [...item] : item?.type === "Buffer" ? item.data : item,
    ),
  );
}

describe("messages on the wire", () => {
  it("come back as they went", () => {
    fc.assert(
      fc.property(message, (sent) =>
        assert.deepEqual(plain(decodeMessage(encodeMessage(sent))), plain(sent)),
      ),
      { numRuns: 300 },
    );
  });

  it("are read by another implementation as they were meant", () => {
    fc.assert(
      fc.property(message, (sent) => {
        const read = packet.decode(encodeMessage(sent));
        assert.equal(read.id, sent.id);
        assert.deepEqual(
          read.questions?.map((question) => question.name),
          sent.questions.map((question) => withoutDot(question.name)),
        );
        assert.deepEqual(read.answers?.map(otherView), sent.answers.map(ownView));
      }),
      { numRuns: 200 },
    );
  });

  it("of another implementation are read as they were meant", () => {
    const answers = fc.array(fc.oneof(fc.record({ name, address: v4 }), fc.record({ name, address: v6 })), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(u16, answers, (id, list) => {
        const sent = packet.encode({
          type: "response",
          id,
          questions: [{ type: "A", name: "web.default.svc.cluster.local" }],
          answers: list.map(({ name: owner, address }) => {
            const type = address.includes(":") ? ("AAAA" as const) : ("A" as const);
            return { type, name: withoutDot(owner), ttl: 5, data: address };
          }),
        });
        const read = decodeMessage(sent);
        assert.equal(read.questions[0]?.name, "web.default.svc.cluster.local.");
        assert.deepEqual(
          read.answers.map(({ name: owner, data }) => [owner, data.kind === "address" && data.address]),
          list.map(({ name: owner, address }) => [owner, canonicalAddress(address)]),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("repeat no name that stands in them already", () => {
    const owner = "a-rather-long-name.default.svc.cluster.local.";
    const answer = (address: string): ResourceRecord => ({
      name: owner,
      type: TYPE.A,
      class: 1,
      ttl: 5,
      data: { kind: "address", address },
    });
    const sent = encodeMessage({
      ...EMPTY,
      questions: [{ name: owner, type: TYPE.A, class: 1 }],
      answers: [answer("10.0.0.1"), answer("10.0.0.2")],
    });
    assert.equal(sent.length, 12 + owner.length + 1 + 4 + 2 * 16);
    const alias = encodeMessage({
      ...EMPTY,
      questions: [{ name: owner, type: TYPE.CNAME, class: 1 }],
      answers: [{ name: owner, type: TYPE.CNAME, class: 1, ttl: 5, data: { kind: "name", target: owner } }],
    });
    assert.equal(alias.length, 12 + owner.length + 1 + 4 + 14);
  });
});

const EMPTY: Message = {
  ...EMPTY_MESSAGE,
  id: 7,
  response: true,
  authoritative: true,
  recursionDesired: true,
};

function withoutDot(text: string): string {
  return text === "." ? "." : text.slice(0, -1);
}

function ownView({ name: owner, type, data }: ResourceRecord): unknown {
  const key = { [TYPE.A]: "A", [TYPE.AAAA]: "AAAA", [TYPE.SRV]: "SRV" }[type];
  if (key === undefined) return withoutDot(owner);
  if (data.kind === "srv") return [withoutDot(owner), key, data.port, withoutDot(data.target)];
  return [withoutDot(owner), key, data.kind === "address" && data.address];
}

function otherView(answer: Answer): unknown {
  if (answer.type === "SRV") return [answer.name, "SRV", answer.data.port, answer.data.target];
  if (answer.type === "A" || answer.type === "AAAA")
    return [answer.name, answer.type, canonicalAddress(answer.data)];
  return answer.name;
}

describe("messages that do not fit", () => {
  const many = Array.from({ length: 200 }, (_, index): ResourceRecord => {
    const address = `10.1.${index >> 8}.${index & 255}`;
    return {
      name: "web.default.svc.cluster.local.",
      type: TYPE.A,
      class: 1,
      ttl: 5,
      data: { kind: "address", address },
    };
  });

  it("lose additional records silently, and answers with the truncation bit", () => {
    const whole = { ...EMPTY, edns: { udpSize: 1232, version: 0, dnssecOk: false } };
    const extra = decodeMessage(
      encodeMessage({ ...whole, answers: many.slice(0, 3), additional: many }, 512),
    );
    assert.deepEqual([extra.truncated, extra.answers.length, extra.additional.length], [false, 3, 0]);
    for (const limit of [512, 1232, 2000]) {
      const bytes = encodeMessage({ ...whole, answers: many }, limit);
      const cut = decodeMessage(bytes);
      assert.ok(
        cut.truncated && bytes.length <= limit && bytes.length > limit - 17 - 12,
        String(bytes.length),
      );
      assert.equal(cut.edns?.udpSize, 1232);
    }
    assert.equal(decodeMessage(encodeMessage({ ...whole, answers: many }, 65535)).truncated, false);
  });
});

describe("names", () => {
  it("keep any byte in a label", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 }),
        (labels) => {
          const wire = Buffer.concat([
            Buffer.alloc(12),
            ...labels.map((item) => Buffer.from([item.length, ...item])),
            Buffer.from([0, 0, 1, 0, 1]),
          ]);
          wire.writeUInt16BE(1, 4);
          const text = decodeMessage(wire).questions[0]!.name;
          assert.deepEqual(
            splitLabels(text).map((item) => [...labelBytes(item)]),
            labels.map((item) => [...item]),
          );
          assert.deepEqual(
            encodeMessage({ ...EMPTY, questions: [{ name: text, type: 1, class: 1 }] }).subarray(12),
            wire.subarray(12),
          );
        },
      ),
    );
  });

  it("have limits", () => {
    const encode = (name: string) => encodeMessage({ ...EMPTY, questions: [{ name, type: 1, class: 1 }] });
    for (const good of [`${"a".repeat(63)}.`, "a.".repeat(127)]) encode(good);
    for (const bad of [`${"a".repeat(64)}.`, "a.".repeat(128), "a..b.", ".a.", "\u0416."])
      assert.throws(() => encode(bad), FormatError, bad);
  });

  it("that run in circles, forward or off the end are refused", () => {
    const wire = (tail: number[]) => Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...tail, 0, 1, 0, 1]);
    for (const tail of [
      [0xc0, 12],
      [0xc0, 14, 0],
      [1, 97, 0xc0, 12],
      [0x40, 0],
      [0x80, 0],
      [0xff, 0xff],
      [63, 1, 2],
    ]) {
      assert.throws(() => decodeMessage(wire(tail)), FormatError, tail.join());
    }
  });
});

describe("bytes that are no message", () => {
  it("are refused, and nothing else happens", () => {
    const mutated = fc
      .record({ message, at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.nat() })
      .map(({ message: sent, at, byte, cut }) => {
        const wire = Buffer.from(encodeMessage(sent));
        wire[at % wire.length] = byte;
        return wire.subarray(0, wire.length - (cut % 3 === 0 ? cut % wire.length : 0));
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (wire) => {
        try {
          encodeMessage(decodeMessage(wire));
        } catch (error) {
          assert.ok(error instanceof FormatError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
