/** Which pods have an Envoy, and how users name them. */
import type { KubeClient } from "../client/index.ts";
import { GATEWAY_NAME_LABEL, labelValue, PROXY_LABEL } from "../controllers/gateway/names.ts";
import { GRPC_MODE } from "../controllers/mesh/injection-grpc.ts";
import { INIT_CONTAINER, PROXY_CONTAINER, SIDECAR_LABEL } from "../controllers/mesh/injection.ts";
import { SIDECAR_PORTS } from "../envoy/mesh/names.ts";
import { PROXY_PORTS } from "../envoy/process/bootstrap.ts";
import { UserError } from "../errors/user-error.ts";
import { GATEWAY_KINDS, type Gateway } from "../objects/gateway/index.ts";
import { KINDS } from "../objects/kinds.ts";
import { ApiError } from "../objects/status.ts";
import type { Pod } from "../objects/types.ts";
import { findPodOf } from "./lab-target.ts";

/** A pod with an Envoy in it. */
export interface EnvoyPod {
  readonly namespace: string;
  readonly name: string;
  /** The container; undefined: the pod's only one. */
  readonly container?: string;
  /** The loopback port of its admin interface. */
  readonly adminPort: number;
  /** Why its Envoy does not run. */
  readonly trouble?: string;
}

/** How users name a proxy, for the help of commands. */
export const TARGETS = "a pod, gateway/NAME or deploy/NAME; NAME may be NAME.NAMESPACE";

const GATEWAY_WORDS = ["gateway", "gateways", "gtw"];

/**
 * The pod that a target means: `NAME`, `pod/NAME`, `gateway/NAME`, `deploy/NAME`…, each with `.NAMESPACE` (as proxy-status
 * prints them) or without.
 * @throws UserError when there is none that runs
 */
export async function findEnvoyPod(client: KubeClient, target: string, namespace: string): Promise<EnvoyPod> {
  try {
    return await findIn(client, target, namespace);
  } catch (error) {
    // names may have dots, those of namespaces cannot
    const dot = target.lastIndexOf(".");
    if (!(error instanceof UserError) || dot <= 0 || !(await isNamespace(client, target.slice(dot + 1))))
      throw error;
    return await findIn(client, target.slice(0, dot), target.slice(dot + 1));
  }
}

/** Namespaces may be hidden from a user who may see pods in them. */
async function isNamespace(client: KubeClient, name: string): Promise<boolean> {
  if (!/^[a-z0-9-]{1,63}$/.test(name)) return false;
  try {
    await client.get(KINDS.Namespace, name);
    return true;
  } catch (error) {
    return !(error instanceof ApiError && error.code === 404);
  }
}

async function findIn(client: KubeClient, target: string, namespace: string): Promise<EnvoyPod> {
  const [type = "", name = ""] = target.split("/");
  if (GATEWAY_WORDS.includes(type.toLowerCase())) {
    const pods = await proxies(client, `${GATEWAY_NAME_LABEL}=${labelValue(name)}`, namespace);
    const pod = pods.find(({ trouble }) => trouble === undefined) ?? pods[0];
    if (pod !== undefined) return pod;
    const isThere = await hasGateway(client, name, namespace);
    throw new UserError({
      what: "cannot ask Envoy",
      where: `${target} in namespace ${namespace}`,
      why: isThere ? "none of the Gateway's proxies is running" : "there is no such Gateway",
      next: isThere
        ? `kubectl -n ${namespace} describe gateway ${name}`
        : "kubectl get gateways -A; other namespaces with -n",
    });
  }
  const podName = await findPodOf(client, target, namespace);
  const found = await readPod(client, podName, namespace);
  const pod = placeOf(found);
  if (pod.container !== undefined) return pod;
  if (found.metadata.labels?.[SIDECAR_LABEL] === GRPC_MODE)
    throw new UserError({
      what: "cannot ask Envoy",
      where: `pod ${pod.namespace}/${pod.name}`,
      why: "it has none: its application speaks xDS itself (label tandem.dev/inject: grpc)",
      next: "ask the application: gRPC has a service for it (CSDS)",
    });
  throw new UserError({
    what: "cannot ask Envoy",
    where: `pod ${pod.namespace}/${pod.name}`,
    why: `it has no sidecar (container ${PROXY_CONTAINER}), nor another container with Envoy`,
    next: `pods get one when they are made: kubectl label namespace ${pod.namespace} tandem.dev/inject=enabled, and restart them`,
  });
}

