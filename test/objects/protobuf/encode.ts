import { apiVersionOf, type Kind } from "../../../src/objects/kinds.ts";
import {
  type Field,
  type FieldType,
  type Message,
  messageOfKind,
} from "../../../src/objects/protobuf/messages.ts";

/** An object as the bytes of a request: what a client in Go sends. Zero values are left out, as pointers to none are. */
export function encodeObject(kind: Kind, object: object): Buffer {
  return envelope(apiVersionOf(kind), kind.kind, encodeMessage(messageOfKind(kind)!, object));
}

/** Bytes as an object's, whatever they are. */
export function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const typeMeta = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from("k8s\0"), field(1, typeMeta), field(2, raw), field(3, ""), field(4, "")]);
}

/** A field with a length: a text, bytes or an inner message. */
export function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** A field that is a number. */
export function number(at: number, value: number): Buffer {
  return Buffer.concat([varint(at * 8), varint(value)]);
}

/** A number of up to 64 bits; negative ones take ten bytes. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

type Values = Readonly<Record<string, unknown>>;

/** A value of JSON as a message, by the table of fields. Choices among several forms are not written. */
export function encodeMessage(message: Message, value: unknown): Buffer {
  const parts: Buffer[] = [];
  for (const [at, one] of message.fields) {
    if (one.name === "") parts.push(field(at, encodeMessage(one.type as Message, value)));
    else {
      const inner = one.name === "*" ? value : (value as Values)[one.name];
      if (inner !== undefined && inner !== null) parts.push(...encodeField(at, one, inner));
    }
  }
  return Buffer.concat(parts);
}

function encodeField(at: number, { type, shape }: Field, value: unknown): Buffer[] {
  if (shape === "list") return (value as unknown[]).map((item) => encodeOne(at, type, item));
  if (shape === "one") return [encodeOne(at, type, value)];
  return Object.entries(value as Values).map(([key, item]) =>
    field(at, Buffer.concat([field(1, key), encodeOne(2, type, item)])),
  );
}

function encodeOne(at: number, type: FieldType, value: unknown): Buffer {
  switch (type) {
    case "string":
      return field(at, value as string);
    case "bytes":
      return field(at, Buffer.from(value as string, "base64"));
    case "bool":
      return number(at, value === true ? 1 : 0);
    case "int32":
    case "int64":
      return number(at, value as number);
    case "float64": {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(value as number);
      return Buffer.concat([varint(at * 8 + 1), bytes]);
    }
    default:
      return field(at, typeof type === "string" ? encodeSpecial(type, value) : encodeMessage(type, value));
  }
}

function encodeSpecial(type: string, value: unknown): Buffer {
  switch (type) {
    case "meta.v1.Time":
    case "meta.v1.MicroTime": {
      const text = value as string;
      const seconds = Math.floor(Date.parse(text) / 1000);
      const micros = Number(/\.(\d{6})Z$/.exec(text)?.[1] ?? 0);
      return Buffer.concat([number(1, seconds), number(2, micros * 1000)]);
    }
    case "resource.Quantity":
      return field(1, value as string);
    case "intstr.IntOrString": {
      const isText = typeof value === "string";
      return Buffer.concat([
        number(1, isText ? 1 : 0),
        number(2, isText ? 0 : (value as number)),
        field(3, isText ? value : ""),
      ]);
    }
    default:
      return field(1, JSON.stringify(value));
  }
}
