import type { ChildProcess } from "node:child_process";
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { LogFile, LogStream } from "./log-file.ts";
import { childOf, killTree, signalProcess } from "./processes.ts";
import { enter } from "./sandbox.ts";
import { terminalCommand, terminalEnvironment } from "./terminal.ts";

/** One mount of a container: source and target as paths inside the pod. */
export interface BindMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** What one run of a container is started from. */
export interface ProcessOptions {
  readonly sandboxPid: number;
  readonly command: readonly string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly mounts: readonly BindMount[];
  readonly log: LogFile;
  /** Files `cgroup.procs` of its control groups. */
  readonly joins: readonly string[];
  /** Keeps the input open for clients that attach; without it, it is empty. */
  readonly stdin?: boolean;
  /** Runs the command on a terminal of its own. */
  readonly tty?: boolean;
}

/** How a run ended. */
export interface ProcessEnd {
  readonly exitCode: number;
  readonly signal?: number;
}

/** A container that cannot be started: becomes the reason RunContainerError. */
export class StartError extends Error {}

/** A running container. */
export interface ContainerProcess {
  /** The process `nsenter`; the container's own is its child. */
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  /** Resolves once its volumes are mounted, or it has ended: from then on others can join it. */
  readonly mounted: Promise<void>;
  /** Resolves when the last of its output has been passed on. */
  readonly outputEnded: Promise<void>;
  /** Its input, where that is kept open. */
  readonly input: Writable | undefined;
  readonly tty: boolean;
  /** The container's first process, by its id in the lab; undefined when it has ended. */
  mainPid(): number | undefined;
  terminate(): void;
  kill(): void;
  /** Calls back with what the container writes from now on; the returned function stops that. */
  onOutput(listener: (stream: LogStream, chunk: Buffer) => void): () => void;
}

/**
 * Starts a container's command in the pod's namespaces; its output goes to the log.
 * @throws StartError when the program is not there or cannot be run
 */
export function startProcess(options: ProcessOptions): ContainerProcess {
  const { sandboxPid, env, cwd, mounts, log, joins } = options;
  checkProgram(options);
  if (mounts.length === 0) mkdirSync(join(`/proc/${sandboxPid}/root`, cwd), { recursive: true });
  const { stdin = false, tty = false } = options;
  const own = tty ? terminalCommand(options.command) : options.command;
  const child = enter(sandboxPid, mounts.length === 0 ? own : withMounts(own, mounts, cwd), {
    env: tty ? terminalEnvironment(env) : env,
    joins,
    cwd: mounts.length === 0 ? cwd : "/",
    // a terminal ends with its input, so it has one that nobody ends
    stdio: [
      stdin || tty ? "pipe" : "ignore",
      "pipe",
      "pipe",
      ...(mounts.length === 0 ? [] : ["pipe" as const]),
    ],
  });
  child.stdin?.on("error", () => {}); // it ended without reading
  const listeners = new Set<(stream: LogStream, chunk: Buffer) => void>([
    (stream, chunk) => log.write(stream, chunk),
  ]);
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.on("data", (chunk: Buffer) => {
      for (const listener of listeners) listener(stream, chunk);
    });
  }
  const pid = child.pid;
  if (pid === undefined) throw new StartError("nsenter could not be started");
  return {
    pid,
    ended: endOf(child, pid, log),
    mounted: mounts.length === 0 ? Promise.resolve() : untilMounted(child),
    outputEnded: new Promise((resolve) => child.once("close", () => resolve())),
    input: stdin ? (child.stdin ?? undefined) : undefined,
    tty,
    mainPid: () => childOf(pid),
    terminate: () => signalProcess(childOf(pid) ?? pid, "SIGTERM"),
    kill: () => killTree(pid),
    onOutput: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Follows the descriptor on which MOUNT_SCRIPT says that it is done. */
function untilMounted(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const words = child.stdio[3] as Readable;
    const done = (): void => {
      words.destroy();
      resolve();
    };
    words.once("data", done).once("end", done).once("error", done);
    child.once("exit", done).once("error", done);
  });
}

/** Resolves once the process has ended; what it left running in its session is killed, so that its log ends too. */
function endOf(child: ChildProcess, pid: number, log: LogFile): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once("error", () => resolve({ exitCode: 128 }));
    child.once("exit", (code, signal) => {
      killTree(pid);
      const number = signal === null ? undefined : (SIGNALS[signal] ?? 9);
      const end = number === undefined ? { exitCode: code ?? 0 } : { exitCode: 128 + number, signal: number };
      resolve(end);
    });
    child.once("close", () => log.close());
  });
}

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** The container gets a mount namespace of its own, with its volumes in it; then it becomes the command. */
function withMounts(command: readonly string[], mounts: readonly BindMount[], cwd: string): string[] {
  const triples = mounts.flatMap(({ source, target, readOnly }) => [source, target, readOnly ? "ro" : "rw"]);
  return [
    "/usr/bin/unshare",
    "--mount",
    "/bin/sh",
    "-ec",
    MOUNT_SCRIPT,
    "mounts",
    cwd,
    ...triples,
    "--",
    ...command,
  ];
}

const MOUNT_SCRIPT = `
cwd=$1; shift
while [ "$1" != -- ]; do
  [ -e "$1" ] || /bin/mkdir -p "$1"
  if [ -d "$1" ]; then /bin/mkdir -p "$2"
  else /bin/mkdir -p "$(/usr/bin/dirname "$2")"; [ -e "$2" ] || : > "$2"; fi
  /bin/mount --rbind "$1" "$2"
  [ "$3" = rw ] || /bin/mount -o remount,bind,ro "$2"
  shift 3
done
shift
/bin/mkdir -p "$cwd"
cd "$cwd"
echo mounted >&3
exec 3>&-
exec "$@"`;

/**
 * Looks for the program as exec would, in the pod's own files, to say in good time what is missing.
 * @throws StartError in the words of the container runtimes
 */
export function checkProgram(options: Omit<ProcessOptions, "log" | "stdin" | "tty" | "joins">): void {
  const { sandboxPid, command, env, cwd, mounts } = options;
  const program = command[0] ?? "";
  const root = `/proc/${sandboxPid}/root`;
  if (program === "") throw new StartError("no command specified");
  if (mounts.some(({ target }) => program.startsWith(`${target.replace(/\/$/, "")}/`))) return;
  if (program.includes("/")) {
    const file = program.startsWith("/") ? program : join(cwd, program);
    const fault = faultOf(join(root, file));
    if (fault !== undefined) throw new StartError(`exec: ${JSON.stringify(program)}: stat ${file}: ${fault}`);
    return;
  }
  const folders = (env["PATH"] ?? "").split(":");
  if (folders.some((folder) => faultOf(join(root, folder, program)) === undefined)) return;
  throw new StartError(`exec: ${JSON.stringify(program)}: executable file not found in $PATH`);
}

function faultOf(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return "is a directory";
    accessSync(file, constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES"
      ? "permission denied"
      : "no such file or directory";
  }
}
