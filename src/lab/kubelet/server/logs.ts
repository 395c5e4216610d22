import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { ContainerRunner } from "../container.ts";
import { type LogFile, type LogQuery, readLog, selectLog } from "../log-file.ts";
import { LogTail } from "../log-tail.ts";

/**
 * Serves a container's log with the kubelet's parameters: follow, previous, tailLines, sinceSeconds, sinceTime,
 * timestamps, limitBytes.
 */
export function serveLogs(
  container: ContainerRunner,
  pod: string,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const previous = query.get("previous") === "true";
  const log = container.log(previous);
  response.writeHead(log === undefined ? 400 : 200, { "content-type": "text/plain; charset=utf-8" });
  if (log === undefined) {
    response.end(missingLog(container, pod, previous));
    return;
  }
  const writer = new LogWriter(response, numberOf(query, "limitBytes"));
  if (query.get("follow") === "true") void followLog(log, queryOf(query), writer, response);
  else {
    writer.write(selectLog(readLog(log.path), queryOf(query)));
    response.end();
  }
}

/** Why there is no log, in the kubelet's words (pkg/kubelet/kubelet_pods.go: validateContainerLogStatus). */
function missingLog({ spec, facts }: ContainerRunner, pod: string, previous: boolean): string {
  const where = `container ${JSON.stringify(spec.name)} in pod ${JSON.stringify(pod)}`;
  if (previous) return `previous terminated ${where} not found`;
  const reason = facts.state.waiting?.reason;
  return reason === undefined ? `${where} is not available` : `${where} is waiting to start: ${reason}`;
}

/** Writes until a limit of bytes is reached. */
class LogWriter {
  readonly #response: ServerResponse;
  #left: number;

  constructor(response: ServerResponse, limit: number | undefined) {
    this.#response = response;
    this.#left = limit ?? Number.POSITIVE_INFINITY;
  }

  /** Whether nothing more will be sent. */
  get over(): boolean {
    return this.#left <= 0 || this.#response.destroyed;
  }

  write(text: string): void {
    if (text === "" || this.over) return;
    const bytes = Buffer.from(text);
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= part.length;
    this.#response.write(part);
    if (this.#left <= 0) this.#response.end();
  }
}

/**
 * Sends what is there and what is added until the container's run ends or the reader goes, no faster than it reads.
 */
async function followLog(
  log: LogFile,
  query: LogQuery,
  writer: LogWriter,
  response: ServerResponse,
): Promise<void> {
  const tail = new LogTail(log);
  response.once("close", () => tail.close());
  response.flushHeaders();
  let first = true;
  for await (const entries of tail) {
    // how much of the past is wanted concerns only what was there at first
    writer.write(selectLog(entries, first ? query : { timestamps: query.timestamps ?? false }));
    first = false;
    if (writer.over) break;
    if (response.writableNeedDrain) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  tail.close();
  response.end();
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
