/** One load, made by wrk in a process of its own. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** What is asked for: many small requests on connections that stay, or each on a new one; or few large answers. */
export type LoadKind = "keepalive" | "connections" | "bulk";

const FLAGS: Readonly<Record<LoadKind, readonly string[]>> = {
  keepalive: ["-c", "32"],
  connections: ["-c", "32", "-H", "Connection: close"],
  bulk: ["-c", "2"],
};
const PATHS: Readonly<Record<LoadKind, string>> = { keepalive: "/", connections: "/", bulk: "/bulk" };
const UNITS: Readonly<Record<string, number>> = { B: 1e-6, KB: 1e-3, MB: 1, GB: 1e3 };

/** Requests and megabytes a second, how many requests there were, and what wrk itself took of the processor (us). */
export interface LoadResult {
  readonly perSecond: number;
  readonly megabytes: number;
  readonly requests: number;
  readonly cpu: number;
}

/** Loads a server for some seconds. @throws Error when requests failed: then the figures say nothing */
export async function load(wrk: string, base: string, kind: LoadKind, seconds: number): Promise<LoadResult> {
  const args = ["-t", "1", "-d", `${seconds}s`, "--timeout", "10s", ...FLAGS[kind], `${base}${PATHS[kind]}`];
  // the shell tells what its children took: `times` prints user and system, its own and theirs
  const { stdout } = await execute("sh", ["-c", '"$@"; times', "sh", wrk, ...args]);
  const trouble = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(stdout);
  // a connection that is closed behind the answer may count as a read error
  if (trouble && !/connect 0, read \d+, write 0, timeout 0/.test(trouble[0]))
    throw new Error(`${base}: ${trouble[0]}`);
  const field = (pattern: RegExp) => pattern.exec(stdout) ?? [];
  const [, amount, unit] = field(/Transfer\/sec:\s+([\d.]+)(\w+)/);
  return {
    perSecond: Number(field(/Requests\/sec:\s+([\d.]+)/)[1]),
    megabytes: Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN),
    requests: Number(field(/(\d+) requests in/)[1]),
    cpu: [...(stdout.trim().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)]
      .map(([, minutes, seconds]) => (Number(minutes) * 60 + Number(seconds)) * 1e6)
      .reduce((sum, one) => sum + one, 0),
  };
}
