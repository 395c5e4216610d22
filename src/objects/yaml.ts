import { createRequire } from "node:module";

const load = createRequire(import.meta.url);

/**
 * The library for YAML, loaded when it is first asked for: it is some seventy files, and most processes, and most requests,
 * see JSON alone.
 */
export function yaml(): typeof import("yaml") {
  return load("yaml") as typeof import("yaml");
}
