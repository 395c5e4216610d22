import { fstatSync, writeSync } from "node:fs";

/**
 * Lets a process outlive the disk that its log is on: what cannot be written (ENOSPC, EIO) is lost, and what comes after
 * it is written once there is room again. Node ends a process with the first line that it cannot write to a file, and
 * writes no more where that is caught. For descriptors 1 and 2; terminals and pipes stay as they are.
 */
export function loseWhatCannotBeWritten(...descriptors: readonly (1 | 2)[]): void {
  for (const fd of descriptors) {
    if (!isFile(fd)) continue;
    const stream = fd === 1 ? process.stdout : process.stderr;
    stream._write = (chunk: Buffer, _encoding, done): void => {
      try {
        writeSync(fd, chunk);
      } catch {
        // nobody is left to tell
      }
      done();
    };
  }
}

/**
 * Lets a process go on when whoever read its standard output has gone (`… | head`), as Node else ends it with a stack: what
 * it has begun is brought to its end, and what it says is lost. For what would then go on for ever there is `instead`.
 */
export function loseWhatNobodyReads(instead: () => void = () => {}): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    instead();
  });
}

function isFile(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFile() || (stat.isCharacterDevice() && !(fd === 1 ? process.stdout : process.stderr).isTTY);
  } catch {
    return false; // closed
  }
}
