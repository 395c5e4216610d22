/**
 * A small nc, for hosts without one: `nc [-4|-6] [-z] [-v] [-u] [-l] [-w SECONDS] [HOST] PORT`. At the end of its input
 * it closes its side, and ends when the other side has closed too.
 */
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";

const options = new Set<string>();
const operands: string[] = [];
let seconds = 0;
const argv = process.argv.slice(2);
for (let i = 0; i < argv.length; i++) {
  const argument = argv[i] as string;
  if (!argument.startsWith("-")) operands.push(argument);
  else
    for (const letter of argument.slice(1)) {
      options.add(letter);
      if (letter === "w" || letter === "p") {
        const value = Number(argv[++i]);
        if (letter === "w") seconds = value;
        else operands.push(String(value));
      }
    }
}
const port = Number(operands.at(-1));
const host = operands.length > 1 ? (operands[0] as string) : "localhost";
const family = options.has("4") ? 4 : options.has("6") ? 6 : 0;

function say(text: string): void {
  if (options.has("v")) console.error(text);
}

function fail(text: string): never {
  say(`nc: ${text}`);
  process.exit(1);
}

function join(socket: Socket): void {
  if (seconds > 0) socket.setTimeout(seconds * 1000, () => process.exit(1));
  socket.on("error", (error) => fail(error.message));
  socket.pipe(process.stdout);
  process.stdin.pipe(socket);
  socket.on("close", () => process.exit(0));
}

function datagrams(): void {
  const socket = createSocket(family === 6 || host.includes(":") ? "udp6" : "udp4");
  socket.on("message", (message) => process.stdout.write(message));
  socket.on("error", (error) => fail(error.message));
  let last = setTimeout(() => {}, 0);
  const idle = (): void => {
    clearTimeout(last);
    last = setTimeout(() => process.exit(0), (seconds || 1) * 1000);
  };
  socket.on("message", idle);
  process.stdin.on("data", (chunk) => socket.send(chunk, port, host));
  process.stdin.on("end", idle);
}

if (!(port > 0)) fail("usage: nc [-46zvul] [-w seconds] [host] port");
if (options.has("l")) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    server.close();
    join(socket);
  });
  server.listen({ port, host: family === 4 ? "0.0.0.0" : "::", ipv6Only: family === 6 });
} else if (options.has("u")) datagrams();
else {
  const socket = connect({ port, host, family, allowHalfOpen: true }, () => {
    say(`Connection to ${host} ${port} port succeeded!`);
    if (options.has("z")) process.exit(0);
    join(socket);
  });
  if (seconds > 0) socket.setTimeout(seconds * 1000, () => fail("timed out"));
  socket.once("error", (error) => fail(`connect to ${host} port ${port} failed: ${error.message}`));
}
