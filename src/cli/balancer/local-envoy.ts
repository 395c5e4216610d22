/** The one Envoy of a host that serves load balancers: started with the first Service, told all else over xDS. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LocalProxy, ProxyRefusal } from "../../balancer/local/index.ts";
import { type AdsServer, startAdsServer } from "../../envoy/ads/index.ts";
import { createEnvoyOutput, type EnvoyOutput } from "../../envoy/desired/index.ts";
import { bootstrap } from "../../envoy/process/bootstrap.ts";
import { findEnvoy } from "../../envoy/process/find.ts";
import { superviseEnvoy } from "../../envoy/process/supervise.ts";
import type { Family } from "../../ip/family.ts";

/** Where the Envoy's admin interface, statistics and readiness are, beside those of any Gateway on the same host. */
export const BALANCER_PORTS = { admin: 19100, stats: 19101, ready: 19103 } as const;

export interface LocalEnvoyOptions {
  /** For the socket of xDS, the bootstrap and the id of the process. */
  readonly folder: string;
  /** An Envoy; undefined: found as everywhere. */
  readonly envoy?: string | undefined;
  /** The families that the host has. */
  readonly families: readonly Family[];
  readonly ports?: { readonly admin: number; readonly stats: number; readonly ready: number };
  readonly log: (line: string) => void;
}

const PROXY = "local";
const CONNECT_PATIENCE_MS = 15_000;
const POLL_MS = 50;
/** Connections of a listener that was replaced may go on for so long. */
const LISTENER_DRAIN_S = 600;
/** A balancer is not to be the limit; memory is. */
const MAX_CONNECTIONS = 1_000_000;

/** The Envoy, and the end of it. */
export interface LocalEnvoy extends LocalProxy {
  readonly stopped: Promise<void>;
}

/**
 * The Envoy, which is started by the first model with a listener. One that a former process has left is taken over with
 * its connections: it gets its configuration from here then, and is started anew when it ends. When the signal aborts it
 * is let go.
 */
