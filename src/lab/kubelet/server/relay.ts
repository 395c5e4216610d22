/**
 * The program that port-forward runs in a pod's network namespace, one for each client: it listens on the unix socket
 * of its first argument, dials the pod's loopback for each connection there, and ends with its input. Its second
 * argument is the loopback address to try first.
 *
 * A connection begins with the port in decimal and a line end. The answer is an empty line, or a line that says why
 * not; then the bytes of both sides, each of which may end by itself.
 */
import { connect, createServer, type Socket } from "node:net";

const LOOPBACK = ["127.0.0.1", "::1"];
const [path = "", first = LOOPBACK[0]] = process.argv.slice(2);
const addresses = first === LOOPBACK[0] ? LOOPBACK : [...LOOPBACK].reverse();

function dial(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true }, () => resolve(socket));
    socket.once("error", reject);
  });
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  EADDRNOTAVAIL: "cannot assign requested address",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

function reasonOf(host: string, port: number, error: NodeJS.ErrnoException): string {
  const isV6 = host.includes(":");
  const target = isV6 ? `[${host}]:${port}` : `${host}:${port}`;
  const reason = REASONS[error.code ?? ""] ?? error.message;
  return `${isV6 ? "IPv6" : "IPv4"}: dial ${isV6 ? "tcp6" : "tcp4"} ${target}: connect: ${reason}`;
}

async function dialLoopback(port: number): Promise<Socket> {
  const reasons: string[] = [];
  for (const host of addresses) {
    try {
      return await dial(host, port);
    } catch (error) {
      reasons.push(reasonOf(host, port, error as NodeJS.ErrnoException));
    }
  }
  throw new Error(`failed to connect to localhost:${port} inside the pod's network, ${reasons.join(" ")}`);
}

function join(client: Socket, target: Socket): void {
  target.setNoDelay(true);
  target.on("error", () => client.destroy());
  client.on("error", () => target.destroy());
  target.once("close", () => client.destroySoon());
  client.once("close", () => target.destroy());
  client.pipe(target);
  target.pipe(client);
}

async function serve(client: Socket, port: number, rest: Buffer): Promise<void> {
  try {
    const target = await dialLoopback(port);
    client.removeAllListeners("error");
    if (client.destroyed) return void target.destroy();
    client.write("\n");
    if (rest.length > 0) client.unshift(rest);
    join(client, target);
  } catch (error) {
    client.end(`${(error as Error).message}\n`);
  }
}

const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (client) => {
  let head = Buffer.alloc(0);
  client.on("error", () => client.destroy());
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(10);
    if (end < 0) return;
    client.off("data", onData);
    client.pause();
    void serve(client, Number(head.subarray(0, end)), head.subarray(end + 1));
  };
  client.on("data", onData);
});
server.listen({ path, backlog: 1_024 }, () => process.stdout.write("ready\n"));
process.stdin.resume().on("end", () => process.exit(0));
