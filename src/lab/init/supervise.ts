import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { UserErrorParts } from "../../errors/user-error.ts";
import { formatTime } from "../../objects/time.ts";
import { isFrozen, type PartState } from "./part-state.ts";

/** A process of the lab that is kept running. */
export interface Part {
  readonly name: string;
  readonly command: readonly string[];
  /** Descriptors that it inherits, from 4 on. */
  readonly sockets?: readonly number[];
}

/** What the parts tell the init, over Node's IPC channel. */
export type PartMessage = { type: "ready" } | { type: "failed"; error: UserErrorParts };

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
const STABLE_AFTER_MS = 10_000;
const LAST_LINES = 12;

/**
 * Keeps one part running: when it dies it is started again, after a pause that doubles up to 5 s and starts anew once
 * the part has lived 10 s. Its output goes to `logs/NAME.log`.
 */
export class Supervisor {
  readonly part: Part;
  readonly #logPath: string;
  #child: ChildProcess | undefined;
  #delay = FIRST_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #ready = Promise.withResolvers<void>();
  /** Of the process that runs. */
  #isReady = false;
  #since: number | undefined;
  #starts = 0;
  #lastEnd: string | undefined;

  constructor(part: Part, logDir: string) {
    this.part = part;
    this.#logPath = join(logDir, `${part.name}.log`);
    this.#ready.promise.catch(() => {});
  }

  /** Resolves when the part first says that it is ready; rejects with its reason, or its end, before that. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** The part's process; undefined while it is not running. */
  get pid(): number | undefined {
    return this.#child?.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined;
  }

  /** What the part does now. */
  get state(): PartState {
    const { pid } = this;
    const alive = this.#isReady ? "running" : "starting";
    return {
      name: this.part.name,
      // parts that were not started yet wait for the others
      state: pid === undefined ? "waiting" : isFrozen(pid) ? "frozen" : alive,
      ...(pid !== undefined && { since: formatTime(new Date(this.#since ?? 0)) }),
      restarts: Math.max(0, this.#starts - 1),
      ...(this.#lastEnd !== undefined && { lastEnd: this.#lastEnd }),
      log: this.#logPath,
    };
  }

  start(): void {
    const log = openSync(this.#logPath, "a", 0o600);
    const started = Date.now();
    this.#since = started;
    this.#starts++;
    this.#isReady = false;
    const child = spawn(this.part.command[0] as string, this.part.command.slice(1), {
      stdio: ["ignore", log, log, "ipc", ...(this.part.sockets ?? [])],
    });
    closeSync(log);
    this.#child = child;
    child.on("message", (message) => this.#onMessage(message as PartMessage));
    child.on("error", (error) => this.#ready.reject(error));
    child.on("exit", (code, signal) => this.#onExit(signal ?? `exit code ${code}`, Date.now() - started));
  }

  /** Asks the part to end, and kills it when it has not after the grace. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await exited;
    clearTimeout(timer);
  }

  #onMessage(message: PartMessage): void {
    if (message.type === "ready") {
      this.#isReady = true;
      this.#ready.resolve();
    } else this.#ready.reject(new PartFailed(message.error));
  }

  /** The end of its log, as the folder of logs goes with the cluster. */
  #lastWords(): string {
    const lines = readFileSync(this.#logPath, "utf8").trim().split("\n").slice(-LAST_LINES);
    return lines.map((line) => `\n    ${line}`).join("");
  }

  #onExit(how: string, lived: number): void {
    this.#lastEnd = how;
    if (this.#stopped) return;
    console.error(`${new Date().toISOString()} ${this.part.name} ended (${how}); it starts again`);
    this.#ready.reject(
      new PartFailed({
        what: "cannot start the cluster",
        where: this.part.name,
        why: `it ended with ${how}${this.#lastWords()}`,
        next: "run the command again; if it fails again, report it with the lines above",
      }),
    );
    if (lived >= STABLE_AFTER_MS) this.#delay = FIRST_DELAY_MS;
    this.#timer = setTimeout(() => this.start(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, MAX_DELAY_MS);
  }
}

/** Why a part could not start, in the parts of a user's error. */
export class PartFailed extends Error {
  readonly parts: UserErrorParts;

  constructor(parts: UserErrorParts) {
    super(`${parts.what}: ${parts.why}`);
    this.name = "PartFailed";
    this.parts = parts;
  }
}
