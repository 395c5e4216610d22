import { parseQuantity } from "../../objects/quantity.ts";
import type { Container, Node, Pod } from "../../objects/types.ts";

const COUNTED = ["cpu", "memory", "ephemeral-storage"] as const;

/**
 * Which resource a node lacks for a pod, in kube-scheduler's words (NodeResourcesFit); undefined when it has
 * enough. What a node does not state has no limit.
 * @param here the pods on the node
 */
export function fits(pod: Pod, node: Node, here: readonly Pod[]): string | undefined {
  const allocatable = node.status?.allocatable ?? {};
  const most = allocatable.pods;
  if (most !== undefined && BigInt(here.length + 1) * BILLION > nanos(most)) return "Too many pods";
  for (const resource of COUNTED) {
    const wanted = requestOf(pod, resource);
    const limit = allocatable[resource];
    if (wanted === 0n || limit === undefined) continue;
    const taken = here.reduce((sum, other) => sum + requestOf(other, resource), 0n);
    if (taken + wanted > nanos(limit)) return `Insufficient ${resource}`;
  }
  return undefined;
}

const BILLION = 1_000_000_000n;

function nanos(text: string | number | undefined): bigint {
  const quantity = text === undefined ? undefined : parseQuantity(String(text));
  return typeof quantity === "object" ? quantity.nanos : 0n;
}

/** What a pod asks for: the sum of its containers, or its greediest init container if that is more. */
function requestOf(pod: Pod, resource: string): bigint {
  const of = ({ resources }: Container): bigint =>
    nanos(resources?.requests?.[resource] ?? resources?.limits?.[resource]);
  let most = pod.spec.containers.reduce((total, container) => total + of(container), 0n);
  for (const container of pod.spec.initContainers ?? []) if (of(container) > most) most = of(container);
  return most;
}
