/** The kernel part of a node, whole: the rules, its health-check node ports, its health and its metrics. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { UserError } from "../../errors/user-error.ts";
import type { Family } from "../../ip/family.ts";
import { healthCheckOf } from "../health.ts";
import { type Kernel, type KernelOptions, startKernel } from "../index.ts";
import { HealthChecks } from "./health-checks.ts";
import { hostsOf, type ListenAddress, type Listening, listenOn } from "./listen.ts";
import { KernelMetrics } from "./metrics.ts";
import { notFound, pathOf, ProxyHealth, serveHealth } from "./proxy-health.ts";

/** How the kernel part runs on a node, and where it is asked for its health. */
export interface NodeKernelOptions extends KernelOptions {
  /** Where /healthz and /livez are served; see {@link hostsOf} for what one address stands for. Undefined: nowhere. */
  readonly healthz?: ListenAddress;
  /** Where /metrics (and /healthz, and /proxyMode) are served. Undefined: nowhere. */
  readonly metrics?: ListenAddress;
  /** What listens must work, or the start fails; otherwise it is only reported (--bind-address-hard-fail). */
  readonly hardFail?: boolean;
  /** What /proxyMode answers; `nftables`, as kube-proxy's name for this way is. */
  readonly proxyMode?: string;
}

/** The kernel part of a node, with its health and metrics. */
export interface NodeKernel extends Kernel {
  readonly health: ProxyHealth;
  readonly metrics: KernelMetrics;
  /** Where health and metrics are served. */
  readonly addresses: {
    readonly healthz: readonly ListenAddress[];
    readonly metrics: readonly ListenAddress[];
  };
}

/** kube-proxy's: twice its sync period of 30 s. */
const HEALTH_TIMEOUT_MS = 60_000;
const REOPEN_MS = 30_000;

/**
 * Starts it all; what it opens closes when the signal aborts. The rules stay.
 * @throws UserError when an address cannot be listened on and `hardFail` is set
 */
export async function startNodeKernel(options: NodeKernelOptions): Promise<NodeKernel> {
  const { source, signal, onSync, onError } = options;
  const health = new ProxyHealth(HEALTH_TIMEOUT_MS);
  const metrics = new KernelMetrics();
  let { facts } = options;
  const checks = new HealthChecks({
    facts: () => facts,
    proxyHealthy: () => health.healthy,
    onError: (error) => onError?.(error),
  });
  const check = (key: string) => {
    const frontend = source.get(key);
    void checks.set(key, frontend && healthCheckOf(frontend, facts));
  };
  const checkAll = () => {
    for (const key of source.keys()) check(key);
    void checks.retry();
  };
  const stop = source.onChange((keys) => {
    health.queued();
    metrics.queued();
    for (const key of keys) check(key);
  });
  checkAll();
  const reopen = setInterval(() => void checks.retry(), REOPEN_MS);
  reopen.unref();
  const listening = await serve(options, health, metrics);
  const end = () => {
    stop();
    clearInterval(reopen);
    void checks.close();
    for (const one of [listening.healthz, listening.metrics]) void one?.close();
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  const kernel = startKernel({
    ...options,
    onSync: (report) => {
      health.updated();
      metrics.synced(report);
      onSync?.(report);
    },
    onError: (error) => {
      metrics.failed();
      onError?.(error);
    },
  });
  return {
    ...kernel,
    health,
    metrics,
    addresses: {
      healthz: listening.healthz?.addresses ?? [],
      metrics: listening.metrics?.addresses ?? [],
    },
    setFacts: (changed) => {
      facts = changed;
      kernel.setFacts(changed);
      checkAll();
    },
  };
}

async function serve(options: NodeKernelOptions, health: ProxyHealth, metrics: KernelMetrics) {
  const { source, proxyMode = "nftables", facts } = options;
  const onHealth = serveHealth(health, (path, code) => metrics.probed(path, code));
  const onMetrics = (request: IncomingMessage, response: ServerResponse): void => {
    const plain = (type: string, text: string) => response.writeHead(200, { "Content-Type": type }).end(text);
    switch (pathOf(request)) {
      case "/metrics":
        plain("text/plain; version=0.0.4; charset=utf-8", metrics.text([...source.keys()].length));
        return;
      case "/proxyMode":
        plain("text/plain; charset=utf-8", proxyMode);
        return;
      case "/healthz":
      case "/livez":
        onHealth(request, response);
        return;
      default:
        notFound(response);
    }
  };
  const open = (address: ListenAddress | undefined, flag: string, handler: typeof onMetrics) =>
    address === undefined ? undefined : openEach(address, facts.families, flag, handler, options);
  return {
    healthz: await open(options.healthz, "--healthz-bind-address", onHealth),
    metrics: await open(options.metrics, "--metrics-bind-address", onMetrics),
  };
}

async function openEach(
  { host, port }: ListenAddress,
  families: readonly Family[],
  flag: string,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  { hardFail, onError }: NodeKernelOptions,
): Promise<Listening | undefined> {
  try {
    return await listenOn(
      hostsOf(host, families).map((each) => ({ host: each, port })),
      handler,
    );
  } catch (error) {
    const failure = new UserError({
      what: "cannot serve health or metrics",
      where: `${flag}, ${host} port ${port}`,
      why: (error as Error).message,
      next: `give ${flag} another address or port, or an empty one to serve nothing there`,
      cause: error,
    });
    if (hardFail) throw failure;
    onError?.(failure);
    return undefined;
  }
}
