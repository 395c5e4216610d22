/** Whether a pod is to have a sidecar. Pure. */
import type { Pod } from "../../objects/types.ts";
import { PROXY_LABEL } from "../gateway/names.ts";
import { GRPC_MODE } from "./injection-grpc.ts";
import { PROXY_CONTAINER } from "./injection.ts";
import { PodRefused } from "./pod-refused.ts";

/** The answer; where it is no, with the reason, and whether the pod itself asks in vain. */
export type Decision =
  | { readonly inject: true; readonly mode: Mode }
  | { readonly inject: false; readonly why: string; readonly inVain: boolean };

/** A sidecar, or what a client needs that speaks xDS itself. */
type Mode = "sidecar" | typeof GRPC_MODE;

/** The labels that ask for a sidecar, ours first: what it says counts. Namespaces have the second one of Istio's. */
export const INJECT_LABEL = "tandem.dev/inject";
/** Istio's label of pods. */
export const ISTIO_POD_LABEL = "sidecar.istio.io/inject";
/** Istio's label of namespaces. */
export const ISTIO_NAMESPACE_LABEL = "istio-injection";

/** What the labels say, in small letters. */
export const YES: readonly string[] = ["enabled", "true"];
/** The same for no. */
export const NO: readonly string[] = ["disabled", "false"];

/** Namespaces whose pods never have one: the mesh needs them to start. */
export const NEVER_INJECTED: readonly string[] = [
  "kube-system",
  "kube-public",
  "kube-node-lease",
  "tandem-system",
];

const ISTIO_CONTAINER = "istio-proxy";

/**
 * The pod's own word counts, then its namespace's.
 * @param asked what the webhook's selectors have found of the namespace, where the pod itself says nothing: it asks for
 * sidecars, or has a label of ours that says neither
 * @throws PodRefused when a label of ours says neither yes nor no, instead of leaving the pod out of the mesh unseen
 */
export function decideInjection(pod: Pod, namespace: string, asked: "asked" | "unreadable"): Decision {
  const own = ownWord(pod);
  const never = reasonAgainst(pod, namespace);
  if (never !== undefined) return { inject: false, why: never, inVain: own === true || own === GRPC_MODE };
  if (own === false) return { inject: false, why: "the pod wants none", inVain: false };
  if (own === undefined && asked === "unreadable")
    throw new PodRefused(
      `namespace ${namespace}: its label ${INJECT_LABEL} is neither enabled (true) nor disabled (false)`,
    );
  return { inject: true, mode: own === GRPC_MODE ? GRPC_MODE : "sidecar" };
}

function reasonAgainst(pod: Pod, namespace: string): string | undefined {
  const { spec, metadata } = pod;
  if (has(pod, PROXY_CONTAINER)) return "the pod has one";
  if (has(pod, ISTIO_CONTAINER)) return `the pod has a proxy of Istio's (container ${ISTIO_CONTAINER})`;
  if (spec.hostNetwork === true) return "the pod uses its node's network";
  if (NEVER_INJECTED.includes(namespace)) return `pods of ${namespace} have none`;
  if (metadata.labels?.[PROXY_LABEL] !== undefined) return "the pod is the proxy of a Gateway";
  if (metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined) return "the pod is a static one";
  const os = (spec as { os?: { name?: string } }).os?.name;
  return os === "windows" ? "the pod runs on Windows" : undefined;
}

function has({ spec }: Pod, container: string): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(({ name }) => name === container);
}

/** The first that says something: our label, Istio's; annotations of the same names are a second place (Istio's older form). */
function ownWord({ metadata }: Pod): boolean | typeof GRPC_MODE | undefined {
  const said = (name: string) => (metadata.labels?.[name] ?? metadata.annotations?.[name])?.toLowerCase();
  const ours = said(INJECT_LABEL);
  if (ours === GRPC_MODE) return GRPC_MODE;
  const word = meaning(ours);
  if (word !== undefined) return word;
  if (ours !== undefined)
    throw new PodRefused(
      `label ${INJECT_LABEL}: ${JSON.stringify(ours)} is none of true (enabled), false (disabled), ${GRPC_MODE}`,
    );
  // as Istio does, what cannot be read of its own is passed over
  return meaning(said(ISTIO_POD_LABEL));
}

function meaning(word = ""): boolean | undefined {
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}
