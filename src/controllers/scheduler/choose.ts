import type { Node, Pod } from "../../objects/types.ts";
import { controllerOf } from "../runtime/owners.ts";
import { isPodTerminal } from "../runtime/pods.ts";
import { nodeObstacle, podTerms, portsCollide, termMatches } from "./feasible.ts";
import { fits } from "./resources.ts";

/** Either a node, or why there is none, in kube-scheduler's words. */
export type Choice = { readonly node: string } | { readonly message: string };

/**
 * The node for a pod: of those that may take it the one with the fewest pods of the same controller, then the
 * fewest pods, then the first by name.
 * @param placed pods that are on a node, or about to be
 */
export function chooseNode(pod: Pod, nodes: readonly Node[], placed: readonly Pod[]): Choice {
  if (nodes.length === 0) return { message: "no nodes available to schedule pods" };
  const alive = placed.filter((other) => !isPodTerminal(other));
  const byNode = Map.groupBy(alive, (other) => other.spec.nodeName ?? "");
  const nodeByName = new Map(nodes.map((node) => [node.metadata.name, node]));
  const obstacles = new Map<string, number>();
  const candidates: { name: string; score: readonly [number, number] }[] = [];
  for (const node of nodes) {
    const here = byNode.get(node.metadata.name) ?? [];
    const obstacle = nodeObstacle(pod, node) ?? neighbourObstacle(pod, node, here, alive, nodeByName);
    if (obstacle !== undefined) obstacles.set(obstacle, (obstacles.get(obstacle) ?? 0) + 1);
    else candidates.push({ name: node.metadata.name, score: [siblingsOf(pod, here), here.length] });
  }
  candidates.sort((a, b) => a.score[0] - b.score[0] || a.score[1] - b.score[1] || (a.name < b.name ? -1 : 1));
  const best = candidates[0];
  return best === undefined ? { message: summary(nodes.length, obstacles) } : { node: best.name };
}

function siblingsOf(pod: Pod, here: readonly Pod[]): number {
  const owner = controllerOf(pod)?.uid;
  return owner === undefined ? 0 : here.filter((other) => controllerOf(other)?.uid === owner).length;
}

/** `0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.` */
function summary(total: number, obstacles: ReadonlyMap<string, number>): string {
  const reasons = [...obstacles].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${total} nodes are available: ${reasons.join(", ")}.`;
}

function neighbourObstacle(
  pod: Pod,
  node: Node,
  here: readonly Pod[],
  all: readonly Pod[],
  nodes: ReadonlyMap<string, Node>,
): string | undefined {
  if (here.some((other) => portsCollide(pod, other))) {
    return "node(s) didn't have free ports for the requested pod ports";
  }
  const lacking = fits(pod, node, here);
  if (lacking !== undefined) return lacking;
  return affinityObstacle(pod, node, all, nodes);
}

function affinityObstacle(
  pod: Pod,
  node: Node,
  all: readonly Pod[],
  nodes: ReadonlyMap<string, Node>,
): string | undefined {
  const near = (key: string, other: Pod): boolean => {
    const value = node.metadata.labels?.[key];
    return value !== undefined && nodes.get(other.spec.nodeName ?? "")?.metadata.labels?.[key] === value;
  };
  const attracted = podTerms(pod, "podAffinity").every((term) => {
    const friends = all.filter((other) => termMatches(term, pod, other));
    // The first pod of a group that wants to be together goes anywhere with the topology.
    if (friends.length === 0) {
      return termMatches(term, pod, pod) && node.metadata.labels?.[term.topologyKey] !== undefined;
    }
    return friends.some((other) => near(term.topologyKey, other));
  });
  if (!attracted) return "node(s) didn't match pod affinity rules";
  const repelled = podTerms(pod, "podAntiAffinity").some((term) =>
    all.some((other) => near(term.topologyKey, other) && termMatches(term, pod, other)),
  );
  if (repelled) return "node(s) didn't match pod anti-affinity rules";
  const unwelcome = all.some((other) =>
    podTerms(other, "podAntiAffinity").some(
      (term) => near(term.topologyKey, other) && termMatches(term, other, pod),
    ),
  );
  return unwelcome ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined;
}
