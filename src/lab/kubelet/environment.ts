import type { Container, Pod } from "../../objects/types.ts";
import { POD_PATH } from "../images/registry.ts";
import { LAB_CACHE } from "../init/root-layout.ts";
import type { ClusterPlan } from "../plan.ts";
import { type ConfigReader, containerEnvironment } from "./env.ts";
import { hostNames } from "./resolver.ts";

/** What every container has in its environment before its own: a PATH, its host name, and where the API is. */
function baseEnvironment(pod: Pod, plan: ClusterPlan): Record<string, string> {
  return {
    PATH: POD_PATH,
    HOME: "/root",
    HOSTNAME: hostNames(pod, plan).short,
    NODE_COMPILE_CACHE: LAB_CACHE,
    KUBERNETES_SERVICE_HOST: plan.kubernetesAddress,
    KUBERNETES_SERVICE_PORT: "443",
    KUBERNETES_SERVICE_PORT_HTTPS: "443",
  };
}

/** The whole environment of a container. @throws ConfigError when something that it refers to is missing */
export function environmentOf(
  pod: Pod,
  container: Container,
  plan: ClusterPlan,
  reader: ConfigReader,
): Promise<Record<string, string>> {
  return containerEnvironment(pod, container, baseEnvironment(pod, plan), reader);
}
