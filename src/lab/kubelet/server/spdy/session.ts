import type { Duplex } from "node:stream";
import {
  encodeFrame,
  type Frame,
  FrameReader,
  RESET,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SpdyError,
} from "./frames.ts";
import { HeaderPacker, HeaderUnpacker } from "./headers.ts";
import { SpdyStream, type StreamHost } from "./stream.ts";
import { INITIAL_WINDOW, ReceiveCredit, SendWindow } from "./window.ts";

/** Open streams of one connection; further ones are refused. A forwarded connection takes two. */
const MAX_STREAMS = 4_096;
/** As the kubelet's --streaming-connection-idle-timeout. */
const IDLE_MS = 4 * 60 * 60 * 1_000;
/** How long a peer may take to close after this side has. */
const CLOSE_MS = 5_000;
const GOAWAY_PROTOCOL_ERROR = 1;

/** How a session tells of its streams. */
export interface SessionListener {
  /** A new stream, already replied to. What it throws resets the stream. */
  onStream(stream: SpdyStream): void;
  /** The connection has ended, in order or not; called once. */
  onClose(): void;
}

/**
 * The server's end of a SPDY/3.1 connection (SPDY protocol, draft 3.1) over any transport of bytes: a socket after an
 * upgrade, or a WebSocket's messages. Frames are worked on in their order; a stream that nobody reads holds up the
 * connection once its buffer is full, as there is no other way to slow down a peer without flow control.
 */
export class SpdySession {
  readonly #transport: Duplex;
  readonly #listener: SessionListener;
  readonly #reader = new FrameReader();
  readonly #packer = new HeaderPacker();
  readonly #unpacker = new HeaderUnpacker();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #credit = new ReceiveCredit();
  readonly #window = new SendWindow(INITIAL_WINDOW, false);
  readonly #host: StreamHost;
  readonly #idle: NodeJS.Timeout;
  #initialWindow = INITIAL_WINDOW;
  #peerKeepsWindows = false;
  #waiting: (() => void)[] = [];
  #lastId = 0;
  #closing: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(transport: Duplex, listener: SessionListener) {
    this.#transport = transport;
    this.#listener = listener;
    this.#host = this.#makeHost();
    this.#idle = setTimeout(() => this.close(), IDLE_MS);
    transport.on("error", () => transport.destroy());
    transport.on("drain", () => this.#wake());
    transport.once("close", () => this.#end());
    void this.#run();
  }

  /** Says goodbye, lets what was sent go out, and closes. Safe to repeat. */
  close(status = 0): void {
    if (this.#closing !== undefined || this.#ended) return;
    this.#send({ type: "goaway", lastId: this.#lastId, status });
    this.#closing = setTimeout(() => this.#transport.destroy(), CLOSE_MS);
    this.#transport.end();
  }

  #makeHost(): StreamHost {
    const session = this;
    return {
      send: (frame) => this.#send(frame),
      take: (wanted) => {
        const count = this.#window.allowed(wanted);
        this.#window.spend(count);
        return count;
      },
      whenWritable: (callback) => void this.#waiting.push(callback),
      get writable() {
        return !session.#transport.writableNeedDrain;
      },
      closed: (id) => void this.#streams.delete(id),
    };
  }

  #send(frame: Frame): void {
    if (this.#transport.writable) this.#transport.write(encodeFrame(frame));
  }

  #wake(): void {
    for (const callback of this.#waiting.splice(0)) callback();
  }

  async #run(): Promise<void> {
    try {
      for await (const piece of this.#transport.iterator({ destroyOnReturn: false })) {
        this.#idle.refresh();
        for (const frame of this.#reader.push(piece as Buffer)) await this.#handle(frame);
      }
    } catch (error) {
      if (error instanceof SpdyError) this.close(GOAWAY_PROTOCOL_ERROR);
      this.#transport.resume();
    }
    if (this.#closing === undefined) this.#transport.destroy();
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#idle);
    clearTimeout(this.#closing);
    this.#unpacker.close();
    for (const stream of [...this.#streams.values()]) stream.receiveReset();
    this.#wake();
    this.#listener.onClose();
  }

  /** Resolves when the next frame may be worked on. */
  async #handle(frame: Frame): Promise<void> {
    switch (frame.type) {
      case "syn-stream":
        return this.#open(frame);
      case "data":
        return this.#receive(frame);
      case "rst-stream":
        return this.#streams.get(frame.id)?.receiveReset();
      case "ping":
        // odd ones are the client's questions, even ones would be answers to ours
        if (frame.id % 2 === 1) this.#send(frame);
        return;
      case "settings":
        return this.#applySettings(frame.values);
      case "window-update":
        return this.#takeCredit(frame.id, frame.delta);
      case "headers":
      case "syn-reply":
        // nothing that is asked for here, but the compression runs over all blocks
        await this.#unpacker.unpack(frame.block);
        if (frame.fin) this.#streams.get(frame.id)?.receiveEnd();
        return;
      case "goaway":
        return; // the client opens no more streams, and closes when it is done with those it has
    }
  }

  async #open(frame: Extract<Frame, { type: "syn-stream" }>): Promise<void> {
    const headers = await this.#unpacker.unpack(frame.block);
    const { id } = frame;
    if (id % 2 === 0 || id <= this.#lastId)
      return this.#send({ type: "rst-stream", id, status: RESET.protocolError });
    this.#lastId = id;
    if (this.#streams.size >= MAX_STREAMS || this.#closing !== undefined)
      return this.#send({ type: "rst-stream", id, status: RESET.refusedStream });
    const window = new SendWindow(this.#initialWindow, this.#peerKeepsWindows);
    const stream = new SpdyStream(id, headers, this.#host, window);
    stream.on("error", () => {}); // a stream's end is told by its close
    this.#streams.set(id, stream);
    this.#send({ type: "syn-reply", id, fin: false, block: this.#packer.pack(new Map()) });
    if (frame.fin) stream.receiveEnd();
    try {
      this.#listener.onStream(stream);
    } catch {
      stream.destroy();
    }
  }

  async #receive({ id, data, fin }: Extract<Frame, { type: "data" }>): Promise<void> {
    const delta = this.#credit.consume(data.length);
    if (delta > 0) this.#send({ type: "window-update", id: 0, delta });
    const stream = this.#streams.get(id);
    const room = stream?.receive(data);
    if (fin) stream?.receiveEnd();
    else if (room !== undefined) await room; // it comes, too, when the stream or the connection ends
  }

  #keepsWindows(): void {
    if (this.#peerKeepsWindows) return;
    this.#peerKeepsWindows = true;
    this.#window.bind();
    for (const stream of this.#streams.values()) stream.window.bind();
  }

  #applySettings(values: readonly { id: number; value: number }[]): void {
    const initial = values.find(({ id }) => id === SETTINGS_INITIAL_WINDOW_SIZE)?.value;
    if (initial === undefined) return;
    this.#keepsWindows();
    for (const stream of this.#streams.values()) stream.window.credit(initial - this.#initialWindow);
    this.#initialWindow = initial;
    this.#wake();
  }

  #takeCredit(id: number, delta: number): void {
    this.#keepsWindows();
    if (id === 0) this.#window.credit(delta);
    else this.#streams.get(id)?.window.credit(delta);
    this.#wake();
  }
}
