/**
 * A pod with a sidecar, as a JSON patch of the pod without one. Pure. The patch adds, and changes nothing that is there:
 * an init container that captures the pod's traffic, a native sidecar (KEP-753) and the volume with its certificate.
 * Both come before the pod's own init containers, so that those are in the mesh, too.
 */
import type { JsonPatchOperation } from "../../objects/index.ts";
import type { AnyVolume, Container, EnvVar, Pod } from "../../objects/types.ts";
import { type CaptureRequest, captureArguments, captureRequest } from "./injection-capture.ts";
import { sidecarResources } from "./injection-resources.ts";
import { PodRefused } from "./pod-refused.ts";

/** The names of what is added; the mesh finds a pod's sidecar by them. */
export const INIT_CONTAINER = "tandem-init";
/** The sidecar. */
export const PROXY_CONTAINER = "tandem-proxy";
/** The volume with the sidecar's identity. */
export const IDENTITY_VOLUME = "tandem-identity";
/** Where the sidecar finds `tls.crt`, `tls.key` and `ca.crt`. */
export const IDENTITY_FOLDER = "/etc/tandem/xds";
/** The label of pods that were given a sidecar. */
export const SIDECAR_LABEL = "tandem.dev/sidecar";

const HEALTH_PORT = 15021;
const STATS_PORT = 15090;

/** What the proxy of one pod is started with; `$(POD_NAME)` and the like are filled in by the kubelet. */
export interface ProxyCommand {
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env?: readonly EnvVar[];
}

/** What is the same for all pods of a mesh. */
export interface InjectionSettings {
  /** Its entrypoint is `tandem`, and it has `nft` and `ip`. */
  readonly initImage: string;
  readonly proxyImage: string;
  /** How the proxy of a pod is run. The name may be missing: it is made later where only generateName is given. */
  readonly proxy: (workload: { namespace: string; serviceAccount: string; pod: Pod }) => ProxyCommand;
  /** The Secret with the certificate of a ServiceAccount, in the pod's namespace. */
  readonly identitySecret: (serviceAccount: string) => string;
  /** User and group of the sidecar. Default 1337. */
  readonly proxyUser?: number;
  /** SO_MARK of the sidecar's sockets, where pods cannot have users of their own (the lab). */
  readonly proxyMark?: number;
  /**
   * The kubelet finds out over which families a container without a readiness probe answers, by the ports that it
   * declares (the lab's does).
   */
  readonly probesDeclaredPorts?: boolean;
  /** Hop limit by which the kubelet's probes are told from what a node forwards in its own name. */
  readonly probeHopLimit?: number;
  /** The path of the sidecar's health. Default `/ready`. */
  readonly healthPath?: string;
  /** Of both containers, where the pod's annotations say nothing of them. */
  readonly resources?: Container["resources"];
  /** Where gRPC clients without a proxy ask, `host:port`; without any, no pod is made for that. */
  readonly grpcServers?: readonly string[];
}

/**
 * The patch for a pod that is to have a sidecar, see `decideInjection`.
 * @throws PodRefused when an annotation about its traffic cannot be read, or an application runs as the sidecar's user
 */
export function injectionPatch(
  pod: Pod,
  namespace: string,
  settings: InjectionSettings,
): JsonPatchOperation[] {
  const serviceAccount = pod.spec.serviceAccountName || "default";
  refuseProxyUser(pod, userOf(settings));
  const capture = captureRequest(pod, settings.probesDeclaredPorts);
  const command = settings.proxy({ namespace, serviceAccount, pod });
  const volume: AnyVolume = {
    name: IDENTITY_VOLUME,
    secret: { secretName: settings.identitySecret(serviceAccount) },
  };
  const resources = sidecarResources(pod) ?? settings.resources;
  // quotas and ranges of limits look at each container
  const containers = [initContainer(capture, settings), proxyContainer(command, settings)].map(
    (container) => ({
      ...container,
      ...(resources && { resources }),
    }),
  );
  return [
    ...addedLabels(pod, { [SIDECAR_LABEL]: "injected" }),
    ...first("/spec/initContainers", pod.spec.initContainers, containers),
    ...lastItem("/spec/volumes", pod.spec.volumes, volume),
  ];
}

function userOf({ proxyUser = 1337 }: InjectionSettings): number {
  return proxyUser;
}

