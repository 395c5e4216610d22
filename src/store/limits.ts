import type { HistoryLimits } from "./history.ts";

/** The history that stores keep: a minute or more of a busy cluster's changes, in at most 32 MiB of old values. */
export const DEFAULT_HISTORY: HistoryLimits<string> = {
  changes: 20_000,
  bytes: 32 * 1024 * 1024,
  sizeOf: (value) => value.length,
};
