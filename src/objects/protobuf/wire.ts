/** Bytes that are no message; the words are those of Go's generated readers. */
export class ProtobufError extends Error {}

/** The wire types of Protocol Buffers that fields of Kubernetes have. */
export const VARINT = 0;
/** Eight bytes. */
export const FIXED64 = 1;
/** A length, and so many bytes. */
export const BYTES = 2;

const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

/** Reads the bytes of one message, field by field. Every method but `ended` throws ProtobufError where bytes are amiss. */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get ended(): boolean {
    return this.#at >= this.#end;
  }

  get length(): number {
    return this.#end - this.#at;
  }

  /** The number and the wire type of the next field of a message of this name; entries of maps have none. */
  tag(message?: string): { readonly number: number; readonly wireType: number } {
    const wire = this.#varint();
    const number = typeof wire === "number" ? (wire / 8) | 0 : Number(BigInt.asIntN(32, wire >> 3n));
    const wireType = typeof wire === "number" ? wire & 7 : Number(wire & 7n);
    if (message === undefined) return { number, wireType };
    if (wireType === END_GROUP) {
      throw new ProtobufError(`proto: ${goTypeOf(message)}: wiretype end group for non-group`);
    }
    if (number <= 0) {
      throw new ProtobufError(`proto: ${goTypeOf(message)}: illegal tag ${number} (wire type ${wire})`);
    }
    return { number, wireType };
  }

  /** A signed number. Up to 2^53 it is exact, as numbers in JSON are here. */
  integer(bits: 32 | 64): number {
    const value = this.#varint();
    if (typeof value === "bigint") return Number(BigInt.asIntN(bits, value));
    return bits === 32 ? value | 0 : value;
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#skipBytes(8));
  }

  /** A text with its length before it. */
  text(): string {
    const start = this.#skipBytes(this.#length());
    return start === this.#at ? "" : this.#bytes.toString("utf8", start, this.#at);
  }

  base64(): string {
    const start = this.#skipBytes(this.#length());
    return this.#bytes.toString("base64", start, this.#at);
  }

  /** Bytes with their length before them; they share memory with the message. */
  bytes(): Buffer {
    const start = this.#skipBytes(this.#length());
    return this.#bytes.subarray(start, this.#at);
  }

  /** A message within this one, or packed numbers. */
  inner(): WireReader {
    const start = this.#skipBytes(this.#length());
    return new WireReader(this.#bytes, start, this.#at);
  }

  /** Passes over the value of a field that is not known. */
  skip(wireType: number): void {
    let depth = 0;
    let type = wireType;
    for (;;) {
      if (type === END_GROUP && depth === 0) throw new ProtobufError("proto: unexpected end of group");
      if (type === START_GROUP) depth++;
      else if (type === END_GROUP) depth--;
      else this.#skipOne(type);
      if (depth === 0) return;
      type = Number(BigInt(this.#varint()) & 7n);
    }
  }

  #skipOne(wireType: number): void {
    if (wireType === VARINT) this.#varint();
    else if (wireType === BYTES) this.#skipBytes(this.#length());
    else if (wireType === FIXED64) this.#skipBytes(8);
    else if (wireType === FIXED32) this.#skipBytes(4);
    else throw new ProtobufError(`proto: illegal wireType ${wireType}`);
  }

  #length(): number {
    const length = this.integer(64);
    if (length < 0) throw new ProtobufError("proto: negative length found during unmarshaling");
    return length;
  }

  /** Where so many bytes began. */
  #skipBytes(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw endOfBytes();
    this.#at = start + length;
    return start;
  }

  /** 64 bits without a sign: a number when it fits into 49 bits, as nearly all do, which is faster. */
  #varint(): number | bigint {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    let bits = BigInt(value);
    for (let shift = 49n; shift < 64n; shift += 7n) {
      const byte = this.#byte();
      bits |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, bits);
    }
    throw new ProtobufError("proto: integer overflow");
  }

  #byte(): number {
    if (this.#at >= this.#end) throw endOfBytes();
    return this.#bytes[this.#at++]!;
  }
}

/** `Pod` of `core.v1.Pod`: how Go's readers name a message. */
export function goTypeOf(message: string): string {
  return message.slice(message.lastIndexOf(".") + 1);
}

/** A field of another wire type than its own; the name is that in Go. */
export function wrongWireType(wireType: number, field: string): ProtobufError {
  return new ProtobufError(`proto: wrong wireType = ${wireType} for field ${field}`);
}

function endOfBytes(): ProtobufError {
  return new ProtobufError("unexpected EOF");
}
