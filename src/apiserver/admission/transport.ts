/** How webhooks are reached: HTTPS, by address or as a Service of the cluster. */
import { Agent, request } from "node:https";
import { joinHostPort } from "../../ip/address.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { EndpointSlice, Service } from "../../objects/types.ts";
import type { WebhookClientConfig } from "../../objects/webhooks/types.ts";
import type { Store } from "../../store/contract.ts";
import { keyOf, prefixOf } from "../registry/keys.ts";

/** Answers above this size are refused. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Connections are kept for the next review. */
const IDLE_CONNECTIONS = 16;
/** How a request fails that meets a connection at its end. */
const STALE: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

/** Where a review is sent, and by which name the certificate is checked. */
interface Destination {
  readonly url: URL;
  readonly servername?: string;
}

/** Sends reviews. Connections are shared by all webhooks and end with the server. */
export class WebhookTransport {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS });
  readonly #store: Store<string>;

  constructor(store: Store<string>, closing: AbortSignal) {
    this.#store = store;
    closing.addEventListener("abort", () => this.#agent.destroy(), { once: true });
  }

  /**
   * The answer's text. A Service's endpoints are tried one after the other until one can be connected to.
   * @throws Error in the words of Go's client
   */
  async post(
    config: WebhookClientConfig,
    body: string,
    seconds: number,
    closing: AbortSignal,
  ): Promise<string> {
    const signal = AbortSignal.any([AbortSignal.timeout(seconds * 1000), closing]);
    const destinations = this.#destinations(config, seconds);
    let failure = new Error("no endpoints available");
    for (const destination of destinations) {
      try {
        return await this.#send(destination, config, body, signal);
      } catch (error) {
        failure = asGo(error as Error, config, seconds, signal);
        if (signal.aborted || !isUnreachable(error as Error)) break;
      }
    }
    throw failure;
  }

  #destinations({ url, service }: WebhookClientConfig, seconds: number): Destination[] {
    const timed = (text: string): URL => {
      const result = new URL(text);
      result.searchParams.set("timeout", `${seconds}s`);
      return result;
    };
    if (url !== undefined) return [{ url: timed(url) }];
    const { namespace = "", name = "", port = 443, path = "/" } = service ?? {};
    const servername = `${name}.${namespace}.svc`;
    return endpointsOf(this.#store, namespace, name, port).map((authority) => ({
      url: timed(`https://${authority}${path}`),
      servername,
    }));
  }

  #send(to: Destination, config: WebhookClientConfig, body: string, signal: AbortSignal): Promise<string> {
    const { caBundle } = config;
    return new Promise((resolve, reject) => {
      const call = request(to.url, {
        method: "POST",
        agent: this.#agent,
        signal,
        ...(caBundle ? { ca: Buffer.from(caBundle, "base64") } : {}),
        ...(to.servername && { servername: to.servername }),
        headers: {
          "content-type": "application/json",
          accept: "application/json, */*",
          "content-length": Buffer.byteLength(body),
          ...(to.servername && { host: to.servername }),
        },
      });
      call.once("error", (error: NodeJS.ErrnoException) => {
        // a kept connection that the webhook closed in this moment; a review may be sent twice, as it changes nothing
        if (call.reusedSocket && STALE.has(error.code ?? "")) resolve(this.#send(to, config, body, signal));
        else reject(error);
      });
      call.once("response", (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) response.destroy(new Error("the answer is too long"));
          else chunks.push(chunk);
        });
        response.once("error", reject);
        response.once("end", () => {
          const code = response.statusCode ?? 500;
          if (code < 200 || code > 206) reject(new Refused(code));
          else resolve(Buffer.concat(chunks).toString("utf8"));
        });
      });
      call.end(body);
    });
  }
}

/** An answer that is an HTTP error. */
class Refused extends Error {
  constructor(code: number) {
    super(`an error on the server ("unknown") has prevented the request from succeeding (status ${code})`);
  }
}

/** Ready endpoints of a Service's port, of both families, those of the Service's primary family first. */
function endpointsOf(store: Store<string>, namespace: string, name: string, port: number): string[] {
  const entry = store.get(keyOf(KINDS.Service, namespace, name));
  if (entry === undefined) throw new Error(`service "${name}" not found`);
  const { spec } = JSON.parse(entry.value) as Service;
  const wanted = (spec.ports ?? []).find((each) => each.port === port);
  if (wanted === undefined)
    throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const slices = store
    .range(prefixOf(KINDS.EndpointSlice, namespace))
    .entries.map(({ value }) => JSON.parse(value) as EndpointSlice)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name)
    .sort((a, b) => rank(spec, a) - rank(spec, b));
  return slices.flatMap(({ endpoints, ports }) => {
    const target = (ports ?? []).find((each) => (each.name ?? "") === (wanted.name ?? ""))?.port;
    if (target === undefined) return [];
    const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
    return ready.flatMap(({ addresses }) => addresses.map((address) => joinHostPort(address, target)));
  });
}

function rank({ ipFamilies = [] }: Service["spec"], { addressType }: EndpointSlice): number {
  return addressType === "FQDN" ? 2 : ipFamilies.indexOf(addressType);
}

function isUnreachable(error: Error): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL"].includes(code);
}

/** `Post "https://…?timeout=10s": dial tcp 10.0.0.1:443: connect: connection refused`. */
function asGo(
  error: Error,
  { url, service }: WebhookClientConfig,
  seconds: number,
  signal: AbortSignal,
): Error {
  if (error instanceof Refused) return error;
  const { namespace, name, port = 443, path = "/" } = service ?? {};
  const base = url ?? `https://${name}.${namespace}.svc:${port}${path}`;
  const head = `Post "${base}?timeout=${seconds}s": `;
  return new Error(head + (signal.aborted ? "context deadline exceeded" : reasonOf(error)));
}

function reasonOf(error: Error): string {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const texts: Record<string, string> = {
    ECONNREFUSED: "connection refused",
    EHOSTUNREACH: "no route to host",
    ENETUNREACH: "network is unreachable",
    ETIMEDOUT: "connection timed out",
  };
  const text = texts[code ?? ""];
  if (text !== undefined && address !== undefined && port !== undefined)
    return `dial tcp ${joinHostPort(address, port)}: connect: ${text}`;
  if (code === "ECONNRESET") return "EOF";
  return error.message;
}
