/**
 * Writes messages into one buffer of the right size: a first configuration has thousands of resources, and pieces of
 * their own for the heads of each would be most of the garbage that it leaves.
 */

const LENGTH_DELIMITED = 2;

/** The bytes of a varint of at most 32 bits. */
function varintSize(value: number): number {
  return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : value < 1 << 28 ? 4 : 5;
}

/** The bytes of a field (1 to 15) with so many bytes of content. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** The bytes of a field with text; empty text is left out. */
export function textSize(text: string): number {
  return text === "" ? 0 : fieldSize(Buffer.byteLength(text));
}

/** A message that is being written; what is too much for its buffer throws a RangeError. */
export class Framing {
  readonly buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size);
  }

  /** The head of a field (1 to 15) whose content follows. */
  head(field: number, length: number): void {
    this.#at = this.buffer.writeUInt8((field << 3) | LENGTH_DELIMITED, this.#at);
    let rest = length;
    while (rest > 0x7f) {
      this.#at = this.buffer.writeUInt8((rest & 0x7f) | 0x80, this.#at);
      rest >>>= 7;
    }
    this.#at = this.buffer.writeUInt8(rest, this.#at);
  }

  /** A field with text; empty text is left out. */
  text(field: number, text: string): void {
    if (text === "") return;
    this.head(field, Buffer.byteLength(text));
    this.#at += this.buffer.write(text, this.#at);
  }

  /** Content as it is. */
  raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
