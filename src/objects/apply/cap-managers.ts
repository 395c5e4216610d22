import { union } from "./field-set.ts";
import { compareText } from "./go-text.ts";
import { identifierOf, type Managers, type ManagerName, secondsOf } from "./managers.ts";

/** How many entries of updates an object keeps. */
const MAX_UPDATE_MANAGERS = 10;
const OLD_UPDATES = "ancient-changes";

/**
 * Merges the oldest entries of updates into one per version when there are too many (apimachinery
 * capmanagers.go).
 */
export function capUpdateManagers(managers: Managers): void {
  const updaters = [...managers.entries()].filter(([, manager]) => manager.operation === "Update");
  if (updaters.length <= MAX_UPDATE_MANAGERS) return;
  updaters.sort(([a, left], [b, right]) => secondsOf(left.time) - secondsOf(right.time) || compareText(a, b));
  const firstOfVersion = new Map<string, string>();
  let count = updaters.length;
  for (const [identifier, manager] of updaters) {
    if (count <= MAX_UPDATE_MANAGERS) return;
    const first = firstOfVersion.get(manager.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(manager.apiVersion, identifier);
      continue;
    }
    const name: ManagerName = {
      manager: OLD_UPDATES,
      operation: "Update",
      apiVersion: manager.apiVersion,
      subresource: "",
    };
    const bucket = identifierOf(name);
    const oldest = managers.get(bucket) ?? managers.get(first);
    if (!managers.has(bucket)) managers.delete(first);
    managers.set(bucket, { ...name, set: union(manager.set, oldest?.set ?? {}), time: manager.time });
    managers.delete(identifier);
    count--;
  }
}
