import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { joinHostPort } from "../../ip/address.ts";
import { ApiError, badRequest } from "../../objects/status.ts";
import { admitted } from "../admission/write.ts";
import { authorize } from "../auth/authorize.ts";
import type { User } from "../auth/user.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { ApiContext } from "../context.ts";
import { isTrue, parseResourcePath, type ResourceRequest } from "../http/paths.ts";
import { statusOf } from "../http/replies.ts";
import { type KubeletTarget, kubeletTarget } from "./kubelet.ts";
import { kubeletTls } from "./pods.ts";

const UPGRADED = new Set(["exec", "attach", "portforward"]);
const CONNECT_TIMEOUT_MS = 10_000;

/** Whether a request that asks for an upgrade is one for a pod's stream; all others ignore the wish. */
export function isStreamRequest(request: IncomingMessage): boolean {
  return streamOf(request) !== undefined;
}

function streamOf(request: IncomingMessage): ResourceRequest | undefined {
  try {
    const found = parseResourcePath((request.url ?? "").split("?", 1)[0]!);
    const isStream = found?.group === "" && found.plural === "pods" && UPGRADED.has(found.subresource ?? "");
    return isStream && found.name !== undefined && found.namespace !== undefined ? found : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Joins a client that asks for an upgrade with the pod's kubelet: the request goes on under the kubelet's path, and
 * from then on bytes pass both ways unread, the kubelet's answer included.
 */
export async function passUpgrade(
  context: ApiContext,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on("error", () => socket.destroy());
  request.resume(); // the bytes after the upgrade come only once the (empty) body of a POST has been read
  try {
    const stream = streamOf(request);
    if (stream === undefined) throw badRequest("Upgrade request required");
    const user = authorizeUpgrade(context, stream, request);
    await admitConnection(context, stream, request, user);
    const kubelet = targetOf(context, stream, request);
    await join(context, kubelet, request, socket, head);
  } catch (error) {
    refuse(socket, error, context.log);
  }
}

function targetOf(context: ApiContext, stream: ResourceRequest, request: IncomingMessage): KubeletTarget {
  const query = new URLSearchParams((request.url ?? "").split("?").slice(1).join("?"));
  const place = { namespace: stream.namespace!, name: stream.name!, subresource: stream.subresource! };
  return kubeletTarget(context.store, place, query)!;
}

/** @throws ApiError 401, 403 */
function authorizeUpgrade({ access }: ApiContext, stream: ResourceRequest, request: IncomingMessage): User {
  const [path = "", search = ""] = (request.url ?? "").split("?", 2);
  const { method = "GET" } = request;
  const call = { method, path, query: new URLSearchParams(search), user: access.identify(request) };
  authorize(call, stream, access.authorizer);
  return call.user;
}

/** What the options of a connection are called. */
const OPTION_KINDS: Readonly<Record<string, string>> = {
  exec: "PodExecOptions",
  attach: "PodAttachOptions",
  portforward: "PodPortForwardOptions",
};

/** Asks webhooks about a connection. @throws ApiError */
async function admitConnection(
  context: ApiContext,
  { namespace, name, subresource = "" }: ResourceRequest,
  request: IncomingMessage,
  user: User,
): Promise<void> {
  if (!context.admission.concerns({ kind: KINDS.Pod, operations: ["CONNECT"], subresource })) return;
  const query = new URLSearchParams((request.url ?? "").split("?", 2)[1] ?? "");
  const objectKind = { apiVersion: "v1", kind: OPTION_KINDS[subresource] ?? "PodExecOptions" };
  const options = subresource === "portforward" ? portsOf(query) : streamOptionsOf(query);
  await admitted(context, {
    ...{ operation: "CONNECT", kind: KINDS.Pod, subresource, namespace, name: name!, user, dryRun: false },
    ...{ objectKind, object: { ...objectKind, ...options } as never },
  });
}

function portsOf(query: URLSearchParams): object {
  const ports = query.getAll("ports").flatMap((text) => text.split(",").map(Number));
  return ports.length === 0 ? {} : { ports };
}

function streamOptionsOf(query: URLSearchParams): object {
  const set = ["stdin", "stdout", "stderr", "tty"].filter((name) => isTrue(query.get(name)));
  const command = query.getAll("command");
  const container = query.get("container") ?? "";
  return {
    ...Object.fromEntries(set.map((name) => [name, true])),
    ...(container === "" ? {} : { container }),
    ...(command.length === 0 ? {} : { command }),
  };
}

function join(
  { kubeletClient, closing }: ApiContext,
  kubelet: KubeletTarget,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const upstream = connect({ host: kubelet.host, port: kubelet.port, ...kubeletTls(kubeletClient) });
    const end = (): void => {
      socket.destroy();
      upstream.destroy();
    };
    const timer = setTimeout(() => upstream.destroy(new Error("i/o timeout")), CONNECT_TIMEOUT_MS);
    let joined = false;
    upstream.once("secureConnect", () => {
      joined = true;
      clearTimeout(timer);
      upstream.write(requestHead(kubelet, request));
      if (head.length > 0) upstream.write(head);
      socket.pipe(upstream).pipe(socket);
      resolve();
    });
    upstream.on("error", (error) => {
      if (joined) end();
      else reject(notDialed(kubelet, error));
    });
    upstream.once("close", () => {
      clearTimeout(timer);
      closing.removeEventListener("abort", end);
      if (joined) socket.end();
    });
    socket.once("close", () => upstream.destroy());
    closing.addEventListener("abort", end, { once: true });
  });
}

/**
 * 500: the kubelet did not answer. The command, which may be a long script, is not repeated.
 * Source: UpgradeAwareHandler.DialForUpgrade (apimachinery pkg/util/proxy/upgradeaware.go).
 */
function notDialed({ host, port }: KubeletTarget, error: Error): ApiError {
  const message = `error dialing backend: dial tcp ${joinHostPort(host, port)}: ${error.message}`;
  return new ApiError({ message, code: 500, reason: "InternalError" });
}

/** The request as the kubelet gets it: its own path and host, and none of the client's credentials. */
function requestHead({ host, port, path }: KubeletTarget, request: IncomingMessage): string {
  const lines = [
    `${request.method} ${path} HTTP/1.1`,
    `Host: ${host.includes(":") ? `[${host}]` : host}:${port}`,
  ];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at]!;
    if (/^(host|authorization|cookie)$/i.test(name)) continue;
    lines.push(`${name}: ${request.rawHeaders[at + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function refuse(socket: Duplex, error: unknown, log: (text: string) => void): void {
  const status = statusOf(error, log);
  const body = JSON.stringify(status);
  const head = [
    `HTTP/1.1 ${status.code} ${status.reason ?? "Error"}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
