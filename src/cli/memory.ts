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
