import { joinHostPort } from "../../ip/address.ts";
import type { Service } from "../../objects/types.ts";

/** More Services than this have no variables: the kernel takes no environment of that size (execve: E2BIG). */
const MOST_SERVICES = 1_000;

/** A Service as its variables show it: one address, of its primary family. */
export type ServiceLink = Pick<Service, "metadata"> & {
  readonly spec: Pick<Service["spec"], "clusterIP" | "ports">;
};

/**
 * The variables that tell a container of Services (`enableServiceLinks`): `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, and
 * those of Docker's links. None of a Service without a cluster IP. Source: pkg/kubelet/envvars.
 */
export function serviceEnvironment(services: readonly ServiceLink[]): Record<string, string> {
  if (services.length > MOST_SERVICES) return {};
  return Object.assign({}, ...services.map(variablesOf)) as Record<string, string>;
}

function variablesOf({ metadata, spec }: ServiceLink): Record<string, string> {
  const { clusterIP: host, ports: [first, ...others] = [] } = spec;
  if (!host || host === "None" || first === undefined) return {};
  const name = variableName(metadata.name);
  const result: Record<string, string> = {
    [`${name}_SERVICE_HOST`]: host,
    [`${name}_SERVICE_PORT`]: String(first.port),
    [`${name}_PORT`]: urlOf(host, first),
  };
  for (const port of [first, ...others]) {
    if (port.name) result[`${name}_SERVICE_PORT_${variableName(port.name)}`] = String(port.port);
    const prefix = `${name}_PORT_${port.port}_${port.protocol ?? "TCP"}`;
    result[prefix] = urlOf(host, port);
    result[`${prefix}_PROTO`] = (port.protocol ?? "TCP").toLowerCase();
    result[`${prefix}_PORT`] = String(port.port);
    result[`${prefix}_ADDR`] = host;
  }
  return result;
}

function urlOf(host: string, { port, protocol = "TCP" }: { port: number; protocol?: string }): string {
  return `${protocol.toLowerCase()}://${joinHostPort(host, port)}`;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
