import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { get } from "node:http";
import { isIPv6 } from "node:net";
import { goHostPort } from "./datagrams.ts";

/** The answer of `/dial`: its HTTP status and body. */
export interface DialAnswer {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT_MS = 5_000;

/**
 * `/dial?host=H&port=P&protocol=http|udp&request=R&tries=N`: asks another server N times from here, and tells all
 * answers and errors as JSON `{"responses": […], "errors": […]}`.
 */
export async function dial(query: URLSearchParams): Promise<DialAnswer> {
  const param = (name: string) => query.get(name) ?? "";
  const bad = (body: string): DialAnswer => ({ status: 400, body: `${body}\n` });
  const tries = param("tries") === "" ? 1 : Number(param("tries"));
  if (!Number.isInteger(tries)) {
    return bad(
      `tries parameter is invalid. strconv.Atoi: parsing ${JSON.stringify(param("tries"))}: invalid syntax`,
    );
  }
  const request = param("request");
  if (request === "") return bad("request parameter not specified. <nil>");
  const protocol = param("protocol").toLowerCase();
  if (protocol !== "" && protocol !== "http" && protocol !== "udp") {
    return bad(`unsupported protocol. ${param("protocol")}`);
  }
  const address = await resolve(param("host"), param("port"));
  if (address === undefined) {
    return bad(`host and/or port param are invalid. lookup ${param("host")}: no such host`);
  }
  const dialer = protocol === "udp" ? dialUdp : dialHttp;
  const responses: string[] = [];
  const errors: string[] = [];
  let last = "";
  for (let attempt = 0; attempt < tries; attempt++) {
    last = await dialer(request, address, Number(param("port"))).catch((error: Error) => {
      errors.push(error.message);
      return "";
    });
    if (errors.length + responses.length <= attempt) responses.push(last);
  }
  const body = { ...(errors.length > 0 ? { errors } : {}), ...(last === "" ? {} : { responses }) };
  return { status: 200, body: JSON.stringify(body) };
}

async function resolve(host: string, port: string): Promise<string | undefined> {
  if (!/^\d+$/.test(port)) return undefined;
  return lookup(host.replace(/^\[(.*)\]$/, "$1")).then(
    ({ address }) => address,
    () => undefined,
  );
}

function dialHttp(request: string, address: string, port: number): Promise<string> {
  const url = `http://${goHostPort(address, port)}/${request}`;
  return new Promise((resolve, reject) => {
    const failed = (why: string) => reject(new Error(`Get ${JSON.stringify(url)}: ${why}`));
    const call = get(url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve(body));
      response.on("error", (error) => failed(error.message));
    });
    call.on("timeout", () => call.destroy(new Error("context deadline exceeded")));
    call.on("error", (error) => failed(error.message));
  });
}

function dialUdp(request: string, address: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    const finish = (action: () => void): void => {
      clearTimeout(timer);
      socket.close();
      action();
    };
    const failed = (why: string): void =>
      finish(() => reject(new Error(`reading from udp connection failed. err:'${why}'`)));
    const timer = setTimeout(() => failed(`read udp ${goHostPort(address, port)}: i/o timeout`), TIMEOUT_MS);
    socket.once("error", (error) => failed(error.message));
    socket.once("message", (data) => finish(() => resolve(data.toString())));
    socket.connect(port, address, () => socket.send(request, (error) => error && failed(error.message)));
  });
}
