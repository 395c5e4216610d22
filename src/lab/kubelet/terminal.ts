import { readlinkSync } from "node:fs";
import { run } from "../run.ts";
import { childOf } from "./processes.ts";

/** A command on a terminal of its own: `script` runs it on a pty and copies that to its own input and output. */
export function terminalCommand(command: readonly string[]): string[] {
  const line = command.map(quote).join(" ");
  return ["/usr/bin/script", "-q", "-e", "-f", "-E", "always", "-c", line, "/dev/null"];
}

/** The environment that a command on a terminal has; `script` needs a shell that is there. */
export function terminalEnvironment(env: Record<string, string>): Record<string, string> {
  return { TERM: "xterm", ...env, SHELL: "/bin/sh" };
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Rows and columns of a client's terminal, as kubectl sends them. */
export interface TerminalSize {
  readonly Width: number;
  readonly Height: number;
}

/** Reads a size. Undefined when it is none: a client's mistake that harms nobody. */
export function parseTerminalSize(text: string): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as Partial<TerminalSize>;
    const valid = [Width, Height].every((value) => Number.isInteger(value) && value! >= 0 && value! < 65_536);
    return valid ? { Width: Width!, Height: Height! } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Sets the size of the terminal that `script` made below a process of `nsenter`: its slave side is the input of
 * script's child. Best effort; `isOver` ends the attempts.
 */
export function resizeTerminal(
  pid: number,
  size: TerminalSize,
  isOver: () => boolean,
  tries = RESIZE_TRIES,
): void {
  if (isOver()) return;
  const script = childOf(pid);
  const shell = script === undefined ? undefined : childOf(script);
  const terminal = shell === undefined ? undefined : terminalOf(shell);
  if (terminal === undefined) {
    // the first size often comes before the terminal is there
    if (tries > 0) setTimeout(() => resizeTerminal(pid, size, isOver, tries - 1), RESIZE_PAUSE_MS).unref();
    return;
  }
  const words = ["cols", String(size.Width), "rows", String(size.Height)];
  run(["nsenter", `--target=${shell}`, "--mount", "stty", "-F", terminal, ...words]).catch(() => {});
}

const RESIZE_TRIES = 10;
const RESIZE_PAUSE_MS = 50;

function terminalOf(pid: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/${pid}/fd/0`);
    return path.startsWith("/dev/pts/") ? path : undefined;
  } catch {
    return undefined;
  }
}
