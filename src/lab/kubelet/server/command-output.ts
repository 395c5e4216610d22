import type { ChildProcess } from "node:child_process";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { CommandChannel, OutputName } from "./command-channel.ts";

/** How long both outputs are still before nothing more counts as on its way. */
const QUIET_MS = 1_000;
/** So much may come after the command's end: more than pipes hold. What goes on then is a helper's that was left behind. */
const LATE_BYTES = 1024 * 1024;

/** Passes a command's output on to its client, no faster than the client takes it. */
export class CommandOutput {
  readonly #ended: Promise<unknown>;
  /** Bytes read so far. */
  #read = 0;
  /** Chunks that the client has not taken yet. */
  #pending = 0;
  #clientGone = false;

  constructor(channel: CommandChannel, child: ChildProcess) {
    this.#ended = Promise.all(
      (["stdout", "stderr"] as const).map((name) => this.#pass(channel, name, child)),
    );
    channel.onClose(() => {
      this.#clientGone = true;
    });
  }

  /**
   * Resolves when the client has all of it. To be called when the command has ended: a helper that it left behind may hold
   * the outputs open, so what is on its way is waited for, and no more.
   */
  async drained(): Promise<void> {
    const atEnd = this.#read;
    const stop = new AbortController();
    for (let before = -1; before !== this.#read || this.#pending > 0; ) {
      before = this.#read;
      const quiet = sleep(QUIET_MS, false, { signal: stop.signal }).catch(() => false);
      if (await Promise.race([this.#ended.then(() => true), quiet])) break;
      await turn(); // what came while this process was held up itself
      if (this.#clientGone || this.#read - atEnd > LATE_BYTES) break;
    }
    stop.abort();
  }

  #pass(channel: CommandChannel, name: OutputName, child: ChildProcess): Promise<void> {
    return new Promise((resolve) => {
      const stream = child[name];
      if (stream === null) return resolve();
      let pending = 0;
      let closed = false;
      stream.on("data", (chunk: Buffer) => {
        this.#read += chunk.length;
        this.#pending++;
        pending++;
        stream.pause();
        channel.write(name, chunk, () => {
          this.#pending--;
          pending--;
          stream.resume();
          if (closed && pending === 0) resolve();
        });
      });
      stream.once("close", () => {
        closed = true;
        if (pending === 0) resolve();
      });
    });
  }
}
