import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { type LogEntry, type LogFile, parseLog, readLog } from "./log-file.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * The entries of a log in portions, as they are written, until it is closed. The first portion is all that is there.
 * Reads from where it was, also across a rotation; of a reader that is more than two rotations behind, what is gone is
 * skipped.
 */
export class LogTail {
  readonly #log: LogFile;
  readonly #stop: () => void;
  #fd: number | undefined;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  #closed = false;

  constructor(log: LogFile) {
    this.#log = log;
    this.#stop = log.onChange(() => this.#wake());
  }

  /** Ends the iteration, also one that waits. Safe to repeat. */
  close(): void {
    this.#closed = true;
    this.#stop();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly LogEntry[]> {
    try {
      this.#fd = openSync(this.#log.path, "r");
      this.#offset = fstatSync(this.#fd).size;
      // entries are written whole, so that the end of the file is the end of one
      yield readLog(this.#log.path, this.#offset);
      while (!this.#closed) {
        const over = this.#log.closed;
        const entries = this.#read();
        if (entries.length > 0) yield entries;
        else if (over) return;
        else await this.#change();
      }
    } finally {
      if (this.#fd !== undefined) closeSync(this.#fd);
      this.#fd = undefined;
      this.#stop();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The next portion; empty at the end. */
  #read(): LogEntry[] {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const count = readSync(this.#fd as number, buffer, 0, CHUNK_BYTES, this.#offset);
      if (count === 0 && !this.#rotated()) return [];
      this.#offset += count;
      const data = Buffer.concat([this.#rest, buffer.subarray(0, count)]);
      const end = data.lastIndexOf(10) + 1;
      this.#rest = Buffer.from(data.subarray(end));
      if (end > 0) return parseLog(data.toString("utf8", 0, end));
    }
  }

  /** Goes on to the file that has taken the place of the one that was read to its end, if there is one. */
  #rotated(): boolean {
    const { path } = this.#log;
    if (!existsSync(path) || statSync(path).ino === fstatSync(this.#fd as number).ino) return false;
    closeSync(this.#fd as number);
    this.#fd = openSync(path, "r");
    this.#offset = 0;
    return true;
  }
}
