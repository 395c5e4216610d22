/** The wire format of Protocol Buffers, written. Source: https://protobuf.dev/programming-guides/encoding/. */

/** Wire types. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A slab lives as long as any of its messages: it is small, and what fills a good part of one has none. */
const SLAB_BYTES = 4096;
const MOST_SHARED_BYTES = 1024;

/** A growing buffer; nested messages are written in place and get their length afterwards. */
export class WireWriter {
  #buffer = Buffer.allocUnsafeSlow(4096);
  #length = 0;
  #slab = new Uint8Array(0);

  /** A copy of what was written since `start` (a position from `mark`), which is then forgotten. */
  take(start = 0): Uint8Array {
    const size = this.#length - start;
    const bytes = this.#room(size);
    bytes.set(this.#buffer.subarray(start, this.#length));
    this.#length = start;
    return bytes;
  }

  /** Small messages share an ArrayBuffer: each costs 300 bytes beside its content, and there are many thousands. */
  #room(size: number): Uint8Array {
    if (size > MOST_SHARED_BYTES) return new Uint8Array(size);
    if (this.#slab.length < size) this.#slab = new Uint8Array(SLAB_BYTES);
    const room = this.#slab.subarray(0, size);
    this.#slab = this.#slab.subarray(size);
    return room;
  }

  mark(): number {
    return this.#length;
  }

  /** Forgets what was written since a mark. */
  reset(mark: number): void {
    this.#length = mark;
  }

  tag(field: number, wireType: number): void {
    this.uint32((field << 3) | wireType);
  }

  /** An unsigned varint of at most 32 bits. */
  uint32(value: number): void {
    this.#reserve(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  /** A varint of 64 bits; negative numbers take ten bytes, as int32 and int64 demand. */
  varint64(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  /** int32 and enums. */
  int32(value: number): void {
    if (value < 0) this.varint64(BigInt(value));
    else this.uint32(value);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeFloatLE(value, this.#length);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  /** Bytes with their length before them. */
  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** UTF-8 with its length before it. */
  string(value: string): void {
    const start = this.begin();
    this.#reserve(value.length * 3);
    this.#length += this.#buffer.write(value, this.#length, "utf8");
    this.end(start);
  }

  /** Begins something with its length before it; give the result to `end`. */
  begin(): number {
    this.#reserve(1);
    return ++this.#length;
  }

  /** Writes the length of what came since `begin`: in the byte kept free, or moving it on where one byte is too few. */
  end(start: number): void {
    const length = this.#length - start;
    if (length <= 0x7f) {
      this.#buffer[start - 1] = length;
      return;
    }
    const extra = length < 1 << 14 ? 1 : length < 1 << 21 ? 2 : length < 1 << 28 ? 3 : 4;
    this.#reserve(extra);
    this.#buffer.copyWithin(start + extra, start, this.#length);
    this.#length = start - 1;
    this.uint32(length);
    this.#length += length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
