import { Duplex } from "node:stream";
import type { Frame } from "./frames.ts";
import { RESET } from "./frames.ts";
import type { Headers } from "./headers.ts";
import { ReceiveCredit, type SendWindow } from "./window.ts";

/** What is kept of a stream that nobody reads before the whole connection waits for it. */
const BUFFER_BYTES = 1024 * 1024;
const CHUNK_BYTES = 32 * 1024;

/** What a stream needs of its connection. */
export interface StreamHost {
  send(frame: Frame): void;
  /** Bytes that the connection as a whole may send now, at most `wanted`; spent at once. */
  take(wanted: number): number;
  /** Calls back when more can be sent: the transport has drained or the peer gave credit. */
  whenWritable(callback: () => void): void;
  /** Whether the transport takes more now. */
  readonly writable: boolean;
  closed(id: number): void;
}

/**
 * One stream of a connection, in both directions; each can end by itself. Destroyed before both have, it is reset.
 */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: Headers;
  readonly window: SendWindow;
  readonly #host: StreamHost;
  readonly #credit = new ReceiveCredit();
  #localEnded = false;
  #remoteEnded = false;
  #reset = false;
  #full = 0;
  #onRoom: (() => void) | undefined;

  constructor(id: number, headers: Headers, host: StreamHost, window: SendWindow) {
    super({ readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: CHUNK_BYTES });
    this.id = id;
    this.headers = headers;
    this.window = window;
    this.#host = host;
  }

  /** Takes in what the peer sent; resolves when there is room for more. */
  receive(data: Buffer): Promise<void> | undefined {
    if (this.destroyed || this.#remoteEnded || data.length === 0) return undefined;
    if (this.push(data)) {
      this.#giveCredit(data.length);
      return undefined;
    }
    this.#full += data.length;
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** The peer will send no more. */
  receiveEnd(): void {
    if (this.#remoteEnded) return;
    this.#remoteEnded = true;
    if (!this.destroyed) this.push(null);
  }

  /** The peer gave the stream up. */
  receiveReset(): void {
    this.#reset = true;
    this.destroy();
  }

  override _read(): void {
    if (this.#full > 0) this.#giveCredit(this.#full);
    this.#full = 0;
    this.#onRoom?.();
    this.#onRoom = undefined;
  }

  #giveCredit(bytes: number): void {
    const delta = this.#credit.consume(bytes);
    if (delta > 0 && !this.#remoteEnded) this.#host.send({ type: "window-update", id: this.id, delta });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let rest = chunk;
    const goOn = (): void => {
      while (rest.length > 0 && !this.destroyed) {
        const wanted = this.#host.writable ? this.window.allowed(Math.min(rest.length, CHUNK_BYTES)) : 0;
        const count = this.#host.take(wanted);
        if (count === 0) {
          this.#host.whenWritable(goOn);
          return;
        }
        this.window.spend(count);
        this.#host.send({ type: "data", id: this.id, fin: false, data: rest.subarray(0, count) });
        rest = rest.subarray(count);
      }
      done();
    };
    goOn();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#localEnded = true;
    this.#host.send({ type: "data", id: this.id, fin: true, data: Buffer.alloc(0) });
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#reset && !(this.#localEnded && this.#remoteEnded))
      this.#host.send({ type: "rst-stream", id: this.id, status: RESET.cancel });
    this.#onRoom?.();
    this.#host.closed(this.id);
    done(error);
  }
}
