/** Timers of models, which have no clock of their own. */
import type { Later } from "../../traffic/mesh/index.ts";

/** Calls something once, so many milliseconds later; keeps no process alive. */
export const later: Later = (ms, run) => void setTimeout(run, ms).unref();
