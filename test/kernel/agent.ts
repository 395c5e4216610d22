/**
 * Runs inside a network namespace of a test: serves TCP and UDP (over both families) on the ports given, answering with
 * its name and the client's address, and makes connections on request. Requests and results are lines of JSON; it ends
 * with its standard input. Usage: agent.ts NAME PORT…
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

/** Make `count` connections (or send so many datagrams, each from a new port unless one is given). */
export interface Request {
  readonly id: number;
  readonly protocol: "tcp" | "udp";
  readonly host: string;
  readonly port: number;
  readonly count: number;
  readonly fromPort?: number;
  readonly timeoutMs?: number;
}

const [name = "agent", ...ports] = process.argv.slice(2);

const listening: Promise<unknown>[] = [];
for (const port of ports.map(Number)) {
  const tcp = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(`${name} ${plain(socket.remoteAddress ?? "")}`);
  }).listen(port, "::");
  const udp = createSocket("udp6");
  udp.on("message", (_, from) => udp.send(`${name} ${plain(from.address)}`, from.port, from.address));
  udp.bind(port, "::");
  listening.push(once(tcp, "listening"), once(udp, "listening"));
}

function plain(address: string): string {
  return address.replace(/^::ffff:/, "");
}

/** Long enough for a busy machine; whoever expects silence asks with less. */
const PATIENCE_MS = 60_000;

function overTcp({ host, port, fromPort, timeoutMs = PATIENCE_MS }: Request): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(fromPort && { localPort: fromPort }) });
    let text = "";
    socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error(), { code: "TIMEOUT" })));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on("end", () => {
      resolve(text);
      socket.destroy();
    });
  });
}

function overUdp({ host, port, fromPort, timeoutMs = PATIENCE_MS }: Request): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const finish = (text: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(text);
    };
    const timer = setTimeout(() => finish("TIMEOUT"), timeoutMs);
    socket.once("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    socket.once("message", (message) => finish(message.toString()));
    // Connected, because only then the kernel reports that a port is closed.
    const send = () => socket.connect(port, host, () => socket.send("?"));
    if (fromPort) socket.bind(fromPort, send);
    else send();
  });
}

async function serve(request: Request): Promise<void> {
  const once = request.protocol === "tcp" ? overTcp : overUdp;
  const answers = await Promise.all(Array.from({ length: request.count }, () => once(request)));
  process.stdout.write(`${JSON.stringify({ id: request.id, answers })}\n`);
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void serve(JSON.parse(line) as Request));
lines.on("close", () => process.exit(0));
await Promise.all(listening);
process.stdout.write(`${JSON.stringify({ id: 0, answers: [] })}\n`);
