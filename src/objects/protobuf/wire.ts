/** The type of a field: a scalar, a message, or many of either. */
export type FieldType = "string" | "integer" | Message | { readonly many: "string" | Message } | MapType;
interface MapType {
  readonly values: "string" | Message;
}

/** The fields of a message by their numbers: their names in JSON, and their types. */
export interface Message {
  readonly fields: Readonly<Record<number, readonly [name: string, type: FieldType]>>;
}

/** Bytes that are no such message. */
export class ProtobufError extends Error {}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Reads a message (the Protocol Buffers wire format) as the object that it would be in JSON. Fields that are not known
 * are left out, as every reader of the format does.
 * @throws ProtobufError
 */
export function readMessage(message: Message, bytes: Buffer): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (!reader.ended) {
    const tag = reader.varint();
    const wireType = tag % 8;
    const field = message.fields[Math.floor(tag / 8)];
    const value = reader.value(wireType);
    if (field !== undefined) put(result, field[0], field[1], value);
  }
  return result;
}

function put(result: Record<string, unknown>, name: string, type: FieldType, value: number | Buffer): void {
  if (typeof type === "object" && "many" in type) {
    const list = (result[name] ?? []) as unknown[];
    list.push(convert(type.many, value));
    result[name] = list;
  } else if (typeof type === "object" && "values" in type) {
    const pair = { fields: { 1: ["key", "string"], 2: ["value", type.values] } } as const;
    const { key = "", value: item } = convert(pair, value) as { key?: string; value?: unknown };
    // never a prototype: keys are the client's
    const map = (result[name] ?? Object.create(null)) as Record<string, unknown>;
    map[key] = item;
    result[name] = map;
  } else result[name] = convert(type, value);
}

function convert(type: "string" | "integer" | Message, value: number | Buffer): unknown {
  if (type === "integer") {
    if (typeof value === "number") return value;
    throw new ProtobufError("a number was expected");
  }
  if (typeof value === "number") throw new ProtobufError("a text or a message was expected");
  return type === "string" ? value.toString("utf8") : readMessage(type, value);
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** A number of up to 64 bits; exact up to 2^53. Negative ones take ten bytes. */
  varint(): number {
    let bits = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      bits |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, bits));
    }
    throw new ProtobufError("a number breaks off");
  }

  value(wireType: number): number | Buffer {
    if (wireType === VARINT) return this.varint();
    if (wireType === BYTES) return this.#take(this.varint());
    if (wireType === FIXED64) return this.#take(8);
    if (wireType === FIXED32) return this.#take(4);
    throw new ProtobufError(`wire type ${wireType} is not known`);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new ProtobufError("a field breaks off");
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
