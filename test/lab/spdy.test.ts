import assert from "node:assert/strict";
import { once } from "node:events";
import { type Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import { constants, createDeflate, createInflate, deflateSync } from "node:zlib";
import fc from "fast-check";
import { HEADER_DICTIONARY, HEADER_DICTIONARY_ID } from "../../src/lab/kubelet/server/spdy/dictionary.ts";
import {
  encodeFrame,
  type Frame,
  FrameReader,
  MAX_CONTROL_BYTES,
  MAX_DATA_BYTES,
  SpdyError,
} from "../../src/lab/kubelet/server/spdy/frames.ts";
import {
  decodeHeaders,
  encodeHeaders,
  HeaderPacker,
  HeaderUnpacker,
} from "../../src/lab/kubelet/server/spdy/headers.ts";
import { SpdySession } from "../../src/lab/kubelet/server/spdy/session.ts";
import type { SpdyStream } from "../../src/lab/kubelet/server/spdy/stream.ts";

const id = fc.integer({ min: 1, max: 0x7fff_ffff });
const word = fc.integer({ min: 0, max: 0xffff_ffff });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const fin = fc.boolean();
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant("syn-stream" as const),
    id,
    fin,
    unidirectional: fc.boolean(),
    priority: fc.integer({ min: 0, max: 7 }),
    block: bytes,
  }),
  fc.record({ type: fc.constantFrom("syn-reply" as const, "headers" as const), id, fin, block: bytes }),
  fc.record({ type: fc.constant("data" as const), id, fin, data: bytes }),
  fc.record({ type: fc.constant("rst-stream" as const), id, status: word }),
  fc.record({
    type: fc.constant("settings" as const),
    values: fc.array(
      fc.record({ id: fc.integer({ min: 1, max: 0xff_ffff }), value: word }, { noNullPrototype: true }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ type: fc.constant("ping" as const), id: word }),
  fc.record({ type: fc.constant("goaway" as const), lastId: id, status: word }),
  fc.record({ type: fc.constant("window-update" as const), id, delta: id }),
);

/** Cuts bytes at the given places. */
function pieces(all: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (all.length + 1)).sort((a, b) => a - b), all.length];
  return places.slice(1).map((end, index) => all.subarray(places[index], end));
}

test("frames come back as they were, however their bytes are cut", () => {
  const property = fc.property(
    fc.array(frame, { maxLength: 8 }),
    fc.array(fc.nat(), { maxLength: 8 }),
    (generated, cuts) => {
      const frames = generated.map((item) => ({ ...item }));
      const reader = new FrameReader();
      const read = pieces(Buffer.concat(frames.map(encodeFrame)), cuts).flatMap((piece) => [
        ...reader.push(piece),
      ]);
      assert.deepEqual(read, frames);
    },
  );
  fc.assert(property);
});

test("bytes that are no frames end in an error of the protocol, or wait for more", () => {
  const property = fc.property(fc.array(bytes, { maxLength: 6 }), (parts) => {
    const reader = new FrameReader();
    try {
      for (const part of parts) Array.from(reader.push(part));
    } catch (error) {
      assert.ok(error instanceof SpdyError, String(error));
    }
  });
  fc.assert(property);
});

test("frames over the limits are refused by their heads, before their bodies are there", () => {
  const headOf = (first: number, length: number) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(first);
    head.writeUInt32BE(length, 4);
    return head;
  };
  const refused = (head: Buffer) =>
    assert.throws(() => Array.from(new FrameReader().push(head)), /over the limit/);
  refused(headOf(1, MAX_DATA_BYTES + 1));
  refused(headOf(0x8003_0001, MAX_CONTROL_BYTES + 1));
  assert.throws(
    () => Array.from(new FrameReader().push(headOf(0x8002_0001, 1))),
    /version 2 is not supported/,
  );
});

test("a frame as the specification draws it", () => {
  assert.equal(encodeFrame({ type: "ping", id: 5 }).toString("hex"), "800300060000000400000005");
  assert.equal(
    encodeFrame({ type: "rst-stream", id: 3, status: 5 }).toString("hex"),
    "80030003000000080000000300000005",
  );
  const data = { type: "data", id: 1, fin: true, data: Buffer.from("hi") } as const;
  assert.equal(encodeFrame(data).toString("hex"), "00000001010000026869");
});

test("the dictionary has the checksum that peers name it by", () => {
  const packed = deflateSync("x", { dictionary: HEADER_DICTIONARY });
  assert.equal(packed.readUInt32BE(2), HEADER_DICTIONARY_ID);
});

const name = fc.stringMatching(/^[a-z-]{1,20}$/);
const headers = fc
  .dictionary(name, fc.string({ maxLength: 50 }))
  .map((record) => new Map(Object.entries(record)));

