import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { getServers } from "node:dns";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { UserError } from "../../errors/user-error.ts";
import { type LabConfig, statePaths } from "../config.ts";
import { DETACH, FD, type LabStep, type Report } from "../report.ts";
import { MAIN, PACKAGE_ROOT } from "./main-path.ts";
import { explainUnshareFailure, labPath } from "./preconditions.ts";
import type { HostSockets } from "./sockets.ts";
import { writeLabProcess } from "./state.ts";

/** A lab that was started. */
export interface Launched {
  readonly pid: number;
  /** Resolves when the lab reports that a step is done. @throws UserError with the lab's own reason when it fails */
  reached(step: LabStep, signal?: AbortSignal): Promise<void>;
  /** Lets the lab live on when this process ends. */
  detach(): void;
  /** Resolves when the lab has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

/**
 * Starts the lab's first process in new namespaces. As a plain user that takes a user namespace; root needs none.
 * Until it is detached the lab dies with this process, even when that is killed: the control pipe ends. Attached labs
 * get the kernel's word of it too (parent-death signal).
 */
export async function launch(config: LabConfig, sockets: HostSockets): Promise<Launched> {
  const paths = statePaths(config.stateDir);
  writeFileSync(paths.config, JSON.stringify(config), { mode: 0o600 });
  const log = openSync(join(paths.logs, "init.log"), "a", 0o600);
  const child = spawnLab(config, sockets, log);
  closeSync(log);
  sockets.close();
  const ended = new Promise<void>((resolve) =>
    child.once("exit", () => resolve()).once("error", () => resolve()),
  );
  if (child.pid !== undefined) writeLabProcess(config.stateDir, child.pid);
  const control = child.stdin as Writable;
  control.on("error", () => {}); // the lab died; its end is reported by `ended`
  const reports = readReports(child, config);
  return {
    pid: child.pid ?? 0,
    reached: reports.reached,
    ended,
    detach: () => release(child, control, reports.close),
  };
}

/** After this the process may exit: nothing of the child keeps it alive. */
function release(child: ChildProcess, control: Writable, closeReports: () => void): void {
  closeReports();
  control.end(DETACH);
  child.unref();
}

function spawnLab(config: LabConfig, sockets: HostSockets, log: number): ChildProcess {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const unshare = ["unshare", ...user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const init = [
    process.execPath,
    ...process.execArgv,
    MAIN,
    "internal",
    "init",
    statePaths(config.stateDir).config,
  ];
  const command = [
    ...(config.attached ? ["setpriv", "--pdeathsig", "KILL"] : []),
    ...unshare,
    ...INIT_SHELL,
    ...init,
  ];
  const inherited = [...sockets.api, ...sockets.dns].map((socket) => socket.fd);
  return spawn(command[0] as string, command.slice(1), {
    detached: true,
    env: { ...process.env, PATH: labPath(), NODE_COMPILE_CACHE: config.cacheDir },
    stdio: ["pipe", log, log, "pipe", ...inherited],
  });
}

/**
 * Process 1 of the lab: a shell that starts the real init and reaps orphans, which a Node process does not do. When
 * the init ends, so does the shell, and the kernel ends all the rest. (A background command's input is /dev/null before
 * its redirections are looked at; hence the copy of descriptor 0.)
 */
const INIT_SCRIPT = `
exec 9<&0
"$@" <&9 9<&- &
child=$!
exec 9<&- </dev/null
trap 'kill -TERM $child' TERM INT
while kill -0 $child 2>/dev/null; do wait $child; done`;
const INIT_SHELL = ["/bin/sh", "-c", INIT_SCRIPT, "tandem-lab"];

/** Follows the report pipe: what was reached so far, and who waits for what. */
function readReports(child: ChildProcess, config: LabConfig) {
  const steps = new Map<LabStep, PromiseWithResolvers<void>>();
  let failure: Error | undefined;
  const gate = (step: LabStep): PromiseWithResolvers<void> => {
    const existing = steps.get(step) ?? Promise.withResolvers<void>();
    existing.promise.catch(() => {}); // whoever waits sees it
    if (failure !== undefined) existing.reject(failure);
    steps.set(step, existing);
    return existing;
  };
  const fail = (error: Error): void => {
    failure ??= error;
    for (const waiting of steps.values()) waiting.reject(failure);
  };
  const pipe = child.stdio[FD.report] as Readable;
  const lines = createInterface({ input: pipe });
  lines.on("line", (line) => {
    const report = JSON.parse(line) as Report;
    if (report.type === "step") gate(report.step).resolve();
    else fail(new UserError(report.error));
  });
  lines.on("close", () => fail(endedEarly(config)));
  return {
    reached: (step: LabStep, signal?: AbortSignal) => abortable(gate(step).promise, signal),
    close: () => {
      lines.removeAllListeners("close").close();
      pipe.destroy();
    },
  };
}

/** The promise, or the signal's reason if that comes first. */
function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function endedEarly(config: LabConfig): Error {
  const text = readIfThere(join(statePaths(config.stateDir).logs, "init.log"));
  if (/^(unshare|setpriv):/m.test(text)) return explainUnshareFailure(text);
  const last = text.trim().split("\n").slice(-8).join("\n    ");
  return new UserError({
    what: "cannot start the cluster",
    where: "the lab's first process",
    why: `it ended before it was ready${last === "" ? "" : `:\n    ${last}`}`,
    next: "run the command again; if it fails again, report it with the lines above",
  });
}

/** Empty when the file is gone: the cluster was taken down. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The host's resolvers, without ports: where names outside the cluster are asked for. */
export function hostResolvers(): string[] {
  return getServers().map((server) => server.replace(/^\[(.*)\](:\d+)?$/, "$1"));
}

/**
 * Where Node keeps compiled code between runs, which halves the start of every process: beside the installed packages,
 * or nowhere (empty) when that folder cannot be written.
 */
export function cacheFolder(): string {
  const given = process.env["NODE_COMPILE_CACHE"];
  const folder = given || join(PACKAGE_ROOT, "node_modules", ".cache", "tandem");
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return "";
  }
}
