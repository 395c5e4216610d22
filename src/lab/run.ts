import { spawn } from "node:child_process";

/** A program that ended badly: its command, exit code and what it said. */
export class CommandFailed extends Error {
  readonly stderr: string;

  constructor(command: readonly string[], code: number | null, stderr: string) {
    super(`${command.join(" ")}: exit ${code}: ${stderr.trim()}`);
    this.name = "CommandFailed";
    this.stderr = stderr;
  }
}

/**
 * Runs a program to its end with `input` on its standard input; resolves with its standard output.
 * @throws CommandFailed when it exits with another code than 0, or cannot be started
 */
export function run(command: readonly string[], input = "", env?: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0] as string, command.slice(1), { stdio: "pipe", ...(env && { env }) });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", (error) => reject(new CommandFailed(command, null, error.message)));
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString());
      else reject(new CommandFailed(command, code, Buffer.concat(err).toString()));
    });
    child.stdin.on("error", () => {}); // it ended without reading; its exit code tells
    child.stdin.end(input);
  });
}

/** Runs many `ip` commands in one process; the first that fails ends it. Empty input runs nothing. */
export async function ipBatch(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run(["ip", "-batch", "-"], `${lines.join("\n")}\n`);
}
