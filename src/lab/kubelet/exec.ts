import type { ChildProcess, StdioOptions } from "node:child_process";
import type { RunningContainer } from "./running-container.ts";
import { killTree } from "./processes.ts";
import { enter } from "./sandbox.ts";

const MAX_OUTPUT = 16 * 1024;

/** Starts a further command in a running container: its namespaces, control groups, mounts, environment and folder. */
export function startInContainer(
  running: RunningContainer,
  command: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const mountsOf = running.mounts.length > 0 ? running.process.mainPid() : undefined;
  const env = { ...running.env };
  return enter(running.sandboxPid, command, {
    env,
    cwd: running.cwd,
    stdio,
    joins: running.joins,
    ...(mountsOf === undefined ? {} : { mountsOf }),
  });
}

/** Runs a command in a container to its end, for probes and hooks; killed when the time is over. */
export function execToEnd(
  running: RunningContainer,
  command: readonly string[],
  timeoutMs: number,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = startInContainer(running, command, ["ignore", "pipe", "pipe"]);
    let output = "";
    const collect = (chunk: Buffer): void => {
      if (output.length < MAX_OUTPUT) output += chunk.toString();
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    const timer = setTimeout(() => {
      killTree(child.pid as number);
      resolve({
        code: -1,
        output: `command timed out: ${JSON.stringify(command.join(" "))} timed out after ${timeoutMs / 1_000}s`,
      });
    }, timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve({ code: -1, output: error.message });
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, output });
    });
  });
}
