import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { ConnectionOptions } from "node:tls";
import { internalError } from "../objects/status.ts";
import { ApiError } from "../objects/status.ts";
import type { Status } from "../objects/types.ts";
import type { ClusterConfig } from "./config.ts";

/** At most so many requests at once; further ones wait. Streams (watches, logs) do not count. */
const MAX_SOCKETS = 64;

/** What a request may carry beside its method and path. */
export interface SendOptions {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Whether the answer is an endless stream, which gets a connection of its own. */
  readonly stream?: boolean;
}

/** HTTP(S) to one API server, over connections that are kept open between requests. */
export class Transport {
  readonly #base: URL;
  readonly #secure: boolean;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tls: ConnectionOptions;
  readonly #requests: HttpAgent | HttpsAgent;
  readonly #streams: HttpAgent | HttpsAgent;

  constructor(config: ClusterConfig) {
    this.#base = new URL(config.server);
    this.#secure = this.#base.protocol === "https:";
    this.#headers = authorization(config);
    this.#tls = tlsOptions(config);
    const kept = { keepAlive: true, scheduling: "lifo" as const, maxSockets: MAX_SOCKETS };
    this.#requests = this.#secure ? new HttpsAgent({ ...kept, ...this.#tls }) : new HttpAgent(kept);
    this.#streams = this.#secure ? new HttpsAgent({ keepAlive: false, ...this.#tls }) : new HttpAgent();
  }

  /** The URL of a path for a WebSocket, and the options that sign it in. */
  webSocket(path: string): { url: string; options: ConnectionOptions & { headers: Record<string, string> } } {
    const url = new URL(this.#pathOf(path), this.#base);
    url.protocol = this.#secure ? "wss:" : "ws:";
    return { url: url.href, options: { ...this.#tls, headers: { ...this.#headers } } };
  }

  /**
   * Sends a request and resolves with the answer's head; its body is the caller's to read or destroy. A GET
   * that meets a kept connection at the moment the server closes it is sent once more.
   */
  async send(method: string, path: string, options: SendOptions = {}): Promise<IncomingMessage> {
    try {
      return await this.#sendOnce(method, path, options);
    } catch (error) {
      if (method === "GET" && error instanceof StaleConnection) return this.#sendOnce(method, path, options);
      throw error instanceof StaleConnection ? error.cause : error;
    }
  }

  #sendOnce(method: string, path: string, options: SendOptions): Promise<IncomingMessage> {
    const { body, signal } = options;
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const send = this.#secure ? httpsRequest : httpRequest;
      const request: ClientRequest = send(
        new URL(this.#pathOf(path), this.#base),
        {
          method,
          agent: options.stream ? this.#streams : this.#requests,
          headers: { accept: "application/json", ...this.#headers, ...length, ...options.headers },
          ...(signal === undefined ? {} : { signal }),
        },
        resolve,
      );
      request.setNoDelay(true);
      request.on("error", (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        reject(stale ? new StaleConnection(error) : error);
      });
      request.end(body);
    });
  }

  #pathOf(path: string): string {
    return this.#base.pathname.replace(/\/+$/, "") + path;
  }

  /** Closes kept connections; requests that are under way fail. */
  close(): void {
    this.#requests.destroy();
    this.#streams.destroy();
  }
}

class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function authorization(config: ClusterConfig): Record<string, string> {
  if (config.token !== undefined) return { authorization: `Bearer ${config.token}` };
  if (config.username === undefined) return {};
  const pair = Buffer.from(`${config.username}:${config.password ?? ""}`).toString("base64");
  return { authorization: `Basic ${pair}` };
}

function tlsOptions(config: ClusterConfig): ConnectionOptions {
  return {
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(config.cert === undefined ? {} : { cert: config.cert }),
    ...(config.key === undefined ? {} : { key: config.key }),
    ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
    ...(config.insecureSkipTlsVerify ? { rejectUnauthorized: false } : {}),
  };
}

/** Reads a whole body as text. */
export async function readText(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** The error that an answer stands for: its Status, or what there is instead of one. */
export function errorOf(code: number, body: unknown): ApiError {
  const status = body as Partial<Status> | undefined;
  if (status?.kind === "Status") return new ApiError({ ...status, code: status.code ?? code });
  const text = typeof body === "string" ? body.trim() : JSON.stringify(body);
  if (code >= 500) return internalError(`the server answered ${code}: ${text}`);
  return new ApiError({ message: `the server answered ${code}: ${text}`, reason: "Unknown", code });
}
