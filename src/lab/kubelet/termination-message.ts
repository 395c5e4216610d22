/** What a container's status says about its end, beside its exit code. */
import type { Container } from "../../objects/types.ts";
import { type LogFile, readLog, selectLog } from "./log-file.ts";

/** Kubernetes' limits: MaxContainerTerminationMessageLogLines, MaxContainerTerminationMessageLogLength (bytes). */
const LINES = 80;
const BYTES = 2048;

/**
 * The end of the log of a container that failed, where `terminationMessagePolicy: FallbackToLogsOnError` asks for it.
 * Files at terminationMessagePath are not read.
 */
export async function terminationMessage(
  { terminationMessagePolicy }: Container,
  exitCode: number,
  log: LogFile | undefined,
): Promise<string | undefined> {
  if (terminationMessagePolicy !== "FallbackToLogsOnError" || exitCode === 0 || log === undefined)
    return undefined;
  await closed(log);
  const text = Buffer.from(selectLog(readLog(log.path), { tailLines: LINES }));
  return text.subarray(Math.max(0, text.length - BYTES)).toString() || undefined;
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
