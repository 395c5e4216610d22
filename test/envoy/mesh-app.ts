/**
 * An application in a pod of a test. Serves HTTP (8081), answering with what it saw as JSON, and TCP (9000), answering
 * `hello TEXT` to a line, over the families given; paths `/reset-once…` end the connection the first time; asks others on request. Requests and answers are lines of JSON; it
 * ends with its standard input. Usage: mesh-app.ts NAME ADDRESS…
 */
import { Agent, createServer as createHttpServer, request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/**
 * A question to somebody. `keep` leaves the connection open under a name; later ones with that name go over it, of HTTP
 * if it is still there: the answer then begins with `again`.
 */
export interface Question {
  readonly id: number;
  readonly kind: "http" | "tcp";
  readonly host: string;
  readonly port: number;
  readonly text?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly keep?: string;
}

/** More than a busy machine needs. */
const PATIENCE_MS = 60_000;

const [name = "app", ...addresses] = process.argv.slice(2);
const kept = new Map<string, Socket>();
const resets = new Set<string>();
const agents = new Map<string, Agent>();

for (const address of addresses) {
  const server = createHttpServer((asked, response) => {
    const { remoteAddress, localAddress } = asked.socket;
    const path = asked.url ?? "";
    if (path.startsWith("/reset-once") && !resets.has(path)) {
      resets.add(path);
      asked.socket.destroy();
      return;
    }
    response.end(
      JSON.stringify({ name, path: asked.url, headers: asked.headers, remoteAddress, localAddress }),
    );
  });
  // sidecars keep connections: one that is closed for its idleness as it is used again is a request that fails
  server.keepAliveTimeout = 0;
  server.listen({ port: 8081, host: address, ipv6Only: true });
  createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) =>
      socket.write(`hello ${data.toString().trim()} from ${name} on ${plain(socket)}`),
    );
  }).listen({ port: 9000, host: address, ipv6Only: true });
  createServer((socket) => {
    socket.on("error", () => {});
    socket.end(`welcome to ${name}`);
  }).listen({ port: 9001, host: address, ipv6Only: true });
}

function plain(socket: Socket): string {
  return (socket.localAddress ?? "").includes(":") ? "IPv6" : "IPv4";
}

async function overTcp({ host, port, text = "", keep }: Question): Promise<string> {
  const known = keep === undefined ? undefined : kept.get(keep);
  const socket = known ?? connect({ host, port });
  if (keep !== undefined) kept.set(keep, socket);
  return new Promise((resolve) => {
    const timer = setTimeout(() => end("timeout"), PATIENCE_MS);
    const end = (answer: string) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on("error", () => {});
      if (keep === undefined) socket.destroy();
      resolve(answer);
    };
    socket.once("data", (data) => end(data.toString()));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once("close", () => end("closed"));
    if (text !== "") socket.write(`${text}\n`);
  });
}

function agentOf(keep: string | undefined): Agent | false {
  if (keep === undefined) return false;
  const agent = agents.get(keep) ?? new Agent({ keepAlive: true, maxSockets: 1 });
  agents.set(keep, agent);
  return agent;
}

async function overHttp(question: Question): Promise<string> {
  const { host, port, path = "/", method = "GET", headers = {}, keep } = question;
  const agent = agentOf(keep);
  return new Promise((resolve) => {
    const asked = request({ host, port, path, method, headers, agent, timeout: PATIENCE_MS }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () =>
        resolve(`${asked.reusedSocket ? "again " : ""}${response.statusCode} ${text}`),
      );
    });
    asked.on("timeout", () => asked.destroy(new Error("timeout")));
    asked.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end();
  });
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const question = JSON.parse(line) as Question;
    const answered = question.kind === "tcp" ? overTcp(question) : overHttp(question);
    void answered.then((answer) => console.log(JSON.stringify({ id: question.id, answer })));
  })
  .on("close", () => process.exit());
console.log(JSON.stringify({ id: 0, answer: "ready" }));
