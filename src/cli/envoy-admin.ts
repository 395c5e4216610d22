/** Asks Envoys in pods for their configuration. Their admin interface is on loopback, so it is asked from inside. */
import { execToText, type KubeClient } from "../client/index.ts";
import { GATEWAY_NAME_LABEL, labelValue, PROXY_LABEL } from "../controllers/gateway/names.ts";
import { type EnvoyDump, parseDump } from "../envoy/current/dump.ts";
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

const DUMP_PATH = "/config_dump?include_eds";
/** Endpoints with what their health checks say. */
export const CLUSTERS_PATH = "/clusters?format=json";
/** The stream of ADS while it is open; `control_plane.connected_state` is 1 while a connection is tried, too. */
const XDS_STREAMS = "cluster.tandem-xds.upstream_rq_active";
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
  const pod = placeOf(await readPod(client, podName, namespace));
  if (pod.container !== undefined) return pod;
  throw new UserError({
    what: "cannot ask Envoy",
    where: `pod ${pod.namespace}/${pod.name}`,
    why: `it has no sidecar (container ${PROXY_CONTAINER}), nor another container with Envoy`,
    next: `pods get one when they are made: kubectl label namespace ${pod.namespace} tandem.dev/inject=enabled, and restart them`,
  });
}

async function hasGateway(client: KubeClient, name: string, namespace: string): Promise<boolean> {
  try {
    await client.get<Gateway>(GATEWAY_KINDS.Gateway, name, namespace);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return false;
    throw error;
  }
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
    [PROXY_LABEL, SIDECAR_LABEL].map((label) => labelled(client, label, namespace)),
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
    .filter((pod) => runsEnvoy(pod) || troubleOf(pod) !== undefined)
    .map(placeOf);
}

/** A pod waits for its sidecar's first configuration: it does not run yet, and its sidecar does. */
function runsEnvoy({ status }: Pod): boolean {
  const sidecar = status?.initContainerStatuses?.find(({ name }) => name === PROXY_CONTAINER);
  return status?.phase === "Running" || sidecar?.state?.running !== undefined;
}

/** What kubelets say of containers that are about to run. */
const ON_THE_WAY = ["PodInitializing", "ContainerCreating"];

/** Why the sidecar of a pod does not run, or its capture has not worked; undefined where it runs, or is on its way. */
function troubleOf({ status }: Pod): string | undefined {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
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

/** Whether an Envoy is connected to its control plane. @throws as dumpOf */
export async function hasControlPlane(client: KubeClient, pod: EnvoyPod): Promise<boolean> {
  const text = await askEnvoy(client, pod, `/stats?filter=^${XDS_STREAMS}$`);
  return !text.includes(`${XDS_STREAMS}: 0`);
}

/** What the Envoy of a pod has. @throws UserError where it does not answer; ApiError where the pod cannot be entered */
export async function dumpOf(client: KubeClient, pod: EnvoyPod, signal?: AbortSignal): Promise<EnvoyDump> {
  return parseDump(await askEnvoy(client, pod, DUMP_PATH, signal), `pod ${pod.namespace}/${pod.name}`);
}

/** The same, with how far Envoy's clock is from this machine's, in milliseconds, where Envoy says what time it is. */
export async function dumpAndClockOf(
  client: KubeClient,
  pod: EnvoyPod,
): Promise<{ readonly dump: EnvoyDump; readonly clockOffset?: number }> {
  const { body, date } = await answerOf(client, pod, DUMP_PATH);
  const dump = parseDump(body, `pod ${pod.namespace}/${pod.name}`);
  return { dump, ...(date !== undefined && { clockOffset: date - Date.now() }) };
}

/** The answer of an Envoy's admin interface to a GET. @throws as dumpOf */
export async function askEnvoy(
  client: KubeClient,
  pod: EnvoyPod,
  path: string,
  signal?: AbortSignal,
): Promise<string> {
  return (await answerOf(client, pod, path, signal)).body;
}

/** An answer with its time (Unix milliseconds), where that was told. */
interface Answer {
  readonly body: string;
  readonly date?: number;
}

async function answerOf(
  client: KubeClient,
  pod: EnvoyPod,
  path: string,
  signal?: AbortSignal,
): Promise<Answer> {
  if (pod.trouble !== undefined)
    throw new UserError({
      what: "cannot ask Envoy",
      where: `pod ${pod.namespace}/${pod.name}`,
      why: pod.trouble,
      next: `kubectl -n ${pod.namespace} describe pod ${pod.name}`,
    });
  const { code, out, err } = await execToText(client, {
    namespace: pod.namespace,
    pod: pod.name,
    ...(pod.container !== undefined && { container: pod.container }),
    command: ["sh", "-c", ASK, "ask", String(pod.adminPort), path],
    ...(signal && { signal }),
  });
  if (code === 0) return { body: bodyOf(out), ...dateIn(out.startsWith("HTTP/1.1 ") ? out : `date: ${err}`) };
  const port = pod.adminPort;
  throw new UserError({
    what: "cannot ask Envoy",
    where: `pod ${pod.namespace}/${pod.name}`,
    why: err.trim() || `its admin interface does not answer on loopback port ${port}`,
    next: `kubectl -n ${pod.namespace} port-forward ${pod.name} ${port}, curl 'localhost:${port}${DUMP_PATH}' into a file, and give that to --file`,
  });
}

/** By curl where the image has it, else by bash alone; the admin interface is on the loopback of one family. */
const ASK = `for host in 127.0.0.1 ::1; do
  case $host in *:*) name="[$host]" ;; *) name=$host ;; esac
  if command -v curl >/dev/null 2>&1; then
    curl -gsf --max-time 20 -w '%{stderr}%header{date}' "http://$name:$1$2" && exit 0
  elif command -v bash >/dev/null 2>&1; then
    bash -c 'exec 3<>/dev/tcp/'"$host/$1"' || exit 1
      printf "GET '"$2"' HTTP/1.1\\r\\nHost: admin\\r\\nConnection: close\\r\\n\\r\\n" >&3; cat <&3' 2>/dev/null && exit 0
  else echo "the image has neither curl nor bash" >&2; exit 1
  fi
done
exit 1`;

/** Source: RFC 9110 §6.6.1. An old curl does not know of headers, and says something else. */
function dateIn(headers: string): { date?: number } {
  const date = Date.parse(/^date: (.*)$/im.exec(headers)?.[1]?.trim() ?? "");
  return Number.isNaN(date) ? {} : { date };
}

/** The body of an answer that came with its headers and in chunks (RFC 9112 §7.1), or as it is. */
function bodyOf(answer: string): string {
  if (!answer.startsWith("HTTP/1.1 ")) return answer;
  const end = answer.indexOf("\r\n\r\n");
  const headers = answer.slice(0, end).toLowerCase();
  // lengths are in bytes
  let rest = Buffer.from(answer.slice(end + 4));
  if (!headers.includes("transfer-encoding: chunked")) return rest.toString();
  const chunks: Buffer[] = [];
  for (;;) {
    const line = rest.indexOf("\r\n");
    const length = Number.parseInt(rest.subarray(0, line).toString(), 16);
    if (line < 0 || !(length > 0)) return Buffer.concat(chunks).toString();
    chunks.push(rest.subarray(line + 2, line + 2 + length));
    rest = rest.subarray(line + 2 + length + 2);
  }
}
