import type { Readable } from "node:stream";
import { KINDS, resourcePath } from "../objects/kinds.ts";
import { errorOf, readText, type Transport } from "./transport.ts";

/** Whose log is read, and which part of it. */
export interface LogOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  /** Goes on with what is written later, until the container ends. */
  readonly follow?: boolean;
  readonly tailLines?: number;
  /** The run of the container before its last restart. */
  readonly previous?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Opens the log of a container.
 * @throws ApiError when the server refuses, as for a pod that does not exist or has not started
 */
export async function openLogs(transport: Transport, options: LogOptions): Promise<Readable> {
  const query = new URLSearchParams();
  for (const name of ["container", "follow", "tailLines", "previous"] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, String(value));
  }
  const path = `${resourcePath(KINDS.Pod, options.namespace, options.pod, "log")}?${query}`;
  const { signal } = options;
  const headers = { accept: "*/*" };
  const message = await transport.send("GET", path, { stream: true, headers, ...(signal ? { signal } : {}) });
  if (message.statusCode === 200) return message;
  const text = await readText(message);
  throw errorOf(message.statusCode ?? 0, text.startsWith("{") ? JSON.parse(text) : text);
}
