/** What /proc tells of processes. */
import { readFileSync } from "node:fs";

/** The id of a process's parent; "" where it is gone. */
export function parentOf(pid: string): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[1] ?? "";
  } catch {
    return "";
  }
}
