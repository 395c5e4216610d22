import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Duplex } from "node:stream";
import type { Kubelet } from "../kubelet.ts";
import type { ContainerRunner } from "../container.ts";
import type { PodWorker } from "../pod-worker.ts";
import { HttpError } from "./http-error.ts";
import { serveLogs } from "./logs.ts";
import type { ForwardTarget } from "./port-forward.ts";

/** What the kubelet's server is started with. */
export interface KubeletServerOptions {
  readonly kubelet: Kubelet;
  readonly addresses: readonly string[];
  readonly port: number;
  /** PEM files: the cluster's CA, and this server's own certificate and key. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Serves logs, exec, attach and port-forward to the API server over HTTPS on the node's addresses of both families, under the paths
 * of the real kubelet. Only clients with a certificate of the cluster's CA are let in.
 */
export async function startKubeletServer(options: KubeletServerOptions): Promise<() => void> {
  const tls = {
    ca: readFileSync(options.ca),
    cert: readFileSync(options.cert),
    key: readFileSync(options.key),
    requestCert: true,
    rejectUnauthorized: true,
  };
  const servers = options.addresses.map(() =>
    createServer(tls, (request, response) => answer(options, request, response)),
  );
  for (const server of servers)
    server.on("upgrade", (request, socket, head) => upgrade(options, request, socket, head));
  await Promise.all(
    servers.map((server, index) => listen(server, options.addresses[index] as string, options.port)),
  );
  return () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen({ host, port }, resolve);
  });
}

function answer(options: KubeletServerOptions, request: IncomingMessage, response: ServerResponse): void {
  try {
    const url = new URL(request.url ?? "/", "https://kubelet");
    if (url.pathname === "/healthz") response.end("ok");
    else if (url.pathname.startsWith("/containerLogs/"))
      serveLogs(containerOf(options.kubelet, url), podOf(url), url.searchParams, response);
    else throw new HttpError(404, "404 page not found");
  } catch (error) {
    const code = error instanceof HttpError ? error.code : 500;
    response.writeHead(code, { "content-type": "text/plain; charset=utf-8" }).end((error as Error).message);
  }
}

function upgrade(
  options: KubeletServerOptions,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  socket.on("error", () => socket.destroy());
  request.resume(); // the bytes after the upgrade come only once the (empty) body of a POST has been read
  const refuse = (error: unknown): void => {
    const code = error instanceof HttpError ? error.code : 500;
    const text = (error as Error).message;
    socket.end(
      `HTTP/1.1 ${code} Error\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
    );
  };
  serveUpgrade(options.kubelet, request, socket, head).catch(refuse);
}

/** The modules are loaded when first needed: they are not on the way to a running pod. */
async function serveUpgrade(
  kubelet: Kubelet,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const url = new URL(request.url ?? "/", "https://kubelet");
  const kind = url.pathname.split("/")[1];
  if (kind === "portForward") {
    const target = forwardTarget(workerOf(kubelet, url));
    const { servePortForward } = await import("./port-forward.ts");
    return servePortForward(target, request, socket, head);
  }
  if (kind !== "exec" && kind !== "attach") throw new HttpError(404, "404 page not found");
  const container = containerOf(kubelet, url);
  const { serveCommand } = await import("./commands.ts");
  const running = container.current;
  if (running === undefined)
    throw new HttpError(404, `container not running (${url.pathname.split("/").at(-1)})`);
  serveCommand({ kind, running, query: url.searchParams }, request, socket, head);
}

function forwardTarget(worker: PodWorker): ForwardTarget {
  const { pod, sandboxPid } = worker;
  const { name, uid = "" } = pod.metadata;
  if (sandboxPid === undefined) throw new HttpError(404, `pod ${name} is not running`);
  const loopback = worker.podIPs[0]?.includes(":") ? "::1" : "127.0.0.1";
  return { pod: name, uid, sandboxPid, loopback };
}

/** The pod of a path `/KIND/NAMESPACE/POD…`. */
function workerOf(kubelet: Kubelet, url: URL): PodWorker {
  const [namespace = "", pod = ""] = url.pathname.split("/").slice(2).map(decodeURIComponent);
  const worker = kubelet.worker(namespace, pod);
  if (worker === undefined) throw new HttpError(404, `pod does not exist: ${namespace}/${pod}`);
  return worker;
}

function podOf(url: URL): string {
  return decodeURIComponent(url.pathname.split("/")[3] ?? "");
}

/** The container of a path `/KIND/NAMESPACE/POD/CONTAINER`. */
function containerOf(kubelet: Kubelet, url: URL): ContainerRunner {
  const container = decodeURIComponent(url.pathname.split("/")[4] ?? "");
  const found = workerOf(kubelet, url).container(container);
  if (found === undefined) throw new HttpError(404, `container not found: ${container}`);
  return found;
}
