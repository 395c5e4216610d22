import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { exitOnSignals, listenEverywhere } from "../listen.ts";
import { goHostPort, serveDatagrams } from "./datagrams.ts";
import type { Flags } from "./flags.ts";

/** `serve-hostname [--port 9376] [--http=false --tcp --udp] [--close]`: the host's name to whoever asks. */
export function serveHostname(flags: Flags): void {
  const [tcp, udp] = [flags.boolean("tcp", false), flags.boolean("udp", false)];
  const http = flags.boolean("http", true);
  const port = flags.number("port", 9376);
  if (http && (tcp || udp)) {
    console.error("Can't server TCP/UDP mode and HTTP mode at the same time");
    process.exit(1);
  }
  const name = hostname();
  const listening = () => console.log(`Serving on port ${port}.`);
  exitOnSignals();
  if (tcp) {
    const server = createServer((socket) => {
      console.log(`TCP request from ${goHostPort(socket.remoteAddress ?? "", socket.remotePort ?? 0)}`);
      socket.on("error", () => socket.destroy());
      socket.end(name);
    });
    listenEverywhere(server, port, "dual", listening);
  }
  if (udp) {
    const answer = (_text: string, client: string): string => {
      console.log(`UDP request from ${client}`);
      return name;
    };
    serveDatagrams(port, answer, listening);
  }
  if (!http) return;
  const server = createHttpServer((request, response) => {
    const { remoteAddress = "", remotePort = 0 } = request.socket;
    console.log(`HTTP request from ${goHostPort(remoteAddress, remotePort)}`);
    response.writeHead(200, {
      "content-type": "text/plain; charset=utf-8",
      ...(flags.boolean("close", false) ? { connection: "close" } : {}),
    });
    response.end(name);
  });
  listenEverywhere(server, port, "dual", listening);
}
