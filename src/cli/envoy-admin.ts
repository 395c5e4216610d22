/** Asks Envoys in pods for their configuration. Their admin interface is on loopback, so it is asked from inside. */
import { execToText, type KubeClient } from "../client/index.ts";
import { type EnvoyDump, parseDump } from "../envoy/current/dump.ts";
import { UserError } from "../errors/user-error.ts";
import { ApiError } from "../objects/status.ts";
import type { EnvoyPod } from "./envoy-pods.ts";

const DUMP_PATH = "/config_dump?include_eds";
/** Endpoints with what their health checks say. */
export const CLUSTERS_PATH = "/clusters?format=json";
/** The stream of ADS while it is open; `control_plane.connected_state` is 1 while a connection is tried, too. */
const XDS_STREAMS = "cluster.tandem-xds.upstream_rq_active";

/** Whether an Envoy is connected to its control plane. @throws as dumpOf */
export async function hasControlPlane(client: KubeClient, pod: EnvoyPod): Promise<boolean> {
  const text = await askEnvoy(client, pod, `/stats?filter=^${XDS_STREAMS}$`);
  return !text.includes(`${XDS_STREAMS}: 0`);
}

/** What the Envoy of a pod has. @throws UserError where it does not answer, or the pod cannot be entered */
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
  if (pod.trouble !== undefined) throw unasked(pod, pod.trouble);
  const { code, out, err } = await execIn(client, pod, path, signal);
  if (code === 0) return { body: bodyOf(out), ...dateIn(out.startsWith("HTTP/1.1 ") ? out : `date: ${err}`) };
  const port = pod.adminPort;
  throw new UserError({
    what: "cannot ask Envoy",
    where: `pod ${pod.namespace}/${pod.name}`,
    why: err.trim() || `its admin interface does not answer on loopback port ${port}`,
    next: `kubectl -n ${pod.namespace} port-forward ${pod.name} ${port}, curl 'localhost:${port}${DUMP_PATH}' into a file, and give that to --file`,
  });
}

/** @throws UserError where the pod cannot be entered */
async function execIn(
  client: KubeClient,
  pod: EnvoyPod,
  path: string,
  signal?: AbortSignal,
): Promise<Awaited<ReturnType<typeof execToText>>> {
  try {
    return await execToText(client, {
      namespace: pod.namespace,
      pod: pod.name,
      ...(pod.container !== undefined && { container: pod.container }),
      command: ["sh", "-c", ASK, "ask", String(pod.adminPort), path],
      ...(signal && { signal }),
    });
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    throw unasked(pod, cause.message, cause);
  }
}

function unasked(pod: EnvoyPod, why: string, cause?: Error): UserError {
  return new UserError({
    what: "cannot ask Envoy",
    where: `pod ${pod.namespace}/${pod.name}`,
    why,
    next: `kubectl -n ${pod.namespace} describe pod ${pod.name}`,
    ...(cause && { cause }),
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