/** The other end's compression: zlib with the dictionary, flushed after each block. */
class PeerPacker {
  readonly #deflate = createDeflate({ dictionary: HEADER_DICTIONARY, flush: constants.Z_SYNC_FLUSH });

  pack(block: Buffer): Promise<Buffer> {
    const parts: Buffer[] = [];
    const collect = (part: Buffer) => void parts.push(part);
    this.#deflate.on("data", collect);
    return new Promise((resolve) => {
      this.#deflate.write(block, () =>
        setImmediate(() => {
          this.#deflate.off("data", collect);
          resolve(Buffer.concat(parts));
        }),
      );
    });
  }
}

test("header blocks of one connection are read in their order, compressed as peers do", async () => {
  const property = fc.asyncProperty(fc.array(headers, { minLength: 1, maxLength: 5 }), async (blocks) => {
    const peer = new PeerPacker();
    const unpacker = new HeaderUnpacker();
    for (const block of blocks)
      assert.deepEqual(await unpacker.unpack(await peer.pack(encodeHeaders(block))), block);
    unpacker.close();
  });
  await fc.assert(property, { numRuns: 50 });
});

test("any zlib with the dictionary reads the header blocks that are sent", async () => {
  const property = fc.asyncProperty(fc.array(headers, { minLength: 1, maxLength: 5 }), async (blocks) => {
    const packer = new HeaderPacker();
    const inflate = createInflate({ dictionary: HEADER_DICTIONARY, flush: constants.Z_SYNC_FLUSH });
    for (const block of blocks) {
      const plain: Buffer[] = [];
      const collect = (part: Buffer) => void plain.push(part);
      inflate.on("data", collect);
      await new Promise<void>(
        (resolve) => void inflate.write(packer.pack(block), () => setImmediate(resolve)),
      );
      inflate.off("data", collect);
      assert.deepEqual(decodeHeaders(Buffer.concat(plain)), block);
    }
  });
  await fc.assert(property, { numRuns: 50 });
});

test("header blocks that are cut short, doubled, no zlib or bombs are refused", async () => {
  const good = encodeHeaders(new Map([["a", "b"]]));
  assert.throws(() => decodeHeaders(good.subarray(0, -1)), /cut short/);
  const pair = good.subarray(4);
  assert.throws(() => decodeHeaders(Buffer.concat([Buffer.of(0, 0, 0, 2), pair, pair])), /there twice/);
  await assert.rejects(new HeaderUnpacker().unpack(Buffer.from("no zlib at all")), SpdyError);
  const bomb = await new PeerPacker().pack(Buffer.alloc(10_000_000));
  await assert.rejects(new HeaderUnpacker().unpack(bomb), /too large/);
});

