import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

/** Where a rotated log goes; one old file is kept, so that a container has at most twice this on disk. */
const MAX_BYTES = 10 * 1024 * 1024;
/** Longer lines are split into parts, as the container runtimes do. */
const MAX_LINE = 16 * 1024;

/** The output that a line was written to. */
export type LogStream = "stdout" | "stderr";

/**
 * The log of one run of a container, in the CRI format: `TIME STREAM F|P LINE`, P for a part of a line that goes on.
 * Rotates at 10 MiB and keeps one older file.
 */
export class LogFile {
  readonly path: string;
  readonly #rest: Record<LogStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  readonly #listeners = new Set<() => void>();
  #fd: number | undefined;
  #size = 0;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, "a", 0o600);
  }

  /** Whether the container's run has ended, so that nothing will follow. */
  get closed(): boolean {
    return this.#fd === undefined;
  }

  write(stream: LogStream, chunk: Buffer): void {
    let data = this.#rest[stream].length === 0 ? chunk : Buffer.concat([this.#rest[stream], chunk]);
    const lines: Buffer[] = [];
    for (let end = data.indexOf(10); end >= 0 || data.length > MAX_LINE; end = data.indexOf(10)) {
      const whole = end >= 0 && end <= MAX_LINE;
      const length = whole ? end : MAX_LINE;
      lines.push(entry(stream, whole ? "F" : "P", data.subarray(0, length)));
      data = data.subarray(whole ? end + 1 : length);
    }
    this.#rest[stream] = Buffer.from(data);
    if (lines.length > 0) this.#append(Buffer.concat(lines));
  }

  /** Calls back after every addition, and once more at the end; the returned function stops that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes what has no line end yet, and ends the log. */
  close(): void {
    if (this.#fd === undefined) return;
    for (const stream of ["stdout", "stderr"] as const) {
      const rest = this.#rest[stream];
      if (rest.length > 0) this.#append(entry(stream, "F", rest));
    }
    closeSync(this.#fd);
    this.#fd = undefined;
    for (const listener of this.#listeners) listener();
  }

  #append(bytes: Buffer): void {
    if (this.#fd === undefined) return;
    try {
      if (this.#size + bytes.length > MAX_BYTES) this.#rotate(this.#fd);
      this.#size += writeSync(this.#fd, bytes);
    } catch {
      // a full disk: these lines are lost; the node, which has other pods, goes on
    }
    for (const listener of this.#listeners) listener();
  }

  #rotate(old: number): void {
    renameSync(this.path, `${this.path}.1`);
    this.#fd = openSync(this.path, "a", 0o600);
    this.#size = 0;
    closeSync(old);
  }
}

function entry(stream: LogStream, tag: "F" | "P", line: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${nanoTime()} ${stream} ${tag} `), line, NEWLINE]);
}

const NEWLINE = Buffer.from("\n");
const ORIGIN_MS = performance.timeOrigin;

/** The time with nanoseconds (microseconds are real), RFC 3339. */
function nanoTime(): string {
  const now = ORIGIN_MS + performance.now();
  const micros = Math.floor((now % 1) * 1_000);
  return `${new Date(now).toISOString().slice(0, -1)}${String(micros).padStart(3, "0")}000Z`;
}

/** What to read of a log, as the parameters of the API's `log` subresource. */
export interface LogQuery {
  readonly tailLines?: number;
  readonly sinceTime?: Date;
  readonly timestamps?: boolean;
}

/** One entry of a log file, read back. */
export interface LogEntry {
  readonly time: string;
  readonly whole: boolean;
  readonly text: string;
}

/**
 * Reads the entries of a log, the rotated file's first. A file that is gone has none. `upTo` ends the newer file at
 * that many bytes.
 */
export function readLog(path: string, upTo?: number): LogEntry[] {
  const [older = "", newer = ""] = [`${path}.1`, path].map((file) =>
    existsSync(file) ? readFileSync(file).toString("utf8", 0, file === path ? upTo : undefined) : "",
  );
  return parseLog(older + newer);
}

/** Reads entries from whole lines of a log file. */
export function parseLog(text: string): LogEntry[] {
  return text.split("\n").filter(Boolean).map(parseEntry);
}

/** `TIME stdout F TEXT`: both streams' names have six letters. */
function parseEntry(line: string): LogEntry {
  const time = line.slice(0, line.indexOf(" "));
  return { time, whole: line[time.length + 8] === "F", text: line.slice(time.length + 10) };
}

/** The text of the entries that a query asks for. `tailLines` counts lines, not parts of lines. */
export function selectLog(entries: readonly LogEntry[], query: LogQuery): string {
  const since = query.sinceTime;
  let selected = since === undefined ? entries : entries.filter((item) => new Date(item.time) >= since);
  if (query.tailLines !== undefined) selected = lastLines(selected, query.tailLines);
  return selected.map((item) => formatEntry(item, query.timestamps ?? false)).join("");
}

function lastLines(entries: readonly LogEntry[], count: number): readonly LogEntry[] {
  let start = entries.length;
  let lines = 0;
  while (start > 0) {
    if (entries[start - 1]?.whole !== false && ++lines > count) break;
    start--;
  }
  return entries.slice(start);
}

function formatEntry(item: LogEntry, timestamps: boolean): string {
  return `${timestamps ? `${item.time} ` : ""}${item.text}${item.whole ? "\n" : ""}`;
}