export function createLocalEnvoy(options: LocalEnvoyOptions, signal: AbortSignal): LocalEnvoy {
  const { families, ports = BALANCER_PORTS } = options;
  let running: Promise<Running> | undefined;
  const stopped = new Promise<void>((resolve) => {
    const end = () =>
      void (running ?? Promise.resolve(undefined)).then((it) => it?.stop()).then(resolve, resolve);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  return {
    stopped,
    async apply(model) {
      const idle = model.listeners.length === 0 && running === undefined;
      if (idle && leftBehind(pidFileOf(options), configOf(options)) === undefined) return [];
      running ??= start(options, ports, signal);
      const { ads, output, refused, ended } = await running;
      refused.clear();
      ads.set(
        PROXY,
        output.update(model, () => undefined),
      );
      await Promise.race([connected(ads, signal), ended]);
      await ads.applied(PROXY);
      return refusalsOf(ads, refused);
    },
    unchecked: (destinations) => uncheckedOf(destinations, ports.admin, families),
  };
}

interface Running {
  readonly ads: AdsServer;
  readonly output: EnvoyOutput;
  /** What was refused since the last model, by name. */
  readonly refused: Map<string, string>;
  /** Rejects where Envoy cannot be started at all. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

async function start(
  options: LocalEnvoyOptions,
  ports: NonNullable<LocalEnvoyOptions["ports"]>,
  signal: AbortSignal,
): Promise<Running> {
  const { folder, families, log } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "xds.sock");
  const ads = await startAdsServer({ listen: [{ path }], authorize: () => PROXY });
  const refused = new Map<string, string>();
  ads.onNack(({ kind, name, message }) => {
    log(`Envoy refuses ${kind} ${name}: ${message}`);
    refused.set(name, message);
  });
  const ended = run(options, ports, path, signal);
  const stop = () => ended.catch(() => {}).then(() => ads.close());
  return { ads, output: createEnvoyOutput({ families }), refused, ended, stop };
}

/** Every version that is refused still, also from former calls. */
function refusalsOf(ads: AdsServer, refused: ReadonlyMap<string, string>): ProxyRefusal[] {
  const still = ads
    .status(PROXY)
    .flatMap(({ kinds }) => Object.values(kinds).flatMap((kind) => kind.refused));
  const all = new Map([...still.map(({ name, message }) => [name, message] as const), ...refused]);
  return [...all].map(([name, message]) => ({ name, message }));
}

async function connected(ads: AdsServer, signal: AbortSignal): Promise<void> {
  for (let waited = 0; ads.status(PROXY).length === 0; waited += POLL_MS) {
    signal.throwIfAborted();
    if (waited > CONNECT_PATIENCE_MS) throw new Error("Envoy has not asked for its configuration yet");
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function run(
  options: LocalEnvoyOptions,
  ports: NonNullable<LocalEnvoyOptions["ports"]>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { envoy, families, log } = options;
  const [pidFile, configPath] = [pidFileOf(options), configOf(options)];
  await adopted(pidFile, configPath, log, signal);
  if (signal.aborted) return;
  const node = { id: "balancer", cluster: PROXY };
  const config = bootstrap({ node, families, xds: { path }, ports, maxConnections: MAX_CONNECTIONS });
  writeFileSync(configPath, JSON.stringify(config), { mode: 0o600 });
  await superviseEnvoy(
    {
      envoy: findEnvoy({ ...(envoy !== undefined && { flag: envoy }), env: process.env }),
      configPath,
      admin: { host: families[0] === "IPv6" ? "::1" : "127.0.0.1", port: ports.admin },
      listenerDrainSeconds: LISTENER_DRAIN_S,
      drainMs: 0,
      log,
      onStart: (pid) => writeFileSync(pidFile, String(pid)),
    },
    signal,
  );
  rmSync(pidFile, { force: true });
}

function pidFileOf({ folder }: LocalEnvoyOptions): string {
  return join(folder, "envoy.pid");
}

function configOf({ folder }: LocalEnvoyOptions): string {
  return join(folder, "bootstrap.json");
}

/** Waits for the end of an Envoy that a former process left; it serves on meanwhile. */
async function adopted(
  pidFile: string,
  configPath: string,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const pid = leftBehind(pidFile, configPath);
  if (pid === undefined) return;
  log(`Envoy ${pid} serves since before; it is kept`);
  while (!signal.aborted && leftBehind(pidFile, configPath) === pid)
    await sleep(500, undefined, { signal }).catch(() => {});
  if (!signal.aborted) log(`Envoy ${pid} ended; it is started again`);
  else if (leftBehind(pidFile, configPath) === pid) process.kill(pid, "SIGTERM");
}

/** The id of a running process that is our Envoy: its command line names our configuration. */
function leftBehind(pidFile: string, configPath: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(configPath) ? pid : undefined;
  } catch {
    return undefined;
  }
}

interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name?: string;
    readonly host_statuses?: readonly {
      readonly health_status?: {
        readonly failed_active_health_check?: boolean;
        readonly pending_active_hc?: boolean;
      };
    }[];
  }[];
}

/** A cluster that warms up still is not listed; one that is may have hosts that were added since. */
async function uncheckedOf(
  destinations: readonly string[],
  port: number,
  families: readonly Family[],
): Promise<string[]> {
  if (destinations.length === 0) return [];
  const text = await ask(families[0] === "IPv6" ? "::1" : "127.0.0.1", port, "/clusters?format=json");
  const { cluster_statuses: clusters = [] } = JSON.parse(text) as ClusterStatuses;
  const known = new Map(clusters.map(({ name = "", host_statuses: hosts = [] }) => [name, hosts]));
  return destinations.filter((name) => {
    const hosts = known.get(name);
    return hosts === undefined || hosts.some((host) => host.health_status?.pending_active_hc === true);
  });
}

function ask(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, timeout: 5_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => resolve(text));
    });
    request.on("timeout", () => request.destroy(new Error("Envoy's admin interface does not answer")));
    request.on("error", reject);
  });
}
