import { GATEWAY_KINDS } from "../../objects/gateway/index.ts";
import { CONTROLLER_NAME, startGateways } from "../gateway/run.ts";
import { installInLab, runLabPart } from "./lab-part.ts";
import { fabricAddresses } from "./mesh-place.ts";

const CLASS = {
  metadata: { name: "tandem" },
  spec: { controllerName: CONTROLLER_NAME, description: "Envoy, over every family of the cluster." },
};

/** `tandem internal gateway`: Gateways of a lab: their statuses, infrastructure and xDS, in a process of its own. */
export function runLabGateway(configPath: string): Promise<void> {
  return runLabPart("gateway", configPath, (part) => {
    const { client, config, log, signal } = part;
    const { plan } = config;
    // it fails only when all of this ends
    installInLab(part, "the Gateway API", GATEWAY_KINDS.GatewayClass, CLASS).catch(() => {});
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
