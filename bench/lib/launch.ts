/** Commands of Tandem that a benchmark runs as processes of their own. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const TANDEM = resolve(import.meta.dirname, "../../bin/tandem");

/**
 * Starts a `tandem` command that serves until it is killed; resolves with its first line, which says that it is ready.
 * It is added to `children`, for the caller to kill. @throws Error where it ends before that
 */
export async function launch(children: ChildProcess[], ...args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(TANDEM, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((ready, failed) => {
    lines.once("line", () => ready());
    child.once("exit", (code) => failed(new Error(`tandem ${args[0]} ended with ${code}`)));
  });
  return child;
}

/**
 * Has Node's cache hold what it compiles of a command, as it is there at every start but the first; an end by SIGKILL leaves
 * nothing there.
 */
export function compile(command: string): void {
  spawnSync(TANDEM, [command, "--help"], { stdio: "ignore" });
}
