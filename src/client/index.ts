export type { ClusterConfig } from "./config.ts";
export { Discovery, type ServedKind, type Survey } from "./discovery.ts";
export type { ExecOptions } from "./exec.ts";
export { type ExecResult, type ExecTextOptions, execToText } from "./exec-text.ts";
export { Informer, type InformerOptions, type ObjectChange } from "./informer.ts";
export {
  type DeleteOptions,
  KubeClient,
  type ListOptions,
  type ObjectList,
  type PatchOptions,
  type WriteOptions,
} from "./kube-client.ts";
export { loadKubeconfig } from "./kubeconfig.ts";
export { type LeaderOptions, leadWhile } from "./leader.ts";
export type { LogOptions } from "./logs.ts";
export { type Applied, applyManifests } from "./manifests/apply.ts";
export { parseManifest } from "./manifests/parse.ts";
export { readLeniently, readManifests } from "./manifests/read.ts";
export type { LocatedObject, ManifestObject } from "./manifests/source.ts";
export type { WatchEvent, WatchOptions } from "./watch.ts";
export { Backoff, pause } from "./backoff.ts";
