import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import { UserError } from "../errors/user-error.ts";

/** How a program ended. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, feeding it its input; a program that cannot be started is a UserError. */
export type Exec = (
  argv: readonly string[],
  input?: Iterable<string>,
  signal?: AbortSignal,
) => Promise<ExecResult>;

/**
 * An Exec that runs programs in a network namespace (a file such as /run/netns/NAME or /proc/PID/ns/net), or in the
 * current one.
 */
export function createExec(options: { netns?: string } = {}): Exec {
  const prefix = options.netns === undefined ? [] : ["nsenter", `--net=${options.netns}`, "--"];
  return (argv, input, signal) => run([...prefix, ...argv], input, signal);
}

async function run(
  argv: readonly string[],
  input?: Iterable<string>,
  signal?: AbortSignal,
): Promise<ExecResult> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...(signal && { signal }) });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(startError(argv, error)));
    child.once("close", (code, killedBy) => resolve(code ?? (killedBy ? 137 : 1)));
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  // A program may end before it has read everything (a syntax error): its exit code says so, not the broken pipe.
  child.stdin.on("error", () => {});
  try {
    // The input is generated only when the program runs: it starts up meanwhile.
    await Promise.race([once(child, "spawn"), ended]);
    await feed(child.stdin, input);
  } catch (error) {
    // Half an input must never be carried out.
    child.kill("SIGKILL");
    await ended.catch(() => {});
    throw error;
  }
  return { code: await ended, stdout: stdout(), stderr: stderr() };
}

/** Writes at the reader's pace, so that a program works on the first lines while the next ones are generated. */
async function feed(
  stdin: NodeJS.WritableStream & { destroyed?: boolean },
  input?: Iterable<string>,
): Promise<void> {
  for (const text of input ?? []) {
    if (stdin.destroyed) return;
    if (!stdin.write(text)) await writable(stdin);
  }
  stdin.end();
}

/** Settles when a stream takes more, or takes nothing any more. */
function writable(stdin: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stdin.off("drain", settle);
      stdin.off("close", settle);
      resolve();
    };
    stdin.on("drain", settle);
    stdin.on("close", settle);
  });
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function startError(argv: readonly string[], error: Error): Error {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
  const [program = ""] = argv;
  return new UserError({
    what: `cannot run ${program}`,
    where: argv.slice(0, 4).join(" "),
    why: `the program ${program} is not installed (or not on PATH)`,
    next: installHint(program),
    cause: error,
  });
}

function installHint(program: string): string {
  const packages: Record<string, string> = { nft: "nftables", conntrack: "conntrack", nsenter: "util-linux" };
  return `apt-get install ${packages[basename(program)] ?? basename(program)}`;
}
