import type { IncomingMessage } from "node:http";
import { type Kind, resourcePath } from "../objects/kinds.ts";
import type { KubeObject } from "../objects/types.ts";
import { Backoff, pause } from "./backoff.ts";
import { errorOf, readText, type Transport } from "./transport.ts";

/** One event of a watch. A bookmark carries nothing but a resourceVersion. */
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

/** Which changes are watched, and from when on. */
export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Reports changes after this version; without it, first every object that exists as ADDED. */
  readonly resourceVersion?: string;
  readonly signal?: AbortSignal;
  /** Objects come with their metadata alone (PartialObjectMetadata), where the server can do so. */
  readonly metadataOnly?: boolean;
}

/** The longest line (one object) that a watch takes; etcd's own limit on requests is 1.5 MiB. */
const MAX_LINE = 16 * 1024 * 1024;

/**
 * Seconds after which the server ends a watch, between once and twice this; a dead connection is noticed by
 * then.
 */
const WATCH_SECONDS = 300;

/**
 * Reports the changes of objects, endlessly: where a connection ends or breaks, it goes on with another one
 * from the last version seen, with back-off. Ends when the signal aborts or the caller stops reading.
 * @throws ApiError what the server refuses, 410 (Expired) included: list again then
 */
export async function* watchObjects<T extends KubeObject>(
  transport: Transport,
  kind: Kind,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, void> {
  const { signal } = options;
  const backoff = new Backoff();
  let version = options.resourceVersion;
  while (!signal?.aborted) {
    let message: IncomingMessage | undefined;
    try {
      message = await openWatch(transport, kind, { ...options, resourceVersion: version });
      for await (const event of events<T>(message)) {
        version = event.object.metadata.resourceVersion ?? version;
        backoff.reset();
        yield event;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!isConnectionError(error)) throw error;
    } finally {
      message?.destroy();
    }
    await pause(backoff.next(), signal);
  }
}

async function openWatch(transport: Transport, kind: Kind, options: WatchOptions): Promise<IncomingMessage> {
  const query = new URLSearchParams({ watch: "true", allowWatchBookmarks: "true" });
  query.set("timeoutSeconds", String(Math.floor(WATCH_SECONDS * (1 + Math.random()))));
  for (const name of ["resourceVersion", "labelSelector", "fieldSelector"] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  const path = `${resourcePath(kind, options.namespace)}?${query}`;
  const { signal } = options;
  const headers = acceptOf(options.metadataOnly, "");
  const message = await transport.send("GET", path, { stream: true, headers, ...(signal ? { signal } : {}) });
  if (message.statusCode === 200) return message;
  const body = await readText(message);
  throw errorOf(message.statusCode ?? 0, parseOrText(body));
}

/** The header that asks for metadata alone, or for plain objects of servers that cannot do so. */
export function acceptOf(metadataOnly: boolean | undefined, form: "List" | ""): Record<string, string> {
  if (!metadataOnly) return {};
  const accept = `application/json;as=PartialObjectMetadata${form};g=meta.k8s.io;v=v1,application/json`;
  return { accept };
}

async function* events<T>(message: IncomingMessage): AsyncGenerator<WatchEvent<T>, void, void> {
  for await (const line of lines(message)) {
    const event = JSON.parse(line) as { type: string; object: T };
    if (event.type === "ERROR") throw errorOf(500, event.object);
    yield event as WatchEvent<T>;
  }
}

/** Splits a stream of bytes into lines; a character may lie across two chunks. */
async function* lines(message: IncomingMessage): AsyncGenerator<string, void, void> {
  message.setEncoding("utf8");
  let rest = "";
  for await (const chunk of message as AsyncIterable<string>) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    if (rest.length > MAX_LINE) throw new Error(`a line of the watch is longer than ${MAX_LINE} characters`);
    for (const part of parts) if (part !== "") yield part;
  }
}

function isConnectionError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).code === "string";
}

function parseOrText(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