async function hasGateway(client: KubeClient, name: string, namespace: string): Promise<boolean> {
  return (await client.find<Gateway>(GATEWAY_KINDS.Gateway, name, namespace)) !== undefined;
}

async function readPod(client: KubeClient, name: string, namespace: string): Promise<Pod> {
  try {
    return await client.get<Pod>(KINDS.Pod, name, namespace);
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    throw new UserError({
      what: "cannot ask Envoy",
      where: `pod ${namespace}/${name}`,
      why: cause.message,
      next: `kubectl -n ${namespace} get pods; other namespaces with -n`,
      cause,
    });
  }
}

/** All proxies that run or cannot, those of Gateways and sidecars; or only of pods with a label. */
export async function proxies(
  client: KubeClient,
  labelSelector?: string,
  namespace?: string,
): Promise<EnvoyPod[]> {
  if (labelSelector !== undefined) return await labelled(client, labelSelector, namespace);
  const kinds = await Promise.all(
    [PROXY_LABEL, `${SIDECAR_LABEL},${SIDECAR_LABEL}!=${GRPC_MODE}`].map((label) =>
      labelled(client, label, namespace),
    ),
  );
  return kinds.flat();
}

async function labelled(client: KubeClient, labelSelector: string, namespace?: string): Promise<EnvoyPod[]> {
  const { items } = await client.list<Pod>(KINDS.Pod, {
    labelSelector,
    ...(namespace !== undefined && { namespace }),
  });
  return items
    .filter((pod) => !pod.metadata.deletionTimestamp)
    .filter((pod) => runsEnvoy(pod) || ![undefined, ENDED].includes(troubleOf(pod)))
    .map(placeOf);
}

/** A pod waits for its sidecar's first configuration: it does not run yet, and its sidecar does. */
function runsEnvoy({ status }: Pod): boolean {
  const sidecar = status?.initContainerStatuses?.find(({ name }) => name === PROXY_CONTAINER);
  return status?.phase === "Running" || sidecar?.state?.running !== undefined;
}

/** What kubelets say of containers that are about to run. */
const ON_THE_WAY = ["PodInitializing", "ContainerCreating"];

const ENDED = "the pod has ended";

/** Why the sidecar of a pod does not run, or its capture has not worked; undefined where it runs, or is on its way. */
function troubleOf({ status }: Pod): string | undefined {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return ENDED;
  for (const name of [INIT_CONTAINER, PROXY_CONTAINER]) {
    const container = status?.initContainerStatuses?.find((each) => each.name === name);
    const { waiting, terminated } = container?.state ?? {};
    const reason =
      waiting?.reason ?? (terminated && terminated.exitCode !== 0 ? terminated.reason : undefined);
    if (reason === undefined || ON_THE_WAY.includes(reason)) continue;
    const said = terminated?.message ?? container?.lastState?.terminated?.message ?? waiting?.message;
    return `container ${name} does not run: ${reason}${said === undefined ? "" : `: ${said.trim()}`}`;
  }
  return undefined;
}

function placeOf(pod: Pod): EnvoyPod {
  const { metadata, spec } = pod;
  const { containers, initContainers = [] } = spec;
  const sidecar = [...initContainers, ...containers].find(({ name }) => name === PROXY_CONTAINER);
  const trouble = troubleOf(pod);
  const container =
    sidecar ?? containers.find(({ name, image }) => name === "envoy" || image?.includes("envoy"));
  return {
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    ...(container && { container: container.name }),
    adminPort: sidecar ? SIDECAR_PORTS.admin : PROXY_PORTS.admin,
    ...(trouble !== undefined && { trouble }),
  };
}
