/** Changes that `ip` makes: in the order in which they were asked for, all that gather while some are made in one process. */
import { execFile } from "node:child_process";

/** Gives the words of a command when its turn comes, or throws where it is not to be made any more. */
export type Change = () => readonly string[];

interface Waiting {
  readonly change: Change;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

const PATIENCE_MS = 10_000;

/** One after the other, as of two that are under way at once either could count; a process for each takes 16 ms. */
export class IpChanges {
  #waiting: Waiting[] = [];
  #running = false;

  /** Resolves when it is made. @throws Error with what `ip` said of it; the others are made all the same */
  make(change: Change): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ change, done, failed });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const turn = this.#waiting;
      this.#waiting = [];
      const lines = turn.flatMap((waiting) => {
        const line = lineOf(waiting);
        return line === undefined ? [] : [{ waiting, line }];
      });
      if (lines.length === 0) continue;
      const failures = await batch(lines.map(({ line }) => line));
      for (const [index, { waiting, line }] of lines.entries()) {
        const failure = failures.get(index + 1) ?? failures.get(0);
        if (failure === undefined) waiting.done();
        else waiting.failed(new Error(`ip ${line}: ${failure}`));
      }
    }
    this.#running = false;
  }
}

function lineOf({ change, failed }: Waiting): string | undefined {
  try {
    return change().join(" ");
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** What `ip` said of lines that it could not do, by their numbers from 1 on; by 0 what holds of all. */
function batch(lines: readonly string[]): Promise<Map<number, string>> {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE_MS };
    const child = execFile("ip", ["-force", "-batch", "-"], options, (error, _, stderr) => {
      const failures = failuresIn(stderr);
      if (error !== null && failures.size === 0) failures.set(0, stderr.trim() || error.message);
      resolve(failures);
    });
    // where it cannot be started the error comes by the callback
    child.stdin?.on("error", () => {});
    child.stdin?.end(lines.map((line) => `${line}\n`).join(""));
  });
}

/** Source: iproute2, lib/utils.c, do_batch: what went wrong, and then `Command failed -:NUMBER`. */
function failuresIn(stderr: string): Map<number, string> {
  const failures = new Map<number, string>();
  let said: string[] = [];
  for (const line of stderr.split("\n")) {
    const number = /^Command failed .*:(\d+)$/.exec(line)?.[1];
    if (number === undefined) {
      said.push(line);
      continue;
    }
    failures.set(Number(number), said.join(" ").trim() || line);
    said = [];
  }
  return failures;
}
