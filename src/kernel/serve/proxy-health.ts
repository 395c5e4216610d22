/** Whether a node's rules keep up with the cluster: what /healthz and /livez answer. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** An answer of a health endpoint. */
export interface HealthAnswer {
  readonly code: 200 | 503;
  readonly body: string;
}

/**
 * Healthy unless a change has been waiting for longer than the timeout (kube-proxy's
 * pkg/proxy/healthcheck/proxy_health.go); healthy too before the first change. /healthz also asks whether the node is
 * about to go, so that load balancers send no new connections there (KEP-3836); /livez does not.
 */
export class ProxyHealth {
  readonly #timeoutMs: number;
  readonly #now: () => number;
  #lastUpdated: number | undefined;
  #oldestPending: number | undefined;
  /** Set from the Node: it is not being deleted, nor tainted for that by the cluster autoscaler. */
  nodeEligible = true;

  /** @param timeoutMs how long a change may wait; kube-proxy's is twice its sync period */
  constructor(timeoutMs: number, now: () => number = Date.now) {
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  /** A change has come in. */
  queued(): void {
    this.#oldestPending ??= this.#now();
  }

  /** All changes are in force. */
  updated(): void {
    this.#oldestPending = undefined;
    this.#lastUpdated = this.#now();
  }

  get healthy(): boolean {
    if (this.#lastUpdated === undefined || this.#oldestPending === undefined) return true;
    return this.#now() - this.#oldestPending < this.#timeoutMs;
  }

  /** The answer of a path; undefined when there is nothing. */
  answer(path: string): HealthAnswer | undefined {
    if (path !== "/healthz" && path !== "/livez") return undefined;
    const asksNode = path === "/healthz";
    const ok = this.healthy && (!asksNode || this.nodeEligible);
    const currentTime = this.#now();
    const lastUpdated = ok ? currentTime : (this.#lastUpdated ?? 0);
    const node = asksNode ? `, "nodeEligible": ${this.nodeEligible}` : "";
    const times = `"lastUpdated": "${timeText(lastUpdated)}","currentTime": "${timeText(currentTime)}"`;
    return { code: ok ? 200 : 503, body: `{${times}${node}}` };
  }
}

/** Go's time.Time.String, which the real body has: `2026-01-02 03:04:05.006 +0000 UTC`. */
function timeText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().replace("T", " ").replace("Z", "")} +0000 UTC`;
}

/** Serves /healthz and /livez. */
export function serveHealth(
  health: ProxyHealth,
  count: (path: string, code: number) => void,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const path = pathOf(request);
    const answer = health.answer(path);
    if (answer === undefined) return notFound(response);
    count(path, answer.code);
    sendJson(response, answer.code, answer.body);
  };
}

/** The path of a request without its query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?")[0] as string;
}

/** What Go's ServeMux says about a path that it does not know. */
export function notFound(response: ServerResponse): void {
  response.writeHead(404, { "Content-Type": "text/plain; charset=utf-8" }).end("404 page not found\n");
}

/** Sends JSON with the headers of the real endpoints. */
export function sendJson(
  response: ServerResponse,
  code: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const all = { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff", ...headers };
  response.writeHead(code, all).end(body);
}
