import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { readRootLayout } from "../init/root-layout.ts";
import { findProgram, labPath } from "../host/preconditions.ts";
import { ipBatch } from "../run.ts";
import type { MemoryVolume } from "./empty-dir.ts";
import { joining } from "./cgroup-join.ts";
import type { HostVolume } from "./node-root.ts";
import { nodeSideCommands, type PodLink, podSideCommands } from "./pod-links.ts";
import { SANDBOX_SCRIPT, sandboxEnvironment } from "./sandbox-script.ts";

/** What a sandbox is made from. */
export interface SandboxOptions {
  readonly hostname: string;
  readonly resolvConf: string;
  readonly hosts: string;
  readonly memoryVolumes?: readonly MemoryVolume[];
  readonly hostVolumes?: readonly HostVolume[];
  readonly sysctls?: readonly string[];
  /** The pod's link; undefined for pods in the node's own network. */
  readonly link?: PodLink;
}

/** The namespaces of one pod. Processes enter them; when the sandbox ends, all of them end. */
export interface Sandbox {
  /** A process in the namespaces, by its id in the lab. */
  readonly pid: number;
  /** Resolves when the sandbox has ended, by {@link destroy} or by itself. */
  readonly ended: Promise<void>;
  /** Ends every process of the pod and frees its link. Safe to repeat. */
  destroy(): Promise<void>;
}

/**
 * Makes a pod's namespaces, root file system and link: about 25 ms.
 * @throws Error with what a step of it said
 */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const network = options.link === undefined ? [] : podSideCommands(options.link);
  const environment = sandboxEnvironment({ ...options, network }, readRootLayout());
  const flags = ["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"];
  if (options.link !== undefined) flags.push("--net");
  const child = spawn("unshare", [...flags, "sh", "-c", SANDBOX_SCRIPT, "tandem-pod"], {
    env: environment,
    stdio: "pipe",
  });
  const sandbox = handleOf(child);
  try {
    return { ...sandbox, pid: await setUp(child, options.link) };
  } catch (error) {
    await sandbox.destroy();
    throw error;
  }
}

function handleOf(child: ChildProcess): Pick<Sandbox, "ended" | "destroy"> {
  const ended = new Promise<void>((resolve) =>
    child.once("exit", () => resolve()).once("error", () => resolve()),
  );
  return {
    ended,
    destroy: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Follows the script's words, see SANDBOX_SCRIPT; resolves with the id of its process. */
async function setUp(child: ChildProcess, link?: PodLink): Promise<number> {
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  const input = child.stdin as Writable;
  input.on("error", () => {}); // the script ended; its lines tell
  const lines = createInterface({ input: child.stdout! });
  try {
    let pid = 0;
    for await (const line of lines) {
      if (line === "ready") return pid;
      pid = Number(line.slice("pid ".length));
      // the namespaces are those of the process that forked the script: its parent, our child
      if (link !== undefined) await ipBatch(nodeSideCommands(link, child.pid as number));
      input.write("go\n");
    }
  } finally {
    lines.close();
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  throw new Error(`the pod's sandbox could not be set up: ${said.trim() || "its first process ended"}`);
}

/** By its path, as the PATH of a container is none of ours. */
const NSENTER = findProgram("nsenter", labPath()) ?? "nsenter";

/** How a process is started in a sandbox. */
export interface EnterOptions {
  readonly env: Record<string, string>;
  readonly cwd?: string;
  readonly stdio: StdioOptions;
  /** A process whose mounts are used instead of the sandbox's: a container with volumes of its own. */
  readonly mountsOf?: number;
  /** Files `cgroup.procs` of the control groups that the command runs in. */
  readonly joins?: readonly string[];
}

/**
 * Starts a command in a pod's namespaces, as the leader of a session. The process returned is `nsenter`, which
 * passes on the exit code or signal of the command; the command is its child.
 */
export function enter(sandboxPid: number, command: readonly string[], options: EnterOptions): ChildProcess {
  const target = [`--target=${sandboxPid}`, "--net", "--uts", "--ipc", "--pid"];
  const mounts = `--mount=/proc/${options.mountsOf ?? sandboxPid}/ns/mnt`;
  const entering = [NSENTER, ...target, mounts, `--wdns=${options.cwd || "/"}`, "--", ...command];
  const started = joining(options.joins ?? [], entering, options.env);
  const [program = "", ...words] = started.command;
  return spawn(program, words, { env: started.env, stdio: options.stdio, detached: true });
}
