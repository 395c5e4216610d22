import { existsSync, writeFileSync } from "node:fs";
import { balancerHostCommands, enableForwarding } from "../init/fabric.ts";
import type { ClusterPlan } from "../plan.ts";
import { ipBatch } from "../run.ts";

/** For the link that was there before its namespace's defaults, and for connections that a closing listener still holds. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ["ipv6/conf/eth0/accept_dad", "0"],
  ["ipv4/tcp_migrate_req", "1"],
];

/** Sets up the network namespace that this process is in as the host of load balancers. May be run again. */
export async function setUpBalancerHost(plan: ClusterPlan): Promise<void> {
  enableForwarding();
  for (const [name, value] of SETTINGS) {
    const file = `/proc/sys/net/${name}`;
    try {
      if (existsSync(file)) writeFileSync(file, value);
    } catch {
      // a kernel that keeps this from plain users: connections in a closing listener's queue are lost then
    }
  }
  await ipBatch(balancerHostCommands(plan));
}