/** What the sidecar's user connects to is let out as it is: an application of that user would be in no mesh, unseen. */
function refuseProxyUser({ spec }: Pod, user: number): void {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const { securityContext: all } = spec as { securityContext?: { runAsUser?: number; runAsGroup?: number } };
  for (const { name, securityContext: own } of containers) {
    const runsAs = own?.["runAsUser"] ?? all?.runAsUser;
    const group = own?.["runAsGroup"] ?? all?.runAsGroup;
    if (runsAs !== user && group !== user) continue;
    const what = runsAs === user ? "user" : "group";
    throw new PodRefused(
      `container ${name} runs as ${what} ${user}, which is the sidecar's own: take another one`,
    );
  }
}

function initContainer(capture: CaptureRequest, settings: InjectionSettings): Container {
  return {
    name: INIT_CONTAINER,
    image: settings.initImage,
    args: [
      "internal",
      "capture",
      ...captureArguments(capture),
      ...hopArguments(capture, settings),
      ...guardArguments(settings),
    ],
    env: [field("POD_NAME", "metadata.name"), field("HOST_IPS", "status.hostIPs")],
    // the pod's status says why it does not start
    terminationMessagePolicy: "FallbackToLogsOnError",
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  };
}

function hopArguments(capture: CaptureRequest, { probeHopLimit }: InjectionSettings): string[] {
  const isAsked = probeHopLimit !== undefined && capture["probe-ports"] !== undefined;
  return isAsked ? [`--probe-hop-limit=${probeHopLimit}`] : [];
}

/** How the rules know the sidecar's connections; without a mark by its user and group, as is the default. */
function guardArguments({ proxyUser, proxyMark }: InjectionSettings): string[] {
  const user = proxyUser === undefined ? [] : [`--proxy-users=${proxyUser}`, `--proxy-groups=${proxyUser}`];
  return proxyMark === undefined ? user : [...user, `--proxy-mark=${proxyMark}`];
}

function proxyContainer({ command, args, env = [] }: ProxyCommand, settings: InjectionSettings): Container {
  const user = userOf(settings);
  const httpGet = { path: settings.healthPath ?? "/ready", port: HEALTH_PORT };
  return {
    name: PROXY_CONTAINER,
    image: settings.proxyImage,
    // a sidecar in Kubernetes' sense: what follows starts once it has, and it ends after all others
    restartPolicy: "Always",
    ...(command !== undefined && { command: [...command] }),
    args: [...args],
    env: [
      field("POD_NAME", "metadata.name"),
      field("POD_NAMESPACE", "metadata.namespace"),
      field("POD_IPS", "status.podIPs"),
      field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
      ...env,
    ],
    ports: [{ name: "tandem-stats", containerPort: STATS_PORT, protocol: "TCP" }],
    startupProbe: { httpGet, periodSeconds: 1, failureThreshold: 600, timeoutSeconds: 3 },
    readinessProbe: { httpGet, periodSeconds: 5, failureThreshold: 4, timeoutSeconds: 3 },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: user,
      runAsNonRoot: true,
      runAsUser: user,
    },
    volumeMounts: [{ name: IDENTITY_VOLUME, mountPath: IDENTITY_FOLDER, readOnly: true }],
  };
}

/** A variable of the environment with a field of the pod. */
export function field(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/** Labels in addition to those of a pod. */
export function addedLabels({ metadata }: Pod, values: Record<string, string>): JsonPatchOperation[] {
  const path = "/metadata/labels";
  const present = metadata.labels;
  if (present === undefined) return [{ op: "add", path, value: values }];
  return Object.entries(values).map(([key, value]) => ({
    op: "add",
    path: `${path}/${escaped(key)}`,
    value,
  }));
}

function first(
  path: string,
  present: readonly unknown[] | undefined,
  items: readonly unknown[],
): JsonPatchOperation[] {
  if (present === undefined || present === null) return [{ op: "add", path, value: items }];
  return items.map((value, index) => ({ op: "add", path: `${path}/${index}`, value }));
}

/** One more item of a list. */
export function lastItem(
  path: string,
  present: readonly unknown[] | undefined,
  item: unknown,
): JsonPatchOperation[] {
  if (present === undefined || present === null) return [{ op: "add", path, value: [item] }];
  return [{ op: "add", path: `${path}/-`, value: item }];
}

/** A key as a part of a JSON pointer (RFC 6901). */
function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
