import { familyOfText } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import type { Container, Pod } from "../../objects/types.ts";
import { POD_PATH } from "../images/registry.ts";
import { LAB_CACHE } from "../init/root-layout.ts";
import type { ClusterPlan } from "../plan.ts";
import { type ConfigReader, containerEnvironment } from "./env.ts";
import { kernelHostname } from "./resolver.ts";
import { serviceEnvironment } from "./service-env.ts";

/** What every container has in its environment before its own: a PATH, its host name, and where the API is. */
function baseEnvironment(pod: Pod, plan: ClusterPlan): Record<string, string> {
  return {
    PATH: POD_PATH,
    HOME: "/root",
    HOSTNAME: kernelHostname(pod, plan),
    NODE_COMPILE_CACHE: LAB_CACHE,
    ...apiAccess(pod, plan),
  };
}

/**
 * Where a pod's clients find the API: the Service default/kubernetes, which has the cluster's primary family only
 * (KEP-2438); a pod without that family gets the API server's own address of the family that it has.
 */
function apiAccess(pod: Pod, plan: ClusterPlan): Record<string, string> {
  const families = (pod.status?.podIPs ?? []).map(({ ip }) => familyOfText(ip) as Family);
  const primary = familyOfText(plan.kubernetesAddress) as Family;
  const [own] = families;
  const direct = own === undefined || families.includes(primary) ? undefined : plan.fabric[own];
  const [host, port] = direct === undefined ? [plan.kubernetesAddress, 443] : [direct, plan.apiPort];
  const ports = [{ name: "https", protocol: "TCP" as const, port }];
  return serviceEnvironment([{ metadata: { name: "kubernetes" }, spec: { clusterIP: host, ports } }]);
}

/** The whole environment of a container. @throws ConfigError when something that it refers to is missing */
export async function environmentOf(
  pod: Pod,
  container: Container,
  plan: ClusterPlan,
  reader: ConfigReader,
): Promise<Record<string, string>> {
  const links = pod.spec.enableServiceLinks === false ? [] : await linksOf(pod, reader);
  const base = { ...serviceEnvironment(links), ...baseEnvironment(pod, plan) };
  return containerEnvironment(pod, container, base, reader);
}

async function linksOf({ metadata: { namespace = "default" } }: Pod, reader: ConfigReader) {
  const services = await reader.services(namespace);
  // the API's own is told of by the way that this pod has to it
  return services.filter(({ metadata }) => namespace !== "default" || metadata.name !== "kubernetes");
}
