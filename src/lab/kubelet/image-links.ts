import { symlinkSync } from "node:fs";
import { join } from "node:path";
import type { ImageProgram } from "../images/registry.ts";

/** Puts the links of an image into a pod's root; one that is there already stays. */
export function linkPrograms(sandboxPid: number, { links = {} }: ImageProgram): void {
  for (const [path, target] of Object.entries(links)) {
    try {
      symlinkSync(target, join(`/proc/${sandboxPid}/root`, path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
