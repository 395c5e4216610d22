import type { IncomingMessage } from "node:http";
import type { Readable, Writable } from "node:stream";
import { WebSocket } from "ws";
import { KINDS, resourcePath } from "../objects/kinds.ts";
import type { Status } from "../objects/types.ts";
import { errorOf, readText, type Transport } from "./transport.ts";

/** A command, where it runs, and what it is connected to. */
export interface ExecOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  readonly command: readonly string[];
  /** What the command reads; without it, its standard input is empty. */
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly tty?: boolean;
  readonly signal?: AbortSignal;
}

/** The first byte of each message (k8s.io/apimachinery remotecommand/constants.go and KEP-4006). */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/**
 * Runs a command in a container over a WebSocket and resolves with its exit code once all of its output is
 * written to the given streams (which stay open).
 * @throws ApiError when the server refuses or the command cannot be started
 */
export function execInPod(transport: Transport, options: ExecOptions): Promise<number> {
  const { url, options: connection } = transport.webSocket(execPath(options));
  const socket = new WebSocket(url, PROTOCOLS, { ...connection, perMessageDeflate: false });
  return new ExecSession(socket, options).run();
}

function execPath(options: ExecOptions): string {
  const query = new URLSearchParams();
  if (options.container !== undefined) query.set("container", options.container);
  for (const part of options.command) query.append("command", part);
  const tty = options.tty ?? false;
  query.set("stdin", String(options.stdin !== undefined));
  query.set("stdout", String(options.stdout !== undefined));
  // A terminal has one output; the kubelet refuses to separate them.
  query.set("stderr", String(options.stderr !== undefined && !tty));
  query.set("tty", String(tty));
  return `${resourcePath(KINDS.Pod, options.namespace, options.pod, "exec")}?${query}`;
}

class ExecSession {
  readonly #socket: WebSocket;
  readonly #options: ExecOptions;
  #result: Status | undefined;
  #failure: Error | undefined;
  #refusal: Promise<void> | undefined;

  constructor(socket: WebSocket, options: ExecOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  async run(): Promise<number> {
    const socket = this.#socket;
    const abort = (): void => socket.terminate();
    this.#options.signal?.addEventListener("abort", abort, { once: true });
    if (this.#options.signal?.aborted) abort();
    socket.on("open", () => this.#sendInput());
    socket.on("message", (data) => this.#receive(data as Buffer));
    socket.on("unexpected-response", (_request, response) => this.#refuse(response));
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
    await new Promise<void>((resolve) => socket.on("close", () => resolve()));
    this.#options.signal?.removeEventListener("abort", abort);
    this.#options.stdin?.off("data", this.#onInput).off("end", this.#onInputEnd);
    await this.#refusal;
    this.#options.signal?.throwIfAborted();
    return this.#exitCode();
  }

  /** An answer that is no upgrade carries a Status that says why. */
  #refuse(response: IncomingMessage): void {
    this.#refusal = readText(response).then((text) => {
      const body: unknown = text.startsWith("{") ? JSON.parse(text) : text;
      this.#failure = errorOf(response.statusCode ?? 0, body);
      this.#socket.terminate();
    });
  }

  #sendInput(): void {
    this.#options.stdin?.on("data", this.#onInput).on("end", this.#onInputEnd);
  }

  readonly #onInput = (chunk: Buffer | string): void => {
    const { stdin } = this.#options;
    stdin?.pause();
    this.#socket.send(Buffer.concat([Buffer.of(CHANNEL.stdin), Buffer.from(chunk)]), () => stdin?.resume());
  };

  /** Only version 5 of the protocol can say that the input has ended. */
  readonly #onInputEnd = (): void => {
    if (this.#socket.protocol === PROTOCOLS[0]) this.#socket.send(Buffer.of(CHANNEL.close, CHANNEL.stdin));
  };

  #receive(data: Buffer): void {
    const payload = data.subarray(1);
    if (data[0] === CHANNEL.stdout) this.#write(this.#options.stdout, payload);
    else if (data[0] === CHANNEL.stderr) this.#write(this.#options.stderr, payload);
    else if (data[0] === CHANNEL.error && payload.length > 0) {
      this.#result = JSON.parse(payload.toString("utf8")) as Status;
      // The status is the last that comes; a server that leaves the closing to us would wait for ever.
      this.#socket.close(1000);
    }
  }

  /** Reads no further while the sink is full. */
  #write(sink: Writable | undefined, payload: Buffer): void {
    if (sink === undefined || payload.length === 0 || sink.write(payload)) return;
    this.#socket.pause();
    sink.once("drain", () => this.#socket.resume());
  }

  #exitCode(): number {
    if (this.#result === undefined) {
      throw this.#failure ?? new Error("the connection ended before the command's exit code came");
    }
    if (this.#result.status === "Success") return 0;
    const cause = this.#result.details?.causes?.find((item) => item.reason === "ExitCode");
    if (this.#result.reason === "NonZeroExitCode" && cause?.message !== undefined)
      return Number(cause.message);
    throw errorOf(500, this.#result);
  }
}
