import { readConfig } from "../../lab/config.ts";
import { connectToControlPlane } from "../../lab/node/agent.ts";
import { startMesh } from "../mesh/run.ts";
import { untilStopped } from "../wiring.ts";
import { fabricAddresses, labWebhook } from "./mesh-place.ts";
import { reportFailure, reportReady } from "./report.ts";

/** Pods of a lab have no users of their own: their sidecars' sockets are marked. */
export const LAB_MARK = 1337;
const INIT_IMAGE = "tandem";

/** `tandem internal mesh`: the mesh of a lab, in a process of its own. */
export async function runLabMesh(configPath: string): Promise<void> {
  const config = readConfig(configPath);
  const { plan } = config;
  const signal = untilStopped();
  try {
    const client = await connectToControlPlane(config, signal);
    const addresses = fabricAddresses(config);
    const { stopped } = await startMesh({
      client,
      listen: addresses,
      advertise: addresses,
      webhook: labWebhook(config),
      families: plan.families,
      clusterDomain: plan.domain,
      initImage: INIT_IMAGE,
      mark: LAB_MARK,
      probesDeclaredPorts: true,
      log: (line: string) => console.error(`${new Date().toISOString()} ${line}`),
      signal,
    });
    reportReady();
    await stopped;
    client.close();
    process.exit(0);
  } catch (error) {
    if (!signal.aborted) reportFailure("mesh", error);
    process.exit(0);
  }
}
