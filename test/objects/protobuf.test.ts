import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS, TOKEN_REQUEST } from "../../src/objects/kinds.ts";
import { readQuestion } from "../../src/objects/protobuf/questions.ts";
import { type Message, ProtobufError, readMessage } from "../../src/objects/protobuf/wire.ts";

/** A field with a length: a text, bytes or an inner message. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

function number(at: number, value: number): Buffer {
  return Buffer.concat([varint(at * 8), varint(value)]);
}

function wrapped(apiVersion: string, kind: string, ...parts: Buffer[]): Buffer {
  const typeMeta = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([
    Buffer.from("k8s\0"),
    field(1, typeMeta),
    field(2, Buffer.concat(parts)),
    field(3, ""),
    field(4, ""),
  ]);
}

test("an access review is read with its attributes, groups and extra", () => {
  const resource = Buffer.concat([field(1, "n"), field(2, "list"), field(5, "pods"), field(7, "")]);
  const pair = Buffer.concat([field(1, "scopes"), field(2, Buffer.concat([field(1, "a"), field(1, "b")]))]);
  const spec = Buffer.concat([
    field(1, resource),
    field(3, "bob"),
    field(4, "x"),
    field(4, "y"),
    field(5, pair),
  ]);
  const metadata = Buffer.concat([field(1, "name"), field(8, number(1, 5))]);
  const bytes = wrapped("authorization.k8s.io/v1", "SubjectAccessReview", field(1, metadata), field(2, spec));
  assert.deepEqual(readQuestion(KINDS.SubjectAccessReview, bytes), {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    metadata: { name: "name" },
    spec: {
      resourceAttributes: { namespace: "n", verb: "list", resource: "pods", name: "" },
      user: "bob",
      groups: ["x", "y"],
      extra: { scopes: ["a", "b"] },
    },
  });
});

test("a token's request is read with its numbers; a review of oneself has nothing to say", () => {
  const bound = Buffer.concat([field(1, "Pod"), field(2, "v1"), field(3, "web"), field(4, "u")]);
  const spec = Buffer.concat([field(1, "vault"), number(4, 4294967296), field(3, bound)]);
  const bytes = wrapped("authentication.k8s.io/v1", "TokenRequest", field(2, spec));
  assert.deepEqual((readQuestion(TOKEN_REQUEST, bytes) as { spec: object }).spec, {
    audiences: ["vault"],
    expirationSeconds: 4294967296,
    boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "web", uid: "u" },
  });
  const self = wrapped("authentication.k8s.io/v1", "SelfSubjectReview", field(2, field(1, "x")));
  assert.deepEqual(Object.keys(readQuestion(KINDS.SelfSubjectReview, self)), ["apiVersion", "kind"]);
});

test("unknown fields are passed over, of every wire type", () => {
  const message: Message = { fields: { 2: ["a", "string"], 3: ["n", "integer"] } };
  const unknown = [
    number(9, 7),
    Buffer.from([9 * 8 + 1, 1, 2, 3, 4, 5, 6, 7, 8]),
    Buffer.from([9 * 8 + 5, 1, 2, 3, 4]),
  ];
  const bytes = Buffer.concat([...unknown, field(2, "x"), number(3, -1), field(100, "y")]);
  assert.deepEqual(readMessage(message, bytes), { a: "x", n: -1 });
});

test("a key that is a prototype's name is a key", () => {
  const message: Message = { fields: { 1: ["m", { values: "string" }] } };
  const { m } = readMessage(message, field(1, Buffer.concat([field(1, "__proto__"), field(2, "x")])));
  assert.deepEqual(Object.entries(m as object), [["__proto__", "x"]]);
});

test("bytes that break off or are something else are refused", () => {
  const message: Message = { fields: { 1: ["a", "string"], 2: ["n", "integer"] } };
  const bad = [
    [0x0a],
    [0x0a, 5, 1],
    [0x0b],
    [0x80],
    Array(11).fill(0xff),
    [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0x08, 1],
    [0x12, 1, 65],
  ];
  for (const bytes of bad)
    assert.throws(() => readMessage(message, Buffer.from(bytes)), ProtobufError, String(bytes));
  assert.throws(() => readQuestion(KINDS.TokenReview, Buffer.from("{}")), /expected prefix/);
  assert.throws(() => readQuestion(KINDS.Pod, wrapped("v1", "Pod")), /not read as protobuf/);
});
