import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type AnyObject, decodeProtobuf, decodeProtobufAs, decodeValue } from "../../../src/objects/index.ts";
import {
  apiVersionOf,
  BINDING,
  DELETE_OPTIONS,
  EVICTION,
  type Kind,
  KINDS,
  SCALE,
  TOKEN_REQUEST,
} from "../../../src/objects/kinds.ts";
import {
  type Message,
  messageNamed,
  messageOfKind,
  parseTable,
} from "../../../src/objects/protobuf/messages.ts";
import { readMessage } from "../../../src/objects/protobuf/read.ts";
import { ProtobufError } from "../../../src/objects/protobuf/wire.ts";
import { ApiError } from "../../../src/objects/status.ts";
import { encodeMessage, encodeObject, envelope, field, number, varint } from "./encode.ts";

/** What client-go's encoder made of objects, and what its decoder and its JSON made of that again. */
const RECORDED = JSON.parse(readFileSync(new URL("../../oracle/protobuf.json", import.meta.url), "utf8")) as {
  readonly bytes: string;
  readonly object: AnyObject;
}[];

const STORED: readonly Kind[] = [...Object.values<Kind>(KINDS), TOKEN_REQUEST];
const BODIES: readonly Kind[] = [BINDING, DELETE_OPTIONS, EVICTION, SCALE];

function kindOf({ apiVersion, kind }: AnyObject): Kind | undefined {
  return [...STORED, ...BODIES].find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
}

describe("what client-go sends", () => {
  for (const { bytes, object } of RECORDED) {
    const kind = kindOf(object);
    if (kind === undefined) continue;
    test(`${object.kind} in ${object.apiVersion} is read as in JSON`, () => {
      const body = Buffer.from(bytes, "base64");
      if (BODIES.includes(kind)) {
        assert.deepEqual(
          { ...decodeProtobufAs(kind, body), kind: object.kind, apiVersion: object.apiVersion },
          object,
        );
      } else {
        const { object: decoded } = decodeValue(kind, object, "Strict");
        assert.deepEqual(decodeProtobuf(kind, body), { object: decoded, warnings: [] });
      }
    });
  }

  test("every kind that is served is among them", () => {
    const recorded = new Set(RECORDED.map(({ object }) => kindOf(object)));
    for (const kind of [...STORED, ...BODIES]) {
      assert.ok(recorded.has(kind), `${kind.kind} in ${kind.group}/${kind.version}`);
    }
  });
});

/** Values of a message's fields, without those that have several forms; none of zero value, which JSON leaves out. */
function valuesOf(message: Message, depth: number): fc.Arbitrary<object> {
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const { name, type, shape, keepsZero } of message.fields.values()) {
    const any = name === "" ? undefined : arbitraryOf(type, depth);
    if (any === undefined) continue;
    const dropsZero = shape === "one" && typeof type === "string" && !keepsZero && !type.includes(".");
    const one = dropsZero ? any.filter(Boolean) : any;
    const items = shape === "list" ? fc.array(one, { minLength: 1, maxLength: 2 }) : one;
    const keys = fc.string({ maxLength: 3 }).filter((key) => key !== "__proto__");
    model[name] =
      shape === "map" ? fc.dictionary(keys, one, { minKeys: 1, maxKeys: 2, noNullPrototype: true }) : items;
  }
  return fc.record(model, { requiredKeys: [], noNullPrototype: true });
}

