/**
 * The image http-echo: `http-echo [-listen=ADDRESS:PORT] -text=TEXT [-status-code=N]` answers every request with the
 * text (default: the pod's name), and `/health` with `{"status":"ok"}`. Without an address it serves both families, or
 * with `-bind=IPv4` or `-bind=IPv6` one alone. The headers `x-client-address` and `x-client-family` say where the
 * connection came from: what its PROXY header says, with `-proxy-protocol=VERSION -trusted=CIDR,CIDR` (see client.ts).
 */
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { hostname } from "node:os";
import { clientOf, proxyOptions, withClient } from "./client.ts";
import { type Binding, exitOnSignals, listenEverywhere } from "./listen.ts";

/** Flags as Go's flag package takes them: one or two dashes, `-name=value` or `-name value`. */
function parseFlags(argv: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  for (let i = 0; i < argv.length; i++) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/s.exec(argv[i] as string);
    if (match) flags[match[1] as string] = match[2] ?? argv[++i] ?? "";
  }
  return flags;
}

const flags = parseFlags(process.argv.slice(2));
const listen = flags["listen"] ?? ":5678";
const colon = listen.lastIndexOf(":");
const address = listen.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
const port = Number(listen.slice(colon + 1));
const text = flags["text"] ?? hostname();
const status = Number(flags["status-code"] ?? 200);
const binding = (["IPv4", "IPv6"] as const satisfies readonly Binding[]).find((one) => one === flags["bind"]);

const http = createServer((request, response) => {
  const health = request.url === "/health";
  response.writeHead(health ? 200 : status, {
    "content-type": health ? "application/json; charset=utf-8" : "text/plain; charset=utf-8",
    "x-app-name": "http-echo",
    "x-client-address": clientOf(request.socket).address,
    "x-client-family": clientOf(request.socket).family,
  });
  response.end(health ? '{"status":"ok"}\n' : `${text}\n`);
});
const proxy = proxyOptions(flags["proxy-protocol"], flags["trusted"]);
const server =
  proxy === undefined
    ? http
    : createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        withClient(socket, proxy, () => http.emit("connection", socket)),
      );
exitOnSignals();
const onListening = () => console.log(`[INFO] server is listening on ${listen}`);
if (address === "") listenEverywhere(server, port, binding ?? "dual", onListening);
else server.listen(port, address, onListening);
