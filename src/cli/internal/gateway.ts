import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../client/index.ts";
import { GATEWAY_KINDS } from "../../objects/gateway/index.ts";
import { ApiError } from "../../objects/status.ts";
import { installDefinitions } from "../gateway/definitions.ts";
import { CONTROLLER_NAME, startGateways } from "../gateway/run.ts";
import { runLabPart } from "./lab-part.ts";
import { fabricAddresses } from "./mesh-place.ts";

/** While nothing else asks for the Gateway API, its definitions wait for the start of everything else, so long (ms). */
const DEFINITIONS_PAUSE = 2_000;

/** `tandem internal gateway`: Gateways of a lab: their statuses, infrastructure and xDS, in a process of its own. */
export function runLabGateway(configPath: string): Promise<void> {
  return runLabPart("gateway", configPath, ({ client, config, log, signal }) => {
    void prepare(client, signal, log);
    const { plan } = config;
    const addresses = fabricAddresses(config);
    return startGateways({
      client,
      listen: addresses,
      advertise: addresses,
      families: plan.families,
      clusterDomain: plan.domain,
      familyReadiness: plan.familyReadiness,
      log,
      signal,
    });
  });
}

/** Brings the Gateway API and the class `tandem` into the cluster, without holding up its start. */
async function prepare(client: KubeClient, signal: AbortSignal, log: (line: string) => void): Promise<void> {
  for (let pause = DEFINITIONS_PAUSE; !signal.aborted; pause = 500) {
    try {
      await sleep(pause, undefined, { signal });
      await installDefinitions(client);
      await ensureClass(client);
      return;
    } catch (error) {
      if (!signal.aborted) log(`installing the Gateway API: ${(error as Error).message}`);
    }
  }
}

async function ensureClass(client: KubeClient): Promise<void> {
  const spec = { controllerName: CONTROLLER_NAME, description: "Envoy, over every family of the cluster." };
  try {
    await client.create(GATEWAY_KINDS.GatewayClass, { metadata: { name: "tandem" }, spec });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
  }
}