const NUMBERS: Readonly<Record<string, fc.Arbitrary<number>>> = {
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
};
const SECONDS = fc.integer({ min: -62_135_596_799, max: 253_402_300_799 });
const OTHERS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: fc.string({ maxLength: 5, unit: "grapheme" }),
  bytes: fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString("base64")),
  bool: fc.boolean(),
  "meta.v1.Time": SECONDS.map((seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`),
  "meta.v1.MicroTime": fc
    .tuple(SECONDS, fc.integer({ min: 0, max: 999_999 }))
    .map(
      ([at, micros]) =>
        `${new Date(at * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}Z`,
    ),
  "resource.Quantity": fc.constantFrom("0", "500m", "1.5Gi", "-3", "2e3"),
  "intstr.IntOrString": fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.constantFrom("", "50%"),
  ),
};

function arbitraryOf(type: Message | string, depth: number): fc.Arbitrary<unknown> | undefined {
  if (typeof type === "string")
    return (
      NUMBERS[type] ??
      OTHERS[type] ??
      fc.dictionary(fc.string({ maxLength: 3 }), fc.boolean(), { noNullPrototype: true })
    );
  if (type.name.includes("JSONSchemaPropsOr") || depth === 0) return undefined;
  if (type.fields.get(1)?.name === "*") return fc.array(fc.string({ maxLength: 3 }));
  return valuesOf(type, depth - 1);
}

test("what is encoded by the table is read again, of every kind", () => {
  for (const kind of Object.values<Kind>(KINDS)) {
    const message = messageOfKind(kind)!;
    const property = fc.property(valuesOf(message, 3), (value) => {
      assert.deepEqual(
        withoutEmpty(readMessage(message, encodeMessage(message, value))),
        withoutEmpty(value),
      );
    });
    fc.assert(property, { numRuns: 5 });
  }
});

/** Objects inlined into others leave an empty one where they had no fields; lists and maps of none are not written. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutEmpty(item)]));
}

test("numbers stand packed or one by one", () => {
  const message = messageNamed("core.v1.PodSecurityContext")!;
  const packed = field(4, Buffer.concat([varint(1), varint(-2), varint(2 ** 40)]));
  assert.deepEqual(readMessage(message, packed), { supplementalGroups: [1, -2, 2 ** 40] });
  const single = Buffer.concat([number(4, 1), number(4, -2), number(4, 2 ** 40)]);
  assert.deepEqual(readMessage(message, single), { supplementalGroups: [1, -2, 2 ** 40] });
});

test("unknown fields are passed over, of every wire type, whatever fieldValidation says", () => {
  const unknown = [
    number(99, 7),
    Buffer.from([9 * 8 + 1, 1, 2, 3, 4, 5, 6, 7, 8]),
    Buffer.from([9 * 8 + 5, 1, 2, 3, 4]),
    // a group with a group within
    Buffer.from([9 * 8 + 3, 9 * 8 + 3, 0x08, 1, 9 * 8 + 4, 9 * 8 + 4]),
    field(2 ** 20, "y"),
  ];
  const data = field(2, Buffer.concat([field(2, "v"), ...unknown, field(1, "k")]));
  const raw = Buffer.concat([...unknown, data, ...unknown]);
  const { object, warnings } = decodeProtobuf(KINDS.ConfigMap, envelope("v1", "ConfigMap", raw));
  assert.deepEqual(object["data"], { k: "v" });
  assert.deepEqual(warnings, []);
});

test("what comes twice is merged; of a scalar the last counts", () => {
  const message = messageNamed("core.v1.Pod")!;
  const twice = [field(1, field(1, "a")), field(1, Buffer.concat([field(3, "n"), field(1, "b")]))];
  assert.deepEqual(readMessage(message, Buffer.concat(twice)), { metadata: { name: "b", namespace: "n" } });
});

test("entries of maps may lack either half; a key that is a prototype's name is a key", () => {
  const message = messageNamed("core.v1.Secret")!;
  const entries = [field(2, ""), field(2, field(1, "k")), field(2, field(2, "v"))];
  assert.deepEqual(readMessage(message, Buffer.concat(entries)), { data: { "": "dg==", k: "" } });
  const { data } = readMessage(message, field(2, Buffer.concat([field(1, "__proto__"), field(2, "x")])));
  assert.deepEqual(Object.entries(data as object), [["__proto__", "eA=="]]);
});

test("times: no bytes are the zero time; what is finer than microseconds goes; what JSON cannot say is refused", () => {
  const message = messageNamed("coordination.v1.LeaseSpec")!;
  const at = (...parts: Buffer[]) => readMessage(message, field(4, Buffer.concat(parts)))["renewTime"];
  assert.equal(at(), undefined);
  assert.equal(at(number(1, 0), number(2, 999_999_999)), "1970-01-01T00:00:00.999999Z");
  assert.equal(at(number(1, -1), number(2, 1000)), "1969-12-31T23:59:59.000001Z");
  assert.equal(at(number(2, -1000)), "1969-12-31T23:59:59.999999Z");
  assert.throws(() => at(number(1, 2 ** 50)), ProtobufError);
  assert.throws(() => at(number(1, -(2 ** 50))), ProtobufError);
});

/** The message of the refusal, which is a 400. */
function refusal(kind: Kind, bytes: Buffer): string {
  try {
    decodeProtobuf(kind, bytes);
  } catch (error) {
    assert.ok(error instanceof ApiError && error.code === 400, String(error));
    return error.message;
  }
  return "";
}

test("bytes that break off or are something else are refused in the words of Go's readers", () => {
  const pod = (raw: Buffer) => refusal(KINDS.Pod, envelope("v1", "Pod", raw));
  const head = 'Pod in version "v1" cannot be handled as a Pod: ';
  const cases: [Buffer, string][] = [
    [Buffer.of(0x0a), "unexpected EOF"],
    [Buffer.of(0x0a, 5, 1), "unexpected EOF"],
    [Buffer.of(0x80), "unexpected EOF"],
    [Buffer.from(Array(11).fill(0xff)), "proto: integer overflow"],
    [Buffer.of(0x0c), "proto: Pod: wiretype end group for non-group"],
    [Buffer.of(0x02, 0), "proto: Pod: illegal tag 0 (wire type 2)"],
    [Buffer.of(0x08, 1), "proto: wrong wireType = 0 for field ObjectMeta"],
    [Buffer.concat([Buffer.of(0x0a), varint(-1)]), "proto: negative length found during unmarshaling"],
    [Buffer.of(0x4e), "proto: illegal wireType 6"],
    [Buffer.of(0x4b, 0x4b, 0x4c), "unexpected EOF"],
    [field(1, field(1, "a").subarray(0, 2)), "unexpected EOF"],
    [field(1, field(11, Buffer.of(0x4c))), "proto: unexpected end of group"],
  ];
  for (const [raw, why] of cases) assert.equal(pod(raw), head + why);
  const limits = field(2, field(2, field(8, field(1, field(2, field(1, "x"))))));
  assert.match(pod(limits), /quantities must match the regular expression/);
});

test("an envelope that is none is refused with the bytes it starts with", () => {
  const head = "the object provided is unrecognized (must be of type Pod): ";
  const prefix = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
  assert.equal(refusal(KINDS.Pod, Buffer.from("")), `${head}empty data (<empty>)`);
  assert.equal(refusal(KINDS.Pod, Buffer.from("k8s")), `${head}${prefix} (6b3873)`);
  assert.equal(refusal(KINDS.Pod, Buffer.from('{"a":1}')), `${head}${prefix} ({"a":1})`);
  assert.equal(refusal(KINDS.Pod, Buffer.from("k8s\0")), `${head}empty body (6b387300)`);
  assert.equal(refusal(KINDS.Pod, Buffer.from("k8s\0\x12\x7f")), `${head}unexpected EOF (6b387300127f)`);
});

test("an object of another kind is refused, one without a kind is of the kind asked for", () => {
  const other = refusal(KINDS.Pod, envelope("v1", "Secret", Buffer.alloc(0)));
  assert.match(
    other,
    /^Secret in version "v1" cannot be handled as a Pod: converting \(v1\.Secret\) to \(core\.Pod\)/,
  );
  const unknown = refusal(KINDS.Pod, envelope("example.com/v1", "Thing", Buffer.alloc(0)));
  assert.match(
    unknown,
    /cannot be handled as a Pod: no kind "Thing" is registered for version "example.com\/v1"/,
  );
  for (const [apiVersion, kind] of [
    ["", ""],
    ["a/b/c", ""],
  ] as const) {
    const { object } = decodeProtobuf(KINDS.Lease, envelope(apiVersion, kind, field(1, field(1, "a"))));
    assert.deepEqual(
      [object.apiVersion, object.kind, object.metadata.name],
      ["coordination.k8s.io/v1", "Lease", "a"],
    );
  }
});

test("options of a deletion are read by whatever group's name they come", () => {
  const raw = encodeMessage(messageOfKind(DELETE_OPTIONS)!, { gracePeriodSeconds: 0, dryRun: ["All"] });
  const read = decodeProtobufAs(DELETE_OPTIONS, envelope("apps/v1", "DeleteOptions", raw));
  assert.deepEqual(read, { gracePeriodSeconds: 0, dryRun: ["All"] });
});

test("messages nest to a depth that is bounded", () => {
  const type = messageNamed("apiextensions.v1.JSONSchemaProps")!;
  const nested = (levels: number) => {
    let bytes = field(5, "object");
    for (let level = 0; level < levels; level++) bytes = field(28, bytes);
    return bytes;
  };
  assert.ok(readMessage(type, nested(900))["not"]);
  assert.throws(() => readMessage(type, nested(3000)), /exceeded max depth/);
});

test("the table names no type that is neither a message, nor special, nor of Go", () => {
  const file = new URL("../../../data/protobuf/fields-1.35.txt", import.meta.url);
  const scalars = ["string", "bytes", "bool", "int32", "int64", "float64"];
  for (const { name, fields } of parseTable(readFileSync(file, "utf8")).values()) {
    for (const { type } of fields.values()) {
      if (typeof type === "string")
        assert.ok(
          scalars.includes(type) || OTHERS[type] || /RawExtension|FieldsV1|\.JSON$/.test(type),
          `${name}: ${type}`,
        );
    }
  }
});

test("an object is encoded whole", () => {
  const object = { metadata: { name: "a" }, spec: { holderIdentity: "me" } };
  assert.deepEqual(
    decodeProtobuf(KINDS.Lease, encodeObject(KINDS.Lease, object)).object["spec"],
    object.spec,
  );
});
