/** What a container's status says about its end, beside its exit code. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Container } from "../../objects/types.ts";
import { type LogFile, readLog, selectLog } from "./log-file.ts";

/** Kubernetes' limits: MaxContainerTerminationMessageLogLines, MaxContainerTerminationMessageLogLength (bytes). */
const LINES = 80;
const BYTES = 2048;
/** 128 and SIGABRT. */
const ABORTED = 134;
/** A program that aborts says why before its stack. */
const STACK_LINES = 400;
const INOTIFY = /fs\.inotify\.max_user_instances/;
const SYSCTL = "/proc/sys/fs/inotify/max_user_instances";

/** Kubernetes' MaxContainerTerminationMessageLength, in bytes. */
const FILE_BYTES = 4096;

/**
 * What the container left in the file at its terminationMessagePath, which is taken from the pod's root; or the end of its
 * log where it failed and `terminationMessagePolicy: FallbackToLogsOnError` asks for that. Where it failed for a limit of the machine that all pods of a lab share,
 * that is said first, whatever the policy: each Envoy takes four instances of inotify, and a machine has 128 by default.
 */
export async function terminationMessage(
  { terminationMessagePath, terminationMessagePolicy }: Container,
  exitCode: number,
  log: LogFile | undefined,
  podRoot: string,
): Promise<string | undefined> {
  const written = takeFile(join(podRoot, terminationMessagePath ?? "/dev/termination-log"));
  if (written !== "") return written;
  const fallsBack = terminationMessagePolicy === "FallbackToLogsOnError";
  if (exitCode === 0 || log === undefined || !(fallsBack || exitCode === ABORTED)) return undefined;
  await closed(log);
  const entries = readLog(log.path);
  const limit = machineLimit(selectLog(entries, { tailLines: STACK_LINES }), readSysctl);
  if (limit !== undefined || !fallsBack) return limit;
  const text = Buffer.from(selectLog(entries, { tailLines: LINES }));
  return text.subarray(Math.max(0, text.length - BYTES)).toString() || undefined;
}

/** The containers of a pod share its root: what one left is not for the next. */
function takeFile(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!fstatSync(file).isFile()) return "";
    const bytes = Buffer.alloc(FILE_BYTES);
    const length = readSync(file, bytes);
    unlinkSync(path);
    return bytes.subarray(0, length).toString();
  } catch {
    return ""; // none was written, or the pod has gone
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The limit of the machine that a program says it has met, with what to do about it. */
export function machineLimit(log: string, instances: () => string): string | undefined {
  if (!INOTIFY.test(log)) return undefined;
  return (
    `this machine has no more instances of inotify (fs.inotify.max_user_instances is ${instances()}, for all ` +
    "processes of a user; each Envoy takes 4). Next: sudo sysctl fs.inotify.max_user_instances=1024, or fewer sidecars"
  );
}

function readSysctl(): string {
  try {
    return readFileSync(SYSCTL, "utf8").trim();
  } catch {
    return "not known";
  }
}

/** The last lines come a moment after the end of the process; it leaves nobody behind who could write more. */
function closed(log: LogFile): Promise<void> {
  return new Promise((resolve) => {
    if (log.closed) return resolve();
    const stop = log.onChange(() => {
      if (!log.closed) return;
      stop();
      resolve();
    });
  });
}
