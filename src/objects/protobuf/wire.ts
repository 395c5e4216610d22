/** Bytes that are no message; the words are those of Go's generated readers. */
export class ProtobufError extends Error {}

/** The wire types of Protocol Buffers that fields of Kubernetes have. */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;

const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

/** Reads the bytes of one message, field by field. Every method but `ended` throws ProtobufError where bytes are amiss. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The number and the wire type of the next field of a message of this name; entries of maps have none. */
  tag(message?: string): { readonly number: number; readonly wireType: number } {
    const wire = this.#varint();
    const number = typeof wire === "number" ? wire >>> 3 : Number(BigInt.asIntN(32, wire >> 3n));
    const wireType = typeof wire === "number" ? wire & 7 : Number(wire & 7n);
    if (message === undefined) return { number, wireType };
    if (wireType === END_GROUP)
      throw new ProtobufError(`proto: ${message}: wiretype end group for non-group`);
    if (number <= 0) throw new ProtobufError(`proto: ${message}: illegal tag ${number} (wire type ${wire})`);
    return { number, wireType };
  }

  /** A signed number. Up to 2^53 it is exact, as numbers in JSON are here. */
  integer(bits: 32 | 64): number {
    const value = this.#varint();
    return typeof value === "number" ? value : Number(BigInt.asIntN(bits, value));
  }

  float64(): number {
    return this.#take(8).readDoubleLE();
  }

  /** Bytes with their length before them: a text, a message, packed numbers. They share memory with the message. */
  bytes(): Buffer {
    const length = this.#length();
    return this.#take(length);
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
    else if (wireType === BYTES) this.#take(this.#length());
    else if (wireType === FIXED64) this.#take(8);
    else if (wireType === FIXED32) this.#take(4);
    else throw new ProtobufError(`proto: illegal wireType ${wireType}`);
  }

  #length(): number {
    const length = this.integer(64);
    if (length < 0) throw new ProtobufError("proto: negative length found during unmarshaling");
    return length;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw endOfBytes();
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** 64 bits without a sign: a number when it fits into 28 bits, as nearly all do, which is faster. */
  #varint(): number | bigint {
    let small = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      small |= (byte & 0x7f) << shift;
      if (byte < 0x80) return small;
    }
    let bits = BigInt(small);
    for (let shift = 28n; shift < 64n; shift += 7n) {
      const byte = this.#byte();
      bits |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, bits);
    }
    throw new ProtobufError("proto: integer overflow");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw endOfBytes();
    return byte;
  }
}

/** A field of another wire type than its own; the name is that in Go. */
export function wrongWireType(wireType: number, field: string): ProtobufError {
  return new ProtobufError(`proto: wrong wireType = ${wireType} for field ${field}`);
}

function endOfBytes(): ProtobufError {
  return new ProtobufError("unexpected EOF");
}
