import { constants, createInflate, type Inflate } from "node:zlib";
import { HEADER_DICTIONARY, HEADER_DICTIONARY_ID } from "./dictionary.ts";
import { SpdyError } from "./frames.ts";

/** Headers of a stream by their names, which are in lower case; several values of one are joined by NUL. */
export type Headers = ReadonlyMap<string, string>;

/** Longest header block after decompression. */
const MAX_BLOCK_BYTES = 64 * 1024;
const STORED_BYTES = 0xffff;
/** An empty stored block is how a zlib stream says that all until here can be read; Go's reader waits for it. */
const SYNC_FLUSH = Buffer.of(0, 0, 0, 0xff, 0xff);

/** Name/value pairs as SPDY writes them (section 2.6.10). */
export function encodeHeaders(headers: Headers): Buffer {
  const parts = [numberOf(headers.size)];
  for (const [name, value] of headers) {
    for (const text of [name, value].map((word) => Buffer.from(word)))
      parts.push(numberOf(text.length), text);
  }
  return Buffer.concat(parts);
}

function numberOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Reads name/value pairs. @throws SpdyError when they are cut short or name one twice */
export function decodeHeaders(bytes: Buffer): Headers {
  let at = 0;
  const number = (): number => {
    if (at + 4 > bytes.length) throw new SpdyError("a header block is cut short");
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > bytes.length) throw new SpdyError("a header block is cut short");
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = number(); left > 0; left--) {
    const name = text().toLowerCase();
    if (headers.has(name)) throw new SpdyError(`header ${JSON.stringify(name)} is there twice`);
    headers.set(name, text());
  }
  return headers;
}

/**
 * Makes header blocks of one direction of a connection: one zlib stream (RFC 1950) over all of them. The little that
 * this side has to say goes into stored blocks, which end on a byte and so need no state.
 */
export class HeaderPacker {
  #begun = false;

  pack(headers: Headers): Buffer {
    const plain = encodeHeaders(headers);
    const parts = this.#begun ? [] : [Buffer.of(0x78, 0xbb), numberOf(HEADER_DICTIONARY_ID)];
    this.#begun = true;
    for (let at = 0; at < plain.length; at += STORED_BYTES) {
      const piece = plain.subarray(at, at + STORED_BYTES);
      const head = Buffer.alloc(5);
      head.writeUInt16LE(piece.length, 1);
      head.writeUInt16LE(piece.length ^ 0xffff, 3);
      parts.push(head, piece);
    }
    return Buffer.concat([...parts, SYNC_FLUSH]);
  }
}

/** Reads the header blocks of one direction of a connection, in their order. */
export class HeaderUnpacker {
  readonly #inflate: Inflate = createInflate({
    dictionary: HEADER_DICTIONARY,
    flush: constants.Z_SYNC_FLUSH,
  });
  #plain: Buffer[] = [];
  #size = 0;
  #failure: Error | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor() {
    this.#inflate.on("data", (chunk: Buffer) => {
      this.#size += chunk.length;
      if (this.#size > MAX_BLOCK_BYTES) this.#inflate.destroy(new SpdyError("a header block is too large"));
      else this.#plain.push(chunk);
    });
    this.#inflate.on("error", (error) => {
      this.#failure = error instanceof SpdyError ? error : new SpdyError(`header block: ${error.message}`);
      this.#fail?.(this.#failure);
    });
  }

  /** The headers of the next block. @throws SpdyError; the connection is of no use then */
  async unpack(block: Buffer): Promise<Headers> {
    await new Promise<void>((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#fail = reject;
      // the callback comes when zlib has taken the block; its last output may still be on the way to the listener
      this.#inflate.write(block, () => setImmediate(resolve));
    });
    const plain = Buffer.concat(this.#plain);
    this.#plain = [];
    this.#size = 0;
    return decodeHeaders(plain);
  }

  close(): void {
    this.#inflate.destroy();
  }
}
