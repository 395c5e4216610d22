import { startInContainer } from "../exec.ts";
import type { RunningContainer } from "../running-container.ts";
import { checkProgram } from "../process.ts";
import { killTree } from "../processes.ts";
import { resizeTerminal, terminalCommand, terminalEnvironment } from "../terminal.ts";
import { type CommandChannel, exitStatus, failureStatus } from "./command-channel.ts";
import { CommandOutput } from "./command-output.ts";
import type { ChildProcess } from "node:child_process";

/** Runs a command in a container for a client, from its input to its exit code; it ends with its client. */
export function runCommand(
  channel: CommandChannel,
  running: RunningContainer,
  command: readonly string[],
  tty: boolean,
): void {
  try {
    checkProgram({ ...running, command });
  } catch (error) {
    channel.finish(failureStatus(`error executing command in container: ${(error as Error).message}`));
    return;
  }
  const env = tty ? terminalEnvironment(running.env) : running.env;
  const words = tty ? terminalCommand(command) : command;
  // at the end of its input `script` ends the terminal's, too: without any it is left open
  const stdin = channel.stdin !== undefined || tty ? "pipe" : "ignore";
  const child = startInContainer({ ...running, env }, words, [stdin, "pipe", "pipe"]);
  joinInput(channel, child);
  const output = new CommandOutput(channel, child);
  if (tty) channel.onResize((size) => resizeTerminal(child.pid ?? 0, size, () => hasEnded(child)));
  channel.onClose(() => {
    if (!hasEnded(child)) killTree(child.pid ?? 0);
  });
  child.once("error", (error) => channel.finish(failureStatus(error.message)));
  child.once("exit", (code, signal) => {
    void output.drained().then(() => channel.finish(exitStatus(signal === null ? (code ?? 0) : 137)));
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function joinInput({ stdin }: CommandChannel, child: ChildProcess): void {
  if (stdin === undefined || child.stdin === null) return;
  // the command does not read, or has ended: its end tells
  child.stdin.on("error", () => stdin.resume());
  stdin.pipe(child.stdin);
}
