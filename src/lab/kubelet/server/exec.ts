import type { ChildProcess } from "node:child_process";
import { readlinkSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { RunningContainer } from "../container.ts";
import { startInContainer } from "../exec.ts";
import { checkProgram } from "../process.ts";
import { childOf, killTree } from "../processes.ts";
import { run } from "../../run.ts";

/** The first byte of every message (k8s.io/apimachinery remotecommand; KEP-4006). */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  handleProtocols: (offered) => PROTOCOLS.find((name) => offered.has(name)) ?? false,
});

export interface ExecRequest {
  readonly kind: "exec" | "attach";
  readonly running: RunningContainer;
  readonly query: URLSearchParams;
}

/** Serves one exec or attach over a WebSocket with the protocols v5 and v4.channel.k8s.io. */
export function serveExec(asked: ExecRequest, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  if (!offered.some((name) => PROTOCOLS.includes(name))) {
    socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on("error", () => client.terminate());
    if (asked.kind === "exec") runCommand(client, asked);
    else attach(client, asked);
  });
}

function runCommand(client: WebSocket, { running, query }: ExecRequest): void {
  const command = query.getAll("command");
  const tty = isSet(query, "tty");
  try {
    checkProgram({ ...running, command });
  } catch (error) {
    finish(
      client,
      failureStatus("InternalError", `error executing command in container: ${(error as Error).message}`),
    );
    return;
  }
  const stdin = isSet(query, "input") ? "pipe" : "ignore";
  const words = tty ? terminalCommand(command) : command;
  const environment = tty ? { TERM: "xterm", ...running.env, SHELL: "/bin/sh" } : running.env;
  const child = startInContainer({ ...running, env: environment }, words, [stdin, "pipe", "pipe"]);
  joinInput(client, child, tty);
  const outputs = [
    passOn(client, CHANNEL.stdout, child.stdout),
    passOn(client, CHANNEL.stderr, child.stderr),
  ];
  client.once("close", () => killTree(child.pid ?? 0));
  child.once("error", (error) => finish(client, failureStatus("InternalError", error.message)));
  child.once("exit", (code, signal) => {
    // a helper that the command left behind may hold the output open: wait for what is on its way only
    const drained = Promise.race([
      Promise.all(outputs),
      new Promise((resolve) => setTimeout(resolve, DRAIN_MS)),
    ]);
    void drained.then(() => finish(client, exitStatus(signal === null ? (code ?? 0) : 137)));
  });
}

const MAX_BUFFERED = 16 * 1024 * 1024;
const DRAIN_MS = 1_000;

/** A terminal comes from `script`, which runs the command on a pty and copies it to its own pipes. */
function terminalCommand(command: readonly string[]): string[] {
  return [
    "/usr/bin/script",
    "-q",
    "-e",
    "-f",
    "-E",
    "always",
    "-c",
    command.map(quote).join(" "),
    "/dev/null",
  ];
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function joinInput(client: WebSocket, child: ChildProcess, tty: boolean): void {
  child.stdin?.on("error", () => {}); // the command does not read; its end tells
  client.on("message", (data: Buffer) => {
    const channel = data[0];
    const payload = data.subarray(1);
    if (channel === CHANNEL.stdin && child.stdin !== null) {
      if (payload.length > 0 && !child.stdin.write(payload)) {
        client.pause();
        child.stdin.once("drain", () => client.resume());
      }
    } else if (channel === CHANNEL.close && payload[0] === CHANNEL.stdin) child.stdin?.end();
    else if (channel === CHANNEL.resize && tty) resize(child, payload);
  });
}

/** Sets the size of the terminal that `script` made: its slave side is the input of script's child. Best effort. */
function resize(child: ChildProcess, payload: Buffer, tries = RESIZE_TRIES): void {
  if (child.exitCode !== null || child.pid === undefined) return;
  const script = childOf(child.pid);
  const shell = script === undefined ? undefined : childOf(script);
  const terminal = shell === undefined ? undefined : terminalOf(shell);
  if (terminal === undefined) {
    // the first size often comes before the terminal is there
    if (tries > 0) setTimeout(() => resize(child, payload, tries - 1), RESIZE_PAUSE_MS);
    return;
  }
  const { Width: columns, Height: rows } = JSON.parse(payload.toString()) as {
    Width: number;
    Height: number;
  };
  const size = ["cols", String(columns), "rows", String(rows)];
  run(["nsenter", `--target=${shell}`, "--mount", "stty", "-F", terminal, ...size]).catch(() => {});
}

const RESIZE_TRIES = 5;
const RESIZE_PAUSE_MS = 50;

function terminalOf(pid: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/${pid}/fd/0`);
    return path.startsWith("/dev/pts/") ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Sends a stream's bytes on a channel, no faster than the client takes them; resolves at the end. */
function passOn(client: WebSocket, channel: number, stream: Readable | null): Promise<void> {
  return new Promise((resolve) => {
    if (stream === null) return resolve();
    stream.on("data", (chunk: Buffer) => {
      stream.pause();
      client.send(Buffer.concat([Buffer.of(channel), chunk]), () => stream.resume());
    });
    stream.once("close", resolve);
  });
}

/** Output from now on; the input of a running container cannot be joined. */
function attach(client: WebSocket, { running }: ExecRequest): void {
  const stop = running.process.onOutput((stream, chunk) => {
    client.send(Buffer.concat([Buffer.of(CHANNEL[stream]), chunk]));
    if (client.bufferedAmount > MAX_BUFFERED) client.terminate(); // it reads too slowly
  });
  client.once("close", stop);
  void running.process.ended.then((end) => finish(client, exitStatus(end.exitCode)));
}

const FAILURE = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" } as const;

function isSet(query: URLSearchParams, name: string): boolean {
  return query.get(name) === "1" || query.get(name) === "true";
}

function exitStatus(code: number): object {
  if (code === 0) return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };
  const details = { causes: [{ reason: "ExitCode", message: String(code) }] };
  const message = `command terminated with non-zero exit code: exit status ${code}`;
  return { ...FAILURE, message, reason: "NonZeroExitCode", details };
}

function failureStatus(reason: string, message: string): object {
  return { ...FAILURE, message, reason, code: 500 };
}

/** The status is the last message; then the connection closes. */
function finish(client: WebSocket, status: object): void {
  if (client.readyState !== client.OPEN) return;
  client.send(Buffer.concat([Buffer.of(CHANNEL.error), Buffer.from(JSON.stringify(status))]));
  client.close(1000);
}
