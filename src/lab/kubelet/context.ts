import type { KubeClient } from "../../client/index.ts";
import type { LabImages } from "../images/registry.ts";
import type { ClusterPlan, NodePlan } from "../plan.ts";
import type { PodAddressPool } from "./addresses.ts";
import type { NodeCgroups } from "./cgroup.ts";
import type { ConfigWatches } from "./config-watches.ts";
import type { EventRecorder } from "./events.ts";
import type { HostPorts } from "./host-ports.ts";
import type { NodeRoot } from "./node-root.ts";
import type { VolumeReader } from "./volume-content.ts";

/** What all pods of a node share. */
export interface KubeletContext {
  readonly client: KubeClient;
  readonly plan: ClusterPlan;
  readonly node: NodePlan;
  readonly pool: PodAddressPool;
  readonly events: EventRecorder;
  readonly reader: VolumeReader;
  readonly configWatches: ConfigWatches;
  readonly hostPorts: HostPorts;
  readonly cgroups: NodeCgroups;
  readonly root: NodeRoot;
  /** Folder of the logs of all pods. */
  readonly podLogs: string;
  readonly images: LabImages;
  /** Tries a write again until the server is there; what the server refuses is dropped. */
  retry(write: () => Promise<unknown>): Promise<void>;
}
