import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { hostname } from "node:os";
import { exitOnSignals, listenEverywhere } from "../listen.ts";
import { goHostPort, serveDatagrams } from "./datagrams.ts";
import { type Flags, parseDuration } from "./flags.ts";

type Handler = (query: URLSearchParams, request: IncomingMessage, response: ServerResponse) => unknown;

let ready = false;
let server: Server;

/**
 * `netexec [--http-port 8080] [--udp-port 8081] [--udp-listen-addresses=A,…] [--tls-cert-file --tls-private-key-file]
 * [--http-override=/path]`: an HTTP(S) and a UDP server that tell who they are and who asks, and do what they are told.
 */
export async function netexec(flags: Flags): Promise<void> {
  exitOnSignals();
  const udpPort = flags.number("udp-port", 8081);
  if (udpPort !== -1) serveCommands(udpPort, flags.text("udp-listen-addresses", ""));
  if (flags.number("sctp-port", -1) !== -1) console.error("this runtime has no SCTP sockets");
  const override = flags.text("http-override", "");
  const answer = (request: IncomingMessage, response: ServerResponse) => route(override, request, response);
  server = await makeServer(flags, answer);
  const port = flags.number("http-port", 8080);
  listenEverywhere(server, port, "dual", () => console.log(`Started HTTP server on port ${port}`));
}

async function makeServer(flags: Flags, answer: Parameters<typeof createServer>[1]): Promise<Server> {
  const certificate = flags.text("tls-cert-file", "");
  if (certificate === "") return createServer(answer);
  const https = await import("node:https");
  const files = {
    cert: readFileSync(certificate),
    key: readFileSync(flags.text("tls-private-key-file", "")),
  };
  return https.createServer(files, answer);
}

function serveCommands(port: number, addresses: string): void {
  // The suite names a pod's primary address twice: as HOST_IP and among POD_IPS.
  for (const address of addresses === "" ? ["::"] : new Set(addresses.split(","))) {
    const listening = (): void => {
      ready = true;
      console.log(`Started UDP server on port ${address === "::" ? "" : address} ${port}`);
    };
    serveDatagrams(port, commandAnswer, listening, address);
  }
}

/** The UDP server's commands: hostname, echo MESSAGE, clientip. */
function commandAnswer(text: string, client: string): string | undefined {
  const command = text.trim().toLowerCase();
  if (command === "hostname") return hostname();
  if (command.startsWith("echo ")) return command.slice("echo ".length);
  if (command === "clientip") return client;
  if (command !== "") console.log(`Unknown UDP command received from ${client}: ${command}`);
  return undefined;
}

const HANDLERS: Record<string, Handler> = {
  "/": (_query, _request, response) => say(response, `NOW: ${new Date().toISOString()}`),
  "/clientip": (_query, request, response) =>
    say(response, goHostPort(request.socket.remoteAddress ?? "", request.socket.remotePort ?? 0)),
  "/hostname": (_query, _request, response) => say(response, hostname()),
  "/hostName": (_query, _request, response) => say(response, hostname()),
  "/healthz": (_query, _request, response) => response.writeHead(ready ? 200 : 412).end(),
  "/header": (query, request, response) =>
    say(response, [request.headers[(query.get("key") ?? "").toLowerCase()] ?? ""].flat().join(",")),
  "/echo": echo,
  "/redirect": redirect,
  "/shell": shell,
  "/dial": dialHandler,
  "/exit": exit,
  "/shutdown": () => process.exit(0),
};

function route(override: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(override || (request.url ?? "/"), "http://netexec");
  console.log(`GET ${url.pathname}${url.search}`);
  (HANDLERS[url.pathname] ?? (HANDLERS["/"] as Handler))(url.searchParams, request, response);
}

function say(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(text);
}

function echo(query: URLSearchParams, _request: IncomingMessage, response: ServerResponse): void {
  const code = query.get("code") ?? "";
  if (code !== "" && !/^\d{3}$/.test(code)) {
    say(response, `argument 'code' must be an integer or empty, got ${JSON.stringify(code)}\n`);
    return;
  }
  say(response, query.get("msg") ?? "", code === "" ? 200 : Number(code));
}

function redirect(query: URLSearchParams, _request: IncomingMessage, response: ServerResponse): void {
  const code = Number(query.get("code") || 302);
  response.writeHead(code, { location: query.get("location") ?? "/" }).end();
}

async function shell(
  query: URLSearchParams,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { spawn } = await import("node:child_process");
  const command = query.get("shellCommand") || query.get("cmd") || "";
  const child = spawn("/bin/sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
  const finish = (error: string): void =>
    say(response, JSON.stringify({ ...(error && { error }), ...(output && { output }) }));
  child.once("error", (error) => finish(error.message));
  child.once("close", (code, signal) =>
    finish(code === 0 ? "" : signal ? `signal: ${signal}` : `exit status ${code}`),
  );
}

async function dialHandler(
  query: URLSearchParams,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { dial } = await import("./dial.ts");
  const { status, body } = await dial(query);
  say(response, body, status);
}

/** `/exit?code=C&wait=DURATION&timeout=DURATION`: without a timeout at once, with one connections may end first. */
function exit(query: URLSearchParams, _request: IncomingMessage, response: ServerResponse): void {
  const [code, wait, timeout] = ["code", "wait", "timeout"].map((name) => query.get(name) ?? "") as [
    string,
    string,
    string,
  ];
  const durations = [wait, timeout].map((text) => (text === "" ? 0 : parseDuration(text)));
  const wrong = durations.indexOf(undefined);
  if (wrong >= 0) {
    const name = wrong === 0 ? "wait" : "timeout";
    const got = JSON.stringify(wrong === 0 ? wait : timeout);
    say(response, `argument '${name}' must be a valid golang duration or empty, got ${got}\n`);
    return;
  }
  const [waitMs = 0, timeoutMs = 0] = durations;
  const status = Number(code) || 0;
  setTimeout(() => {
    if (timeoutMs === 0) process.exit(status);
    setTimeout(() => process.exit(status), timeoutMs);
    server.close(() => process.exit(status));
    response.end();
  }, waitMs);
}
