import { connect as connectHttp2, constants } from "node:http2";
import { joinHostPort } from "../../ip/address.ts";
import type { ProbeResult } from "./probe.ts";

/** What a gRPC probe asks: grpc.health.v1.Health/Check of one service on a port. */
export interface GrpcAction {
  readonly port: number;
  readonly service?: string;
}

const PATH = "/grpc.health.v1.Health/Check";
const SERVING = 1;
const STATES: Record<number, string> = { 0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN" };
const UNIMPLEMENTED = "12";
const MAX_ANSWER = 4_096;

/** Asks a server for its health over gRPC without TLS (pkg/probe/grpc of Kubernetes). Never rejects. */
export function tryGrpc(
  { port, service = "" }: GrpcAction,
  host: string,
  timeoutMs: number,
): Promise<ProbeResult> {
  const address = joinHostPort(host, port);
  return new Promise((resolve) => {
    const session = connectHttp2(`http://${address}`);
    const finish = (result: ProbeResult): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    const fail = (message: string): void => finish({ ok: false, message });
    const timer = setTimeout(() => {
      const what = session.connecting ? "failed to connect service" : "health rpc of";
      fail(`timeout: ${what} ${JSON.stringify(address)} did not complete within ${timeoutMs / 1_000}s`);
    }, timeoutMs);
    // told to the session and to the stream, in either order
    const failed = (error: Error): void =>
      fail(`error: failed to connect service ${JSON.stringify(address)}: ${error.message}`);
    session.on("error", failed);
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      "content-type": "application/grpc",
      "user-agent": "kube-probe/1.35",
      te: "trailers",
    });
    let body = Buffer.alloc(0);
    let status = "";
    const noteStatus = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] !== undefined) status = String(headers["grpc-status"]);
    };
    stream.on("response", noteStatus);
    stream.on("trailers", noteStatus);
    stream.on("data", (chunk: Buffer) => {
      body = Buffer.concat([body, chunk]);
      if (body.length > MAX_ANSWER) stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on("error", failed);
    stream.on("close", () => finish(verdictOf(status, body, address)));
    stream.end(healthRequest(service));
  });
}

function verdictOf(status: string, body: Buffer, address: string): ProbeResult {
  if (status === UNIMPLEMENTED)
    return { ok: false, message: `error: this server does not implement the grpc health protocol (${PATH})` };
  if (status !== "0")
    return { ok: false, message: `error: health rpc to ${address} ended with status ${status || "none"}` };
  const state = stateOf(body);
  if (state === SERVING) return { ok: true, message: "" };
  return {
    ok: false,
    message: `service unhealthy (responded with ${JSON.stringify(STATES[state] ?? String(state))})`,
  };
}

/** A gRPC message with HealthCheckRequest{service = 1}: a flag, the length in four bytes, the protobuf. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}

/** HealthCheckResponse{status = 1}, a varint; a field that is not there is 0. */
function stateOf(body: Buffer): number {
  const message = body.subarray(5);
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}
