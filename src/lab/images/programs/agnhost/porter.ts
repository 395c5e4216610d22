import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { exitOnSignals, listenEverywhere } from "../listen.ts";
import { serveDatagrams } from "./datagrams.ts";
import type { Flags } from "./flags.ts";

/**
 * `porter [--json-response]`: for each SERVE_PORT_N, SERVE_TCP_PORT_N, SERVE_TLS_PORT_N (CERT_FILE, KEY_FILE) and
 * SERVE_UDP_PORT_N of the environment a server on port N that answers with the variable's value.
 */
export function porter(flags: Flags): void {
  exitOnSignals();
  const json = flags.boolean("json-response", false);
  for (const [name, value = ""] of Object.entries(process.env)) {
    const match = /^SERVE_(?:(TCP|UDP|TLS|SCTP)_)?PORT_(\d+)$/.exec(name);
    if (match === null) continue;
    const port = Number(match[2]);
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const body = json ? JSON.stringify({ Method: request.method, Body: value }) : value;
      const type = json ? "application/json" : "text/plain; charset=utf-8";
      response.writeHead(200, { "content-type": type }).end(body);
    };
    const listening = () => console.log(`serving on port ${port}`);
    if (match[1] === "UDP") serveDatagrams(port, () => value, listening);
    else if (match[1] === "SCTP") console.error(`port ${port}: this runtime has no SCTP sockets`);
    else if (match[1] === "TLS")
      listenEverywhere(createTlsServer(certificate(), answer), port, "dual", listening);
    else listenEverywhere(createServer(answer), port, "dual", listening);
  }
}

function certificate(): { cert: Buffer; key: Buffer } {
  const file = (name: string, fallback: string) => readFileSync(process.env[name] || fallback);
  return { cert: file("CERT_FILE", "localhost.crt"), key: file("KEY_FILE", "localhost.key") };
}
