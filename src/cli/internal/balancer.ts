import { join } from "node:path";
import { LOCAL_WORKERS, startBalancerController } from "../../controllers/balancer/index.ts";
import { setUpBalancerHost } from "../../lab/cloud/host.ts";
import { LAB_ENVOY } from "../../lab/images/registry.ts";
import { followNodeRoutes } from "../../lab/node/routes.ts";
import { BALANCER_KINDS, type LoadBalancerPool } from "../../objects/balancer/index.ts";
import { translateBalancer } from "../../traffic/balancer/index.ts";
import { startLocalProvider } from "../balancer/local.ts";
import { installInLab, type LabPart, runLabPart } from "./lab-part.ts";

const LINK = "eth0";

/** Addresses on the fabric that are answered for by the balancer's host, in both families whatever the cluster has. */
const POOL: Pick<LoadBalancerPool, "metadata" | "spec"> = {
  metadata: { name: "lab" },
  spec: {
    ranges: { IPv4: ["172.18.254.0/24"], IPv6: ["fd00:172:18:0:fe::/112"] },
    avoidBuggyIPs: true,
    announce: { interface: LINK },
  },
};

/**
 * `tandem internal balancer`: load balancers of a lab, on a host of their own outside of the nodes, in whose network
 * namespace this process is.
 */
export function runLabBalancer(configPath: string): Promise<void> {
  return runLabPart("balancer", configPath, async (part) => {
    await setUpBalancerHost(part.config.plan);
    const serving = serve(part).catch((error: unknown) => {
      if (!part.signal.aborted) throw error;
    });
    return { stopped: serving };
  });
}

async function serve(part: LabPart): Promise<void> {
  const { client, config, log, signal } = part;
  await installInLab(part, "the kinds of load balancers", BALANCER_KINDS.LoadBalancerPool, POOL);
  const folder = join(config.stateDir, "balancer");
  const envoy = config.envoy === undefined ? undefined : LAB_ENVOY;
  const [local] = await Promise.all([
    startLocalProvider({ client, folder, link: LINK, envoy, log }, signal),
    // to pods, where these are the targets
    followNodeRoutes(client, undefined, signal),
  ]);
  const { stopped } = await startBalancerController(
    {
      client,
      provider: local.provider,
      workers: LOCAL_WORKERS,
      translate: (service, cluster) => translateBalancer(service, { ...cluster, provider: "local" }),
      log,
    },
    signal,
  );
  await Promise.all([stopped, local.stopped]);
}
