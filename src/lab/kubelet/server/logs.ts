import { statSync } from "node:fs";
import type { ServerResponse } from "node:http";
import type { ContainerRunner } from "../container.ts";
import { type LogFile, type LogQuery, readLog, readLogFrom, selectLog } from "../log-file.ts";

/**
 * Serves a container's log with the kubelet's parameters: follow, previous, tailLines, sinceSeconds, sinceTime,
 * timestamps, limitBytes.
 */
export function serveLogs(
  container: ContainerRunner,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const log = container.log(query.get("previous") === "true");
  response.writeHead(log === undefined ? 400 : 200, { "content-type": "text/plain; charset=utf-8" });
  if (log === undefined) {
    const state = query.get("previous") === "true" ? "previous terminated container" : "container";
    response.end(`${state} ${JSON.stringify(container.spec.name)} has no log yet: it is waiting to start`);
    return;
  }
  const writer = new LogWriter(response, numberOf(query, "limitBytes"));
  const follow = query.get("follow") === "true" && !log.closed;
  const offset = statSync(log.path).size;
  writer.write(selectLog(readLog(log.path), queryOf(query)));
  if (follow) followLog(log, offset, query.get("timestamps") === "true", writer, response);
  else response.end();
}

const MAX_BUFFERED = 16 * 1024 * 1024;

/** Writes until a limit of bytes is reached. */
class LogWriter {
  readonly #response: ServerResponse;
  #left: number;

  constructor(response: ServerResponse, limit: number | undefined) {
    this.#response = response;
    this.#left = limit ?? Number.POSITIVE_INFINITY;
  }

  write(text: string): void {
    if (text === "" || this.#left <= 0) return;
    const bytes = Buffer.from(text);
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= part.length;
    this.#response.write(part);
    // a reader that falls far behind loses the connection, not the kubelet its memory
    if (this.#response.writableLength > MAX_BUFFERED) this.#response.destroy();
    if (this.#left <= 0) this.#response.end();
  }
}

/** Sends what is added until the container's run ends or the reader goes. */
function followLog(
  log: LogFile,
  from: number,
  timestamps: boolean,
  writer: LogWriter,
  response: ServerResponse,
): void {
  let offset = from;
  const send = (): void => {
    const added = readLogFrom(log.path, offset);
    offset = added.offset;
    writer.write(selectLog(added.entries, { timestamps }));
    if (log.closed) response.end();
  };
  const stop = log.onChange(send);
  response.once("close", stop);
  send();
}

function queryOf(query: URLSearchParams): LogQuery {
  const tailLines = numberOf(query, "tailLines");
  const seconds = numberOf(query, "sinceSeconds");
  const time = query.get("sinceTime");
  const sinceTime = time
    ? new Date(time)
    : seconds === undefined
      ? undefined
      : new Date(Date.now() - seconds * 1_000);
  return {
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    timestamps: query.get("timestamps") === "true",
  };
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  return text === null || !/^\d+$/.test(text) ? undefined : Number(text);
}
