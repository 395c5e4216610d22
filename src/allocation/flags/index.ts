/** Component flags: what the real components say to theirs, and what flags say about a whole cluster. */
export { type ClusterReport, type ComponentReport, type FlagFinding, judgeCluster } from "./cluster.ts";
export { judge } from "./judge.ts";
export { type ComponentProcess, findComponents } from "./listing.ts";
export type { Setting } from "./settings.ts";
export { COMPONENTS, type Component, KUBERNETES_VERSION, type Verdict } from "./verdict.ts";
