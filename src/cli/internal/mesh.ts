import { NODE_HOP_LIMIT } from "../../lab/kubelet/pod-links.ts";
import { startMesh } from "../mesh/run.ts";
import { runLabPart } from "./lab-part.ts";
import { fabricAddresses, labWebhook } from "./mesh-place.ts";

/** Pods of a lab have no users of their own: their sidecars' sockets are marked. */
export const LAB_MARK = 1337;
const INIT_IMAGE = "tandem";

/** `tandem internal mesh`: the mesh of a lab, in a process of its own. */
export function runLabMesh(configPath: string): Promise<void> {
  return runLabPart("mesh", configPath, ({ client, config, log, signal }) => {
    const addresses = fabricAddresses(config);
    return startMesh({
      client,
      listen: addresses,
      advertise: addresses,
      webhook: labWebhook(config),
      families: config.plan.families,
      clusterDomain: config.plan.domain,
      initImage: INIT_IMAGE,
      mark: LAB_MARK,
      probesDeclaredPorts: true,
      probeHopLimit: NODE_HOP_LIMIT,
      log,
      signal,
    });
  });
}
