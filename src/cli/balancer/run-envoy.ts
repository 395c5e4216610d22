/** Runs the Envoy of load balancers and tells it what to do. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LocalProxy, ProxyRefusal } from "../../balancer/local/index.ts";
import { type AdsServer, startAdsServer } from "../../envoy/ads/index.ts";
import { createEnvoyOutput } from "../../envoy/desired/index.ts";
import { bootstrap } from "../../envoy/process/bootstrap.ts";
import { findEnvoy } from "../../envoy/process/find.ts";
import { superviseEnvoy } from "../../envoy/process/supervise.ts";
import { configFileOf, leftBehind, pidFileOf } from "./envoy-files.ts";
import type { EnvoyPorts, LocalEnvoyOptions } from "./local-envoy.ts";

const PROXY = "local";
const CONNECT_PATIENCE_MS = 15_000;
const POLL_MS = 50;
/** Connections of a listener that was replaced may go on for so long. */
const LISTENER_DRAIN_S = 600;
/** A balancer is not to be the limit; memory is. */
const MAX_CONNECTIONS = 1_000_000;

/** An Envoy that runs, or tries to. */
export interface RunningEnvoy extends Pick<LocalProxy, "apply"> {
  /** Rejects where Envoy cannot be started at all; else it never ends before the signal aborts. */
  readonly failed: Promise<void>;
  stop(): Promise<void>;
}

/** Starts the Envoy, or takes over what a former process has left. */
export async function startEnvoy(
  options: LocalEnvoyOptions,
  ports: EnvoyPorts,
  signal: AbortSignal,
): Promise<RunningEnvoy> {
  const { folder, families, log } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "xds.sock");
  const ads = await startAdsServer({ listen: [{ path }], authorize: () => PROXY });
  const output = createEnvoyOutput({ families });
  const refused = new Map<string, string>();
  ads.onNack(({ kind, name, message }) => {
    log(`Envoy refuses ${kind} ${name}: ${message}`);
    refused.set(name, message);
  });
  const failed = run(options, ports, path, signal);
  const stop = (): Promise<void> => failed.catch(() => {}).then(() => ads.close());
  failed.catch(() => void ads.close());
  return {
    failed,
    stop,
    async apply(model) {
      refused.clear();
      ads.set(
        PROXY,
        output.update(model, () => undefined),
      );
      await Promise.race([connected(ads, signal), failed]);
      await ads.applied(PROXY);
      return refusalsOf(ads, refused);
    },
  };
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
  ports: EnvoyPorts,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { envoy, families, log } = options;
  const [pidFile, configPath] = [pidFileOf(options.folder), configFileOf(options.folder)];
  await adopted(options.folder, log, signal);
  if (signal.aborted) return;
  const node = { id: "balancer", cluster: PROXY };
  const config = bootstrap({
    node,
    families,
    xds: { path },
    ports,
    maxConnections: MAX_CONNECTIONS,
  });
  writeFileSync(configPath, JSON.stringify(config), { mode: 0o600 });
  await superviseEnvoy(
    {
      envoy: findEnvoy({ ...(envoy !== undefined && { flag: envoy }), env: process.env }),
      configPath,
      admin: { host: families[0] === "IPv6" ? "::1" : "127.0.0.1", port: ports.admin },
      listenerDrainSeconds: LISTENER_DRAIN_S,
      batchEvents: true,
      drainMs: 0,
      log,
      onStart: (pid) => writeFileSync(pidFile, String(pid)),
    },
    signal,
  );
  rmSync(pidFile, { force: true });
}

/** Waits for the end of an Envoy that a former process left; it serves on meanwhile. */
async function adopted(folder: string, log: (line: string) => void, signal: AbortSignal): Promise<void> {
  const pid = leftBehind(folder);
  if (pid === undefined) return;
  log(`Envoy ${pid} serves since before; it is kept`);
  while (!signal.aborted && leftBehind(folder) === pid)
    await sleep(500, undefined, { signal }).catch(() => {});
  if (!signal.aborted) log(`Envoy ${pid} ended; it is started again`);
  else if (leftBehind(folder) === pid) process.kill(pid, "SIGTERM");
}
