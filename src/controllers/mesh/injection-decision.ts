/** Whether a pod is to have a sidecar. Pure. */
import type { Pod } from "../../objects/types.ts";
import { PROXY_LABEL } from "../gateway/names.ts";
import { GRPC_MODE } from "./injection-grpc.ts";
import { PROXY_CONTAINER } from "./injection.ts";

/** The answer, with the reason where it is no. */
export type Decision = { readonly inject: true } | { readonly inject: false; readonly why: string };

/** The labels that ask for a sidecar, ours first: what it says counts. Namespaces have the second one of Istio's. */
export const INJECT_LABEL = "tandem.dev/inject";
/** Istio's label of pods. */
export const ISTIO_POD_LABEL = "sidecar.istio.io/inject";
/** Istio's label of namespaces. */
export const ISTIO_NAMESPACE_LABEL = "istio-injection";

/** Namespaces whose pods never have one: the mesh needs them to start. */
export const NEVER_INJECTED: readonly string[] = [
  "kube-system",
  "kube-public",
  "kube-node-lease",
  "tandem-system",
];

/** Whether a pod has a sidecar already. */
function hasSidecar({ spec }: Pick<Pod, "spec">): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(({ name }) => name === PROXY_CONTAINER);
}

/** Whether a pod of the mesh speaks xDS itself, and is to have no proxy. */
export function speaksXds({ metadata }: Pick<Pod, "metadata">): boolean {
  return metadata.labels?.[INJECT_LABEL] === GRPC_MODE;
}

/**
 * The pod's own word counts, then its namespace's. Without the namespace's labels, the webhook's selectors have decided
 * already that the namespace asks for it.
 */
export function decideInjection(
  pod: Pod,
  namespace: string,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
): Decision {
  const never = reasonAgainst(pod, namespace);
  if (never !== undefined) return { inject: false, why: never };
  const own = wordOf(pod.metadata.labels, [INJECT_LABEL, ISTIO_POD_LABEL], pod.metadata.annotations);
  if (own === false) return { inject: false, why: "the pod wants none" };
  if (own === true || namespaceLabels === undefined) return { inject: true };
  const word = wordOf(namespaceLabels, [INJECT_LABEL, ISTIO_NAMESPACE_LABEL]);
  return word === true ? { inject: true } : { inject: false, why: "its namespace does not ask for it" };
}

function reasonAgainst(pod: Pod, namespace: string): string | undefined {
  const { spec, metadata } = pod;
  if (hasSidecar(pod)) return "the pod has one";
  if (spec.hostNetwork === true) return "the pod uses its node's network";
  if (NEVER_INJECTED.includes(namespace)) return `pods of ${namespace} have none`;
  if (metadata.labels?.[PROXY_LABEL] !== undefined) return "the pod is the proxy of a Gateway";
  if (metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined) return "the pod is a static one";
  const os = (spec as { os?: { name?: string } }).os?.name;
  return os === "windows" ? "the pod runs on Windows" : undefined;
}

/** The first of the labels that says yes or no; annotations of the same names as a second place (Istio's older form). */
function wordOf(
  labels: Readonly<Record<string, string>> | undefined,
  names: readonly string[],
  annotations?: Readonly<Record<string, string>>,
): boolean | undefined {
  for (const name of names) {
    const word = (labels?.[name] ?? annotations?.[name])?.toLowerCase();
    if (word === "true" || word === "enabled" || word === GRPC_MODE) return true;
    if (word === "false" || word === "disabled") return false;
  }
  return undefined;
}