/** A session, the other end of its transport, and what comes out there. */
function connect(onStream: (stream: SpdyStream) => void) {
  const [ours, theirs] = duplexPair();
  const closed = Promise.withResolvers<void>();
  const session = new SpdySession(ours as Duplex, { onStream, onClose: closed.resolve });
  const reader = new FrameReader();
  const frames: Frame[] = [];
  let wake = (): void => {};
  theirs.on("data", (piece: Buffer) => {
    frames.push(...reader.push(piece));
    wake();
  });
  const packer = new PeerPacker();
  /** Waits until the frames that came match. */
  const until = async (check: (all: readonly Frame[]) => boolean): Promise<void> => {
    while (!check(frames)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    session,
    theirs,
    frames,
    until,
    closed: closed.promise,
    send: (item: Frame) => void theirs.write(encodeFrame(item)),
    open: async (streamId: number, fields: Record<string, string>, end = false) => {
      const block = await packer.pack(encodeHeaders(new Map(Object.entries(fields))));
      theirs.write(
        encodeFrame({
          type: "syn-stream",
          id: streamId,
          fin: end,
          unidirectional: false,
          priority: 0,
          block,
        }),
      );
    },
  };
}

const dataOf = (frames: readonly Frame[], streamId: number): Buffer =>
  Buffer.concat(frames.flatMap((item) => (item.type === "data" && item.id === streamId ? [item.data] : [])));

test("a stream is replied to first, carries both ways, and each way ends by itself", async () => {
  const seen: SpdyStream[] = [];
  const peer = connect((stream) => {
    seen.push(stream);
    stream.pipe(stream);
  });
  await peer.open(1, { streamtype: "data", port: "80" });
  peer.send({ type: "data", id: 1, fin: false, data: Buffer.from("one ") });
  peer.send({ type: "data", id: 1, fin: true, data: Buffer.from("two") });
  await peer.until((frames) => frames.some((item) => item.type === "data" && item.fin));
  assert.equal(peer.frames[0]?.type, "syn-reply");
  assert.equal(dataOf(peer.frames, 1).toString(), "one two");
  assert.deepEqual(
    [...seen[0]!.headers],
    [
      ["streamtype", "data"],
      ["port", "80"],
    ],
  );
  assert.ok(!peer.frames.some(({ type }) => type === "rst-stream"));
  peer.theirs.end();
  await peer.closed;
});

test("large transfers wait for a reader; nothing is lost and credit is given back", async () => {
  const total = 3 * 1024 * 1024;
  let stream: SpdyStream | undefined;
  const peer = connect((item) => {
    stream = item;
  });
  await peer.open(1, {});
  const piece = Buffer.alloc(32 * 1024, "x");
  for (let sent = 0; sent < total; sent += piece.length)
    peer.send({ type: "data", id: 1, fin: sent + piece.length >= total, data: piece });
  await peer.until((frames) => frames.some((item) => item.type === "window-update" && item.id === 1));
  assert.ok(stream!.readableLength < total, "it was all read although nobody took it");
  let received = 0;
  for await (const chunk of stream!) received += (chunk as Buffer).length;
  assert.equal(received, total);
  peer.theirs.end();
  await peer.closed;
});

test("once a peer gives credit, no more than that is sent", async () => {
  let stream: SpdyStream | undefined;
  const peer = connect((item) => {
    stream = item;
  });
  peer.send({ type: "settings", values: [{ id: 7, value: 1_000 }] });
  await peer.open(1, {});
  await peer.until((frames) => frames.length > 0);
  stream!.write(Buffer.alloc(2_500));
  await peer.until((frames) => dataOf(frames, 1).length > 0);
  peer.send({ type: "ping", id: 1 });
  await peer.until((frames) => frames.some(({ type }) => type === "ping"));
  assert.equal(dataOf(peer.frames, 1).length, 1_000);
  peer.send({ type: "window-update", id: 1, delta: 1_500 });
  await peer.until((frames) => dataOf(frames, 1).length === 2_500);
  peer.theirs.end();
  await peer.closed;
});

test("a reset ends the stream and nothing else; one destroyed here is reset there", async () => {
  const streams: SpdyStream[] = [];
  const peer = connect((stream) => void streams.push(stream));
  await peer.open(1, {});
  await peer.open(3, {});
  await peer.until((frames) => frames.length === 2);
  const closed = once(streams[0]!, "close");
  peer.send({ type: "rst-stream", id: 1, status: 5 });
  await closed;
  streams[1]!.destroy();
  await peer.until((frames) => frames.some(({ type }) => type === "rst-stream"));
  assert.deepEqual(peer.frames.at(-1), { type: "rst-stream", id: 3, status: 5 });
  peer.send({ type: "data", id: 1, fin: false, data: Buffer.from("late") });
  peer.send({ type: "ping", id: 7 });
  await peer.until((frames) => frames.some(({ type }) => type === "ping"));
  peer.theirs.end();
  await peer.closed;
});

test("stream ids that are even or go back are refused; so is what the listener does not want", async () => {
  const peer = connect(({ headers: fields }) => {
    if (fields.get("streamtype") === "bad") throw new Error("unwanted");
  });
  await peer.open(2, {});
  await peer.open(5, {});
  await peer.open(3, {});
  await peer.open(7, { streamtype: "bad" });
  await peer.until((frames) => frames.filter(({ type }) => type === "rst-stream").length === 3);
  const refused = peer.frames.filter((item) => item.type === "rst-stream");
  assert.deepEqual(
    refused.map((item) => [item.id, item.status]),
    [
      [2, 1],
      [3, 1],
      [7, 5],
    ],
  );
  peer.theirs.end();
  await peer.closed;
});

test("a peer that breaks the protocol is told so and the connection ends with all its streams", async () => {
  let stream: SpdyStream | undefined;
  const peer = connect((item) => {
    stream = item;
  });
  await peer.open(1, {});
  await peer.until((frames) => frames.length === 1);
  const streamClosed = once(stream!, "close");
  peer.theirs.write(Buffer.from("80ff000100000000", "hex"));
  await peer.until((frames) => frames.some(({ type }) => type === "goaway"));
  peer.theirs.end();
  await Promise.all([peer.closed, streamClosed]);
});

test("close says goodbye after what was written", async () => {
  const peer = connect((stream) => {
    stream.resume().end("bye");
    stream.once("finish", () => peer.session.close());
  });
  await peer.open(1, {});
  await peer.until((frames) => frames.some(({ type }) => type === "goaway"));
  assert.deepEqual(
    peer.frames.map(({ type }) => type),
    ["syn-reply", "data", "data", "goaway"],
  );
  peer.theirs.end();
  await peer.closed;
});
