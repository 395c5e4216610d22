/**
 * Wakes up every millisecond on one processor, before everything else there, and writes a line (`BEGAN ENDED`, in
 * milliseconds of CLOCK_MONOTONIC) for each time that it was woken too late: the processor was not there then, or the
 * kernel had it. Usage: watcher.ts MILLISECONDS   from which on it is too late
 */
import { writeSync } from "node:fs";
import { monotonic } from "./machine.ts";

const LATE = Number(process.argv[2]);
const nobody = new Int32Array(new SharedArrayBuffer(4));
const parent = process.ppid;

for (let rounds = 1; rounds % 1000 !== 0 || process.ppid === parent; rounds++) {
  const due = monotonic() + 1;
  Atomics.wait(nobody, 0, 0, 1);
  const now = monotonic();
  if (now - due > LATE) writeSync(1, `${due} ${now}\n`);
}
