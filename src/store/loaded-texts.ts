import { isAscii } from "node:buffer";
import type { Entry } from "./contract.ts";

/** Texts are cut from blocks of so many bytes: what V8 keeps outside of its own heap (Node: EXTERN_APEX) and never copies. */
const BLOCK = 1024 * 1024;

/**
 * Makes entries of the values that a store holds when it is opened. Each text is a slice of a block's text, so that
 * collecting garbage does not copy them all over and over while a large store is read: that took half of the time. A
 * block stays in memory for as long as one of its texts does; all blocks together are as large as what was read.
 */
export class LoadedTexts {
  readonly #loaded: (entry: Entry<string>) => void;
  readonly #block = Buffer.allocUnsafeSlow(BLOCK);
  /** What waits for its block to be full: each value's key, revision, and end in the block, at the same places. */
  #keys: string[] = [];
  #revisions: number[] = [];
  #ends: number[] = [];
  #used = 0;

  /** `loaded` is called with each entry, in the order they were added. */
  constructor(loaded: (entry: Entry<string>) => void) {
    this.#loaded = loaded;
  }

  /** Adds a value: UTF-8 in `bytes` from `start` on, which may be overwritten afterwards. */
  add(key: string, revision: number, bytes: Buffer, start: number): void {
    const length = bytes.length - start;
    if (this.#used + length > BLOCK) this.flush();
    if (length > BLOCK) {
      this.#loaded({ key, value: bytes.toString("utf8", start), revision });
      return;
    }
    bytes.copy(this.#block, this.#used, start);
    this.#used += length;
    this.#keys.push(key);
    this.#revisions.push(revision);
    this.#ends.push(this.#used);
  }

  /** Hands out what was added and is not handed out yet. */
  flush(): void {
    const bytes = this.#block.subarray(0, this.#used);
    // in other texts bytes are not characters, and one wide character would double the size of a block's text
    const all = isAscii(bytes) ? bytes.toString("latin1") : undefined;
    let start = 0;
    for (const [index, key] of this.#keys.entries()) {
      const end = this.#ends[index]!;
      const value = all === undefined ? bytes.toString("utf8", start, end) : all.slice(start, end);
      this.#loaded({ key, value, revision: this.#revisions[index]! });
      start = end;
    }
    this.#used = 0;
    this.#keys = [];
    this.#revisions = [];
    this.#ends = [];
  }
}
