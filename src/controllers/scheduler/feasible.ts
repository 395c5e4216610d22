import type { LabelSelector, Node, Pod, Toleration } from "../../objects/types.ts";
import { matchesExpression, matchesSelector } from "../runtime/labels.ts";

type Taint = NonNullable<Node["spec"]["taints"]>[number];
interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}
interface NodeTerm {
  readonly matchExpressions?: readonly Expression[];
  readonly matchFields?: readonly Expression[];
}
/** A requirement on pods nearby, of affinity or anti-affinity. */
export interface PodTerm {
  readonly labelSelector?: LabelSelector;
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: LabelSelector;
  readonly topologyKey: string;
}
interface Affinity {
  readonly nodeAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeTerm[] };
  };
  readonly podAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: PodTerm[] };
  readonly podAntiAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: PodTerm[] };
}

const UNSCHEDULABLE_TAINT: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** Whether a toleration covers a taint (api/core/v1 ToleratesTaint). */
function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === "Exists") return true;
  return toleration.key !== undefined && (toleration.value ?? "") === (taint.value ?? "");
}

/** The first taint of the given effects that a pod does not tolerate. */
export function untolerated(
  tolerations: readonly Toleration[] | undefined,
  taints: readonly Taint[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return (taints ?? []).find(
    (taint) => effects.includes(taint.effect) && !(tolerations ?? []).some((item) => tolerates(item, taint)),
  );
}

/** Whether a pod may run on a node by its nodeSelector and its required node affinity. */
export function matchesNode(pod: Pick<Pod, "spec">, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  const required = (pod.spec.affinity as Affinity | undefined)?.nodeAffinity
    ?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  const fields = { "metadata.name": node.metadata.name };
  return (
    matchExpressions.every((expression) => matchesExpression(expression as never, labels)) &&
    matchFields.every((expression) => matchesExpression(expression as never, fields))
  );
}

/** The required terms of a pod's affinity or anti-affinity to other pods. */
export function podTerms(pod: Pod, which: "podAffinity" | "podAntiAffinity"): readonly PodTerm[] {
  return (
    (pod.spec.affinity as Affinity | undefined)?.[which]?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  );
}

/** Whether a term of one pod means another one. */
export function termMatches(term: PodTerm, owner: Pod, other: Pod): boolean {
  if (!matchesSelector(term.labelSelector, other.metadata.labels)) return false;
  const { namespaces = [], namespaceSelector } = term;
  const namespace = other.metadata.namespace ?? "";
  if (namespaces.includes(namespace)) return true;
  // Only the selector of all namespaces can be told without their labels.
  if (namespaceSelector !== undefined) return matchesSelector(namespaceSelector, {});
  return namespaces.length === 0 && namespace === owner.metadata.namespace;
}

/** The ports of a node that a pod takes, as `protocol/address/port`. */
function hostPortsOf(pod: Pod): { protocol: string; address: string; port: number }[] {
  return pod.spec.containers.flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ hostPort, hostIP, protocol = "TCP" }) => ({
        protocol,
        address: hostIP === undefined || hostIP === "" || hostIP === "::" ? "0.0.0.0" : hostIP,
        port: hostPort as number,
      })),
  );
}

/** Whether two pods want the same port of a node; 0.0.0.0 is every address. */
export function portsCollide(a: Pod, b: Pod): boolean {
  const wanted = hostPortsOf(a);
  if (wanted.length === 0) return false;
  return hostPortsOf(b).some((taken) =>
    wanted.some(
      ({ protocol, address, port }) =>
        protocol === taken.protocol &&
        port === taken.port &&
        (address === taken.address || address === "0.0.0.0" || taken.address === "0.0.0.0"),
    ),
  );
}

/**
 * Why a pod cannot run on a node for the node's own sake, in kube-scheduler's words; undefined when it can.
 */
export function nodeObstacle(pod: Pod, node: Node): string | undefined {
  if (node.spec.unschedulable && untolerated(pod.spec.tolerations, [UNSCHEDULABLE_TAINT], ["NoSchedule"])) {
    return "node(s) were unschedulable";
  }
  const taint = untolerated(pod.spec.tolerations, node.spec.taints, ["NoSchedule", "NoExecute"]);
  if (taint !== undefined) return `node(s) had untolerated taint(s) {${taint.key}: ${taint.value ?? ""}}`;
  if (!matchesNode(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
  return undefined;
}
