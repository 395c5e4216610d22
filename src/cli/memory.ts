import { flushCompileCache } from "node:module";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Collects garbage now, once: after a start that has read a whole cluster, most of the heap is what was parsed on the
 * way, and a process that then does little would keep it for hours.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: object) => void;
  // the flavour for when memory runs out, which gives pages back to the system
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

/**
 * What is compiled is written so many milliseconds after a start, which it shall not hold up: late enough for most of what
 * a start compiles, early enough for a cluster that lives as long as its proof takes (`tandem up --once`).
 */
const COMPILED_AFTER = 500;

/**
 * Writes what Node has compiled to its cache of that (NODE_COMPILE_CACHE) soon, not only at an end of our own, which those
 * that are killed never come to: a start that finds nothing there takes the types out of every file, with a compiler that
 * stays in memory (some 10 MB) while the process runs. Without such a cache nothing happens.
 */
export function keepCompiledCode(): void {
  setTimeout(flushCompileCache, COMPILED_AFTER).unref();
}
