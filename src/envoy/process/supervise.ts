/** Runs Envoy until told to stop: started again when it ends, and let go gently. */
import { type ChildProcess, spawn } from "node:child_process";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { QUIET_COMPONENTS } from "./bootstrap.ts";

/** How an Envoy is run. */
export interface SuperviseOptions {
  /** The program, see findEnvoy. */
  readonly envoy: string;
  /** The file with the bootstrap configuration. */
  readonly configPath: string;
  /** Worker threads; default: one per processor. */
  readonly concurrency?: number;
  /** `trace` to `critical`; default `warn`. */
  readonly logLevel?: string;
  /** Where the admin interface is: for draining. */
  readonly admin: { readonly host: string; readonly port: number };
  /** For how long connections may end by themselves once the signal aborts, in milliseconds; default 5,000. */
  readonly drainMs?: number;
  /** For how long connections of a listener that was replaced may go on; default: as `drainMs`. */
  readonly listenerDrainSeconds?: number;
  /**
   * Tells the kernel of all that changes in what Envoy waits for in one turn, not of each change: half the calls of
   * epoll_ctl for a connection (bench/balancer.ts). Only for listeners with a socket per worker, as is the default: it
   * may lose events of sockets that are copies. Source: libevent, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST.
   */
  readonly batchEvents?: boolean;
  readonly log: (line: string) => void;
  /** Called with the process id at each start. */
  readonly onStart?: (pid: number) => void;
}

/** The pause before a start after an end, in milliseconds: doubled each time, reset by a run of HEALTHY_MS. */
const BACKOFF = { first: 200, last: 10_000 };
const HEALTHY_MS = 30_000;
/** How long Envoy may take to end after SIGTERM before it is killed. */
const KILL_AFTER_MS = 5_000;
/** How long one request to the admin interface may take. */
const ADMIN_TIMEOUT_MS = 1_000;

/** Resolves once the signal has aborted and Envoy has ended. Envoy's output goes where this process's goes. */
export async function superviseEnvoy(options: SuperviseOptions, signal: AbortSignal): Promise<void> {
  let backoff = BACKOFF.first;
  while (!signal.aborted) {
    const startedAt = performance.now();
    const why = await runOnce(options, signal);
    if (signal.aborted) return;
    if (performance.now() - startedAt > HEALTHY_MS) backoff = BACKOFF.first;
    options.log(`Envoy ended (${why}); it is started again in ${backoff} ms`);
    await sleep(backoff, undefined, { signal }).catch(() => {});
    backoff = Math.min(backoff * 2, BACKOFF.last);
  }
}

async function runOnce(options: SuperviseOptions, signal: AbortSignal): Promise<string> {
  const env = { ...process.env, ...(options.batchEvents && { EVENT_EPOLL_USE_CHANGELIST: "1" }) };
  const child = spawn(options.envoy, argumentsOf(options), { env, stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, killedBy) => resolve(killedBy ?? `exit code ${code}`));
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const stop = new AbortController();
  const onAbort = () => void letGo(child, options, stop.signal);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await ended;
  } finally {
    stop.abort();
    signal.removeEventListener("abort", onAbort);
  }
}

function argumentsOf(options: SuperviseOptions): string[] {
  const { configPath, concurrency, logLevel = "warn", drainMs = 5_000, listenerDrainSeconds } = options;
  return [
    "--config-path",
    configPath,
    "--log-level",
    logLevel,
    "--component-log-level",
    QUIET_COMPONENTS,
    "--disable-hot-restart",
    "--drain-time-s",
    String(listenerDrainSeconds ?? Math.max(1, Math.round(drainMs / 1000))),
    ...(concurrency === undefined ? [] : ["--concurrency", String(concurrency)]),
  ];
}

/** Not ready first, so that nobody sends new connections; then those that are there are asked to end; then the end. */
async function letGo(child: ChildProcess, options: SuperviseOptions, ended: AbortSignal): Promise<void> {
  const { admin, drainMs = 5_000 } = options;
  const pause = (milliseconds: number) => sleep(milliseconds, undefined, { signal: ended }).catch(() => {});
  if (drainMs > 0) {
    const post = (path: string) => postAdmin(admin, path).catch((error: Error) => options.log(error.message));
    await post("/healthcheck/fail");
    await post("/drain_listeners?graceful&skip_exit");
    await pause(drainMs);
  }
  child.kill("SIGTERM");
  await pause(KILL_AFTER_MS);
  if (!ended.aborted) child.kill("SIGKILL");
}

function postAdmin(admin: SuperviseOptions["admin"], path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ ...admin, path, method: "POST", timeout: ADMIN_TIMEOUT_MS }, (response) => {
      response.resume();
      response.once("end", resolve);
    });
    call.once("timeout", () => call.destroy(new Error("no answer in time")));
    call.once("error", (error) => reject(new Error(`Envoy's admin interface, ${path}: ${error.message}`)));
    call.end();
  });
}
