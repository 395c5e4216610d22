/**
 * The image tcp-echo: `tcp-echo [--ipv4|--ipv6] PORTS PREFIX`, ports separated by commas. It answers every line with
 * the prefix, a blank and the line, and closes when the client does; one socket a port serves both families. With
 * `--proxy-protocol=VERSION --trusted=CIDR,CIDR` (see client.ts) it first says whose connection the PROXY header names.
 */
import { createServer, type Socket } from "node:net";
import { joinHostPort } from "../../../ip/address.ts";
import { clientOf, proxyOptions, withClient } from "./client.ts";
import { type Binding, exitOnSignals, listenEverywhere } from "./listen.ts";

const MAX_LINE = 64 * 1024;

function serve(socket: Socket, prefix: string): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    const answer = lines.map((line) => `${prefix} ${line}\n`).join("");
    if (answer !== "" && !socket.write(answer)) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
    if (rest.length > MAX_LINE) socket.destroy();
  });
  socket.on("end", () => socket.end());
}

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const [ports = "9000", prefix = "hello"] = process.argv
  .slice(2)
  .filter((argument) => !argument.startsWith("--"));
const binding: Binding = flags.includes("--ipv4") ? "IPv4" : flags.includes("--ipv6") ? "IPv6" : "dual";
const flagValue = (name: string) =>
  flags.find((flag) => flag.startsWith(`--${name}=`))?.slice(name.length + 3);
const proxy = proxyOptions(flagValue("proxy-protocol"), flagValue("trusted"));

function greet(socket: Socket): void {
  const { address, port, family } = clientOf(socket);
  socket.write(`client ${joinHostPort(address, port)} ${family}\n`);
  serve(socket, prefix);
}

exitOnSignals();
for (const text of ports.split(",")) {
  const port = Number(text);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    proxy === undefined ? serve(socket, prefix) : withClient(socket, proxy, () => greet(socket)),
  );
  listenEverywhere(server, port, binding, () => console.log(`listening on port ${port}, ${binding}`));
}
