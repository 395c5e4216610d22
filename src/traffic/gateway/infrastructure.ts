/** What a Gateway's infrastructure is made of, as the controller needs it. */
import type { Resolution } from "./resolution.ts";
import type { GatewayInfrastructure } from "./types.ts";

/** The infrastructure of a resolved Gateway. */
export function infrastructureOf(key: string, resolution: Resolution): GatewayInfrastructure {
  const { gateway, addresses, addressProblem, families, parameters, ports, wish } = resolution;
  const { labels = {}, annotations = {} } = gateway.spec.infrastructure ?? {};
  const { uid } = gateway.metadata;
  const serving = ports.filter(({ listeners }) => listeners.some(({ serves }) => serves));
  return {
    key,
    ...(uid === undefined ? {} : { uid }),
    accepted: addressProblem === undefined && parameters.problem === undefined && serving.length > 0,
    families,
    requireBoth: wish.required,
    addresses,
    labels,
    annotations,
    ...(parameters.parameters === undefined ? {} : { parameters: parameters.parameters }),
    ports: serving.map(({ name, transport, port, bindPort }) => ({ name, transport, port, bindPort })),
  };
}
