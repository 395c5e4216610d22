import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { joinHostPort } from "../../ip/address.ts";
import type { Container, Probe } from "../../objects/types.ts";

/** What one try of a probe found. */
export interface ProbeResult {
  readonly ok: boolean;
  /** What the event says after "Readiness probe failed: ". */
  readonly message: string;
}

/** What a probe needs besides its own words. */
export interface ProbeTarget {
  readonly container: Container;
  /** status.podIP: probes go to the primary family only, as the kubelet's do. */
  readonly podIP: string;
  /** Runs a command in the container; resolves with its exit code and output. */
  readonly exec: (command: readonly string[], timeoutMs: number) => Promise<{ code: number; output: string }>;
}

const OK: ProbeResult = { ok: true, message: "" };

/** Tries a probe once, from the node's network, within its timeout. Never rejects. */
export async function tryProbe(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1_000;
  try {
    if (probe.httpGet) return await tryHttp(probe.httpGet, target, timeoutMs);
    if (probe.tcpSocket) return await tryTcp(probe.tcpSocket, target, timeoutMs);
    if (probe.exec) return await tryExec(probe.exec.command ?? [], target, timeoutMs);
    // loaded when first needed, as few pods have one
    if (probe.grpc)
      return await (await import("./grpc-probe.ts")).tryGrpc(probe.grpc, target.podIP, timeoutMs);
    return { ok: false, message: "the probe has no httpGet, tcpSocket, exec or grpc" };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

type HttpGet = NonNullable<Probe["httpGet"]>;

function tryHttp(action: HttpGet, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const host = action.host || target.podIP;
  const port = portOf(action.port, target.container);
  const secure = action.scheme === "HTTPS";
  const path = action.path || "/";
  const url = `${secure ? "https" : "http"}://${joinHostPort(host, port)}${path.startsWith("/") ? path : `/${path}`}`;
  const headers = Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  return new Promise((resolve) => {
    const failed = (why: string) => resolve({ ok: false, message: `Get ${JSON.stringify(url)}: ${why}` });
    const request = (secure ? httpsRequest : httpRequest)(url, {
      agent: false,
      // the kubelet does not check the certificates of probed pods either
      ...(secure ? { rejectUnauthorized: false } : {}),
      headers: { "user-agent": "kube-probe/1.35", accept: "*/*", connection: "close", ...headers },
    });
    const timer = setTimeout(() => {
      failed("context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
      request.destroy();
    }, timeoutMs);
    request.on("response", (response) => {
      clearTimeout(timer);
      response.destroy();
      const code = response.statusCode ?? 0;
      const ok = code >= 200 && code < 400;
      resolve(ok ? OK : { ok: false, message: `HTTP probe failed with statuscode: ${code}` });
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      failed(dialError(error, host, port));
    });
    request.end();
  });
}

type TcpSocket = NonNullable<Probe["tcpSocket"]>;

function tryTcp(action: TcpSocket, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const host = action.host || target.podIP;
  const port = portOf(action.port, target.container);
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (result: ProbeResult) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () =>
      finish({ ok: false, message: `dial tcp ${joinHostPort(host, port)}: i/o timeout` }),
    );
    socket.once("connect", () => finish(OK));
    socket.once("error", (error) => finish({ ok: false, message: dialError(error, host, port) }));
  });
}

async function tryExec(
  command: readonly string[],
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const { code, output } = await target.exec(command, timeoutMs);
  return code === 0 ? OK : { ok: false, message: output.trim() || `command exited with code ${code}` };
}

const GO_ERRORS: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
};

/** Node's error in Go's words, which people know from `kubectl describe`. */
function dialError(error: NodeJS.ErrnoException, host: string, port: number): string {
  const text = GO_ERRORS[error.code ?? ""];
  return text === undefined ? error.message : `dial tcp ${joinHostPort(host, port)}: connect: ${text}`;
}

/** A port by number, or by the name that one of the container's ports has. */
export function portOf(port: number | string, container: Container): number {
  if (typeof port === "number") return port;
  const named = (container.ports ?? []).find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (Number.isInteger(number)) return number;
  throw new Error(
    `couldn't find port ${JSON.stringify(port)} in container ${JSON.stringify(container.name)}`,
  );
}
