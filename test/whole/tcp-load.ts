/**
 * Opens a connection every few milliseconds, each to the next target, says a line on it and waits for the first byte of
 * the answer, until its standard input ends; then prints what it saw as one line of JSON: a {@link Phase} for each line
 * of its input, and one for what came before the first. Those that are due while {@link UNDER_WAY} are under way are left
 * out: a busy machine gets less to do, not a growing queue.
 *
 * Usage: tcp-load.ts INTERVAL_MS TARGET…   a target is `address/port`
 */
import { connect } from "node:net";

/** The connections that were opened in one phase; times until the first byte are in milliseconds. */
export interface Phase {
  readonly opened: number;
  /** By an error's code, `timeout` or `closed` (before any answer). */
  readonly failed: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly max: number;
}

const TIMEOUT_MS = 10_000;
const UNDER_WAY = 16;

function main([interval = "", ...targets]: string[]): void {
  const phases = [new Connections()];
  const began = performance.now();
  let opened = 0;
  let leftOut = 0;
  let under = 0;
  let ended = false;
  const finish = (): void => {
    if (!ended || under > 0) return;
    console.log(JSON.stringify(phases.map((phase) => phase.report())));
    process.exit(0);
  };
  const open = (): void => {
    const [host = "", port = ""] = (targets[opened++ % targets.length] ?? "").split("/");
    const phase = phases.at(-1);
    const start = performance.now();
    under++;
    ask(host, Number(port), (problem) => {
      phase?.add(performance.now() - start, problem);
      under--;
      finish();
    });
  };
  const timer = setInterval(() => {
    const due = (performance.now() - began) / Number(interval);
    while (opened + leftOut < due) {
      if (under < UNDER_WAY) open();
      else leftOut++;
    }
  }, 2);
  process.stdin.on("data", () => phases.push(new Connections()));
  process.stdin.once("end", () => {
    clearInterval(timer);
    ended = true;
    finish();
  });
  console.log("started");
}

class Connections {
  readonly #times: number[] = [];
  readonly #failed: Record<string, number> = {};

  add(took: number, problem: string | undefined): void {
    this.#times.push(took);
    if (problem !== undefined) this.#failed[problem] = (this.#failed[problem] ?? 0) + 1;
  }

  report(): Phase {
    const times = this.#times.sort((a, b) => a - b);
    const at = (index: number) => Math.round(times.at(index) ?? 0);
    return { opened: times.length, failed: this.#failed, p50: at(times.length >> 1), max: at(-1) };
  }
}

/** Says a line, and calls back once: with the first byte of an answer, or with what went wrong. */
function ask(host: string, port: number, done: (problem?: string) => void): void {
  const socket = connect({ host, port });
  let isDone = false;
  const once = (problem?: string): void => {
    if (isDone) return;
    isDone = true;
    socket.destroy();
    done(problem);
  };
  socket.once("connect", () => socket.write("me\n"));
  socket.once("data", () => once());
  socket.once("close", () => once("closed"));
  socket.once("error", (error: NodeJS.ErrnoException) => once(error.code ?? "error"));
  socket.setTimeout(TIMEOUT_MS, () => once("timeout"));
}

main(process.argv.slice(2));
