/**
 * Frames of SPDY/3.1 as bytes (SPDY protocol, draft 3.1, section 2.2). Header blocks stay compressed here, see headers.ts.
 */
export type Frame =
  | { type: "syn-stream"; id: number; fin: boolean; unidirectional: boolean; priority: number; block: Buffer }
  | { type: "syn-reply"; id: number; fin: boolean; block: Buffer }
  | { type: "headers"; id: number; fin: boolean; block: Buffer }
  | { type: "data"; id: number; fin: boolean; data: Buffer }
  | { type: "rst-stream"; id: number; status: number }
  | { type: "settings"; values: readonly { id: number; value: number }[] }
  | { type: "ping"; id: number }
  | { type: "goaway"; lastId: number; status: number }
  | { type: "window-update"; id: number; delta: number };

/** Why a stream is reset (section 2.6.3). */
export const RESET = { protocolError: 1, refusedStream: 3, cancel: 5, flowControlError: 7 } as const;

/** The setting that says how much a peer takes on each new stream before it has to be asked (section 2.6.4). */
export const SETTINGS_INITIAL_WINDOW_SIZE = 7;

/** A peer that breaks the protocol; the connection cannot go on. */
export class SpdyError extends Error {}

const VERSION = 3;
const HEADER_BYTES = 8;
const CODES = {
  "syn-stream": 1,
  "syn-reply": 2,
  "rst-stream": 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  headers: 8,
  "window-update": 9,
} as const;
const FIN = 1;
const UNIDIRECTIONAL = 2;
const ID_MASK = 0x7fff_ffff;

/** Longest control frame that is read: header blocks here have three short headers. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/** Longest data frame that is read; clients send what one read of theirs gave, 32 KiB. */
export const MAX_DATA_BYTES = 4 * 1024 * 1024;

/** The bytes of a frame. */
export function encodeFrame(frame: Frame): Buffer {
  if (frame.type === "data")
    return Buffer.concat([head(frame.id, finFlag(frame), frame.data.length), frame.data]);
  const body = bodyOf(frame);
  const word = 0x8000_0000 + VERSION * 0x1_0000 + CODES[frame.type];
  return Buffer.concat([head(word, flagsOf(frame), body.length), body]);
}

function head(word: number, flags: number, length: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32BE(word);
  bytes.writeUInt32BE(flags * 0x100_0000 + length, 4);
  return bytes;
}

function finFlag(frame: { fin: boolean }): number {
  return frame.fin ? FIN : 0;
}

function flagsOf(frame: Frame): number {
  if (frame.type === "syn-stream") return finFlag(frame) | (frame.unidirectional ? UNIDIRECTIONAL : 0);
  return frame.type === "syn-reply" || frame.type === "headers" ? finFlag(frame) : 0;
}

function bodyOf(frame: Exclude<Frame, { type: "data" }>): Buffer {
  switch (frame.type) {
    case "syn-stream":
      return Buffer.concat([words(frame.id, 0), Buffer.of(frame.priority << 5, 0), frame.block]);
    case "syn-reply":
    case "headers":
      return Buffer.concat([words(frame.id), frame.block]);
    case "rst-stream":
      return words(frame.id, frame.status);
    case "settings":
      return words(frame.values.length, ...frame.values.flatMap(({ id, value }) => [id, value]));
    case "ping":
      return words(frame.id);
    case "goaway":
      return words(frame.lastId, frame.status);
    case "window-update":
      return words(frame.id, frame.delta);
  }
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

/** Cuts a stream of bytes, in pieces of any size, into frames. Frame types that the protocol does not know are left out. */
export class FrameReader {
  #parts: Buffer[] = [];
  #size = 0;

  /** The frames that are whole with this piece, in order. @throws SpdyError */
  *push(piece: Buffer): Generator<Frame> {
    this.#parts.push(piece);
    this.#size += piece.length;
    for (;;) {
      if (this.#size < HEADER_BYTES) return;
      const length = lengthOf(this.#peek(HEADER_BYTES));
      if (this.#size < HEADER_BYTES + length) return;
      const frame = decodeFrame(this.#take(HEADER_BYTES + length));
      if (frame !== undefined) yield frame;
    }
  }

  /** The first bytes, in one piece. */
  #peek(count: number): Buffer {
    const [first] = this.#parts as [Buffer];
    if (first.length >= count) return first;
    const all = Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }

  #take(count: number): Buffer {
    const all = this.#peek(count);
    const taken = all.subarray(0, count);
    if (all.length === count) this.#parts.shift();
    else this.#parts[0] = all.subarray(count);
    this.#size -= count;
    return taken;
  }
}

/** Length of a frame's body, from its first eight bytes. @throws SpdyError when it is over the limit or of another version */
function lengthOf(bytes: Buffer): number {
  const length = bytes.readUIntBE(5, 3);
  const control = (bytes[0]! & 0x80) !== 0;
  if (control && (bytes.readUInt16BE(0) & 0x7fff) !== VERSION)
    throw new SpdyError(`SPDY version ${bytes.readUInt16BE(0) & 0x7fff} is not supported, only ${VERSION}`);
  const limit = control ? MAX_CONTROL_BYTES : MAX_DATA_BYTES;
  if (length > limit) throw new SpdyError(`a frame of ${length} bytes is over the limit of ${limit}`);
  return length;
}

function decodeFrame(bytes: Buffer): Frame | undefined {
  const body = bytes.subarray(HEADER_BYTES);
  const flags = bytes[4]!;
  const fin = (flags & FIN) !== 0;
  if ((bytes[0]! & 0x80) === 0) return { type: "data", id: bytes.readUInt32BE(0), fin, data: body };
  const [type] = Object.entries(CODES).find(([, code]) => code === bytes.readUInt16BE(2)) ?? [];
  if (type === undefined) return undefined;
  return decodeControl(type as keyof typeof CODES, flags, body);
}

/** Bytes that the body of each type has at least. */
const LEAST: Record<keyof typeof CODES, number> = {
  "syn-stream": 10,
  "syn-reply": 4,
  "rst-stream": 8,
  settings: 4,
  ping: 4,
  goaway: 8,
  headers: 4,
  "window-update": 8,
};

function decodeControl(type: keyof typeof CODES, flags: number, body: Buffer): Frame {
  if (body.length < LEAST[type]) throw new SpdyError(`a ${type} frame of ${body.length} bytes is too short`);
  const first = body.readUInt32BE(0);
  const id = first & ID_MASK;
  const fin = (flags & FIN) !== 0;
  switch (type) {
    case "syn-stream": {
      const unidirectional = (flags & UNIDIRECTIONAL) !== 0;
      return { type, id, fin, unidirectional, priority: body[8]! >> 5, block: body.subarray(10) };
    }
    case "syn-reply":
    case "headers":
      return { type, id, fin, block: body.subarray(4) };
    case "rst-stream":
      return { type, id, status: body.readUInt32BE(4) };
    case "settings":
      return { type, values: settingsOf(body, first) };
    case "ping":
      return { type, id: first };
    case "goaway":
      return { type, lastId: id, status: body.readUInt32BE(4) };
    case "window-update":
      return { type, id, delta: body.readUInt32BE(4) & ID_MASK };
  }
}

function settingsOf(body: Buffer, count: number): { id: number; value: number }[] {
  if (body.length !== 4 + count * 8)
    throw new SpdyError(`a settings frame of ${body.length} bytes cannot hold ${count}`);
  return Array.from({ length: count }, (_, index) => ({
    id: body.readUIntBE(5 + index * 8, 3),
    value: body.readUInt32BE(8 + index * 8),
  }));
}
