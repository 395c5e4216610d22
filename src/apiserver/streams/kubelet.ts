import { KINDS, type Kind } from "../../objects/kinds.ts";
import { ApiError, badRequest, notFound } from "../../objects/status.ts";
import type { Node, Pod } from "../../objects/types.ts";
import type { Store } from "../../store/contract.ts";
import { keyOf } from "../registry/keys.ts";

/** Where a pod's kubelet answers, and the path to ask for there. */
export interface KubeletTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

const KUBELET_PORT = 10250;

/**
 * Translates a request for a pod's stream into the kubelet's own (pkg/registry/core/pod/strategy.go: LogLocation,
 * streamLocation). Undefined for the log of a pod that has no node yet: it is empty.
 * @throws ApiError 400, 404, 503
 */
export function kubeletTarget(
  store: Store<string>,
  place: { readonly namespace: string; readonly name: string; readonly subresource: string },
  query: URLSearchParams,
): KubeletTarget | undefined {
  const pod = read<Pod>(store, KINDS.Pod, place.namespace, place.name);
  const container = place.subresource === "portforward" ? "" : containerOf(pod, query.get("container") ?? "");
  const nodeName = pod.spec.nodeName ?? "";
  if (nodeName === "") {
    if (place.subresource === "log") return undefined;
    throw badRequest(`pod ${place.name} does not have a host assigned`);
  }
  const node = read<Node>(store, KINDS.Node, undefined, nodeName);
  return { ...endpointOf(node), path: pathOf(place, container, query) };
}

function read<T>(store: Store<string>, kind: Kind, namespace: string | undefined, name: string): T {
  const entry = store.get(keyOf(kind, namespace, name));
  if (entry === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name);
  return JSON.parse(entry.value) as T;
}

function endpointOf({ metadata, status }: Node): { host: string; port: number } {
  const host = status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
  if (host === undefined) {
    const message = `no preferred addresses found; node ${JSON.stringify(metadata.name)} has no InternalIP`;
    throw new ApiError({ message, reason: "ServiceUnavailable", code: 503 });
  }
  return { host, port: status?.daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT };
}

function containerOf({ metadata, spec }: Pod, asked: string): string {
  const added = spec.ephemeralContainers ?? [];
  const names = [...(spec.initContainers ?? []), ...spec.containers, ...added].map(({ name }) => name);
  if (asked !== "") {
    if (names.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
  }
  const preferred = metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  if (preferred !== undefined && names.includes(preferred)) return preferred;
  const [only, second] = spec.containers;
  if (only !== undefined && second === undefined) return only.name;
  const choices = spec.containers.map(({ name }) => name).join(" ");
  throw badRequest(
    `a container name must be specified for pod ${metadata.name}, choose one of: [${choices}]`,
  );
}

/** What the kubelet calls the API's parameters. */
const STREAM_FLAGS = { stdin: "input", stdout: "output", stderr: "error", tty: "tty" } as const;
const LOG_PARAMETERS = [
  "follow",
  "previous",
  "timestamps",
  "sinceSeconds",
  "sinceTime",
  "tailLines",
  "limitBytes",
  "stream",
];

function pathOf(
  { namespace, name, subresource }: { namespace: string; name: string; subresource: string },
  container: string,
  query: URLSearchParams,
): string {
  const parameters = subresource === "log" ? logParameters(query) : streamParameters(subresource, query);
  const place = [namespace, name, ...(container === "" ? [] : [container])].map(encodeURIComponent).join("/");
  const roots: Record<string, string> = { log: "containerLogs", portforward: "portForward" };
  const text = parameters.toString();
  return `/${roots[subresource] ?? subresource}/${place}${text === "" ? "" : `?${text}`}`;
}

function logParameters(query: URLSearchParams): URLSearchParams {
  const result = new URLSearchParams();
  for (const name of LOG_PARAMETERS) {
    const value = query.get(name);
    if (value !== null && value !== "") result.set(name, value);
  }
  return result;
}

function streamParameters(subresource: string, query: URLSearchParams): URLSearchParams {
  const result = new URLSearchParams();
  if (subresource === "portforward") {
    const ports = query.getAll("ports").flatMap((value) => value.split(","));
    for (const port of ports) result.append("port", port);
    return result;
  }
  for (const [ours, theirs] of Object.entries(STREAM_FLAGS)) {
    const value = query.get(ours);
    if (value !== null && value !== "false" && value !== "0") result.set(theirs, "1");
  }
  if (subresource === "exec") for (const word of query.getAll("command")) result.append("command", word);
  return result;
}
