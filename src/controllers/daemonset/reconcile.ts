import { KINDS } from "../../objects/kinds.ts";
import type { DaemonSet, Node, Pod, PodTemplateSpec, Toleration } from "../../objects/types.ts";
import { isPodReady, isPodTerminal, untilAvailable } from "../runtime/pods.ts";
import { podFromTemplate, resolveCount, templateHash } from "../runtime/pod-template.ts";
import { matchesNode, untolerated } from "../scheduler/feasible.ts";
import { REVISION_LABEL } from "./history.ts";

/** Tolerations that every DaemonSet pod has (pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations). */
const TOLERATIONS: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const HOST_NETWORK_TOLERATION: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/** What one sync of a DaemonSet does. */
export interface DaemonPlan {
  readonly create: readonly Omit<Pod, "apiVersion" | "kind">[];
  readonly delete: readonly Pod[];
  readonly status: NonNullable<DaemonSet["status"]>;
  /** Milliseconds until a pod becomes available by waiting alone. */
  readonly recheck?: number;
}

/**
 * The pods that a DaemonSet lacks or has too many of, one a node (pkg/controller/daemon): on nodes that match
 * its selectors and whose taints it tolerates. A rolling update replaces at most `maxUnavailable` pods at
 * once, or with `maxSurge` starts the new one first.
 * @param owned the pods that it controls
 * @param hash what pods of the present template have in their label
 */
export function planDaemonSet(
  set: DaemonSet,
  nodes: readonly Node[],
  owned: readonly Pod[],
  now: number,
  hash = templateHash(set.spec.template),
): DaemonPlan {
  const template = daemonTemplate(set);
  const state = new Placement(set, hash, nodes, owned, template, now);
  const create: Omit<Pod, "apiVersion" | "kind">[] = [];
  const remove = new Set<Pod>();
  if (set.metadata.deletionTimestamp === undefined) {
    state.placePods(create, remove);
    if (set.spec.updateStrategy?.type !== "OnDelete") state.rollOn(create, remove);
  }
  const { status, recheck } = state.status();
  return { create, delete: [...remove], status, ...(recheck === undefined ? {} : { recheck }) };
}

function daemonTemplate(set: DaemonSet): PodTemplateSpec {
  const { template } = set.spec;
  const added = template.spec.hostNetwork ? [...TOLERATIONS, HOST_NETWORK_TOLERATION] : TOLERATIONS;
  const own = template.spec.tolerations ?? [];
  const missing = added.filter(
    ({ key, effect }) => !own.some((item) => item.key === key && item.effect === effect),
  );
  return { ...template, spec: { ...template.spec, tolerations: [...own, ...missing] } };
}

/** The name of the node that a pod is on, or is meant for while it is not bound. */
export function nodeOfDaemonPod(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const affinity = pod.spec.affinity as { nodeAffinity?: Record<string, unknown> } | undefined;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution as
    | { nodeSelectorTerms?: { matchFields?: { key: string; values?: string[] }[] }[] }
    | undefined;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    const field = matchFields.find(({ key }) => key === "metadata.name");
    if (field?.values?.length === 1) return field.values[0];
  }
  return undefined;
}

class Placement {
  readonly #set: DaemonSet;
  readonly #hash: string;
  readonly #template: PodTemplateSpec;
  readonly #now: number;
  readonly #byNode: Map<string, Pod[]>;
  readonly #wanted: Node[];
  readonly #nodes: readonly Node[];

  constructor(
    set: DaemonSet,
    hash: string,
    nodes: readonly Node[],
    owned: readonly Pod[],
    template: PodTemplateSpec,
    now: number,
  ) {
    this.#set = set;
    this.#hash = hash;
    this.#template = template;
    this.#now = now;
    this.#nodes = nodes;
    this.#byNode = Map.groupBy(owned, (pod) => nodeOfDaemonPod(pod) ?? "");
    this.#wanted = nodes.filter((node) => this.#mayRun(node));
  }

  #mayRun(node: Node): boolean {
    const { spec } = this.#template;
    return (
      matchesNode({ spec }, node) &&
      untolerated(spec.tolerations, node.spec.taints, ["NoSchedule", "NoExecute"]) === undefined
    );
  }

  /** Whether a pod that runs already may stay: only NoExecute drives it out. */
  #mayStay(node: Node): boolean {
    const { spec } = this.#template;
    return (
      matchesNode({ spec }, node) &&
      untolerated(spec.tolerations, node.spec.taints, ["NoExecute"]) === undefined
    );
  }

  /** Pods on the node that are not going. */
  #alive(node: Node): Pod[] {
    return (this.#byNode.get(node.metadata.name) ?? []).filter(({ metadata }) => !metadata.deletionTimestamp);
  }

  placePods(create: Omit<Pod, "apiVersion" | "kind">[], remove: Set<Pod>): void {
    const wanted = new Set(this.#wanted);
    for (const node of this.#nodes) {
      const alive = this.#alive(node);
      for (const pod of alive) if (isPodTerminal(pod)) remove.add(pod);
      const running = alive.filter((pod) => !isPodTerminal(pod));
      if (!wanted.has(node)) {
        if (!this.#mayStay(node)) for (const pod of running) remove.add(pod);
        continue;
      }
      // While an old pod goes its place is taken: the node's ports and addresses are still in use.
      const leaving = (this.#byNode.get(node.metadata.name) ?? []).length > alive.length;
      if (running.length === 0 && !leaving) create.push(this.#podFor(node));
      for (const surplus of this.#surplus(running)) remove.add(surplus);
    }
    for (const pod of this.#byNode.get("") ?? []) remove.add(pod);
  }

  /** Of several pods of the same age of template the oldest stays. */
  #surplus(pods: readonly Pod[]): Pod[] {
    const byAge = [...pods].sort((a, b) =>
      (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1,
    );
    const surging = this.#surge() > 0;
    const isNew = (pod: Pod): boolean => this.#isCurrent(pod);
    if (!surging) return byAge.slice(1);
    return [...byAge.filter(isNew).slice(1), ...byAge.filter((pod) => !isNew(pod)).slice(1)];
  }

  rollOn(create: Omit<Pod, "apiVersion" | "kind">[], remove: Set<Pod>): void {
    let surge = this.#surge();
    let lacking = resolveCount(
      this.#rolling().maxUnavailable ?? (surge > 0 ? 0 : 1),
      this.#wanted.length,
      true,
    );
    if (surge === 0 && lacking === 0) lacking = 1;
    const replaceable: Pod[] = [];
    for (const node of this.#wanted) {
      const alive = this.#alive(node).filter((pod) => !isPodTerminal(pod) && !remove.has(pod));
      const old = alive.find((pod) => !this.#isCurrent(pod));
      const current = alive.find((pod) => this.#isCurrent(pod));
      const serves = alive.some((pod) => this.#isAvailable(pod));
      if (!serves) lacking--;
      if (old === undefined) continue;
      if (current !== undefined) {
        surge--;
        if (this.#isAvailable(current)) remove.add(old);
      } else if (!serves) remove.add(old);
      else replaceable.push(old);
    }
    for (const old of replaceable) {
      const node = this.#wanted.find(({ metadata }) => metadata.name === nodeOfDaemonPod(old));
      if (surge-- > 0 && node !== undefined) create.push(this.#podFor(node));
      else if (this.#surge() === 0 && lacking-- > 0) remove.add(old);
    }
  }

  #rolling(): { maxSurge?: number | string; maxUnavailable?: number | string } {
    return this.#set.spec.updateStrategy?.rollingUpdate ?? {};
  }

  #surge(): number {
    if (this.#set.spec.updateStrategy?.type === "OnDelete") return 0;
    return resolveCount(this.#rolling().maxSurge, this.#wanted.length, true);
  }

  #isCurrent(pod: Pod): boolean {
    return pod.metadata.labels?.[REVISION_LABEL] === this.#hash;
  }

  #isAvailable(pod: Pod): boolean {
    return untilAvailable(pod, this.#set.spec.minReadySeconds ?? 0, this.#now) === 0;
  }

  /** A pod that only this node can take; the scheduler binds it. */
  #podFor(node: Node): Omit<Pod, "apiVersion" | "kind"> {
    const pod = podFromTemplate(KINDS.DaemonSet, this.#set, this.#template);
    const nodeSelectorTerms = [
      { matchFields: [{ key: "metadata.name", operator: "In", values: [node.metadata.name] }] },
    ];
    const affinity = pod.spec.affinity as { nodeAffinity?: object } | undefined;
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
    pod.spec.affinity = { ...affinity, nodeAffinity: { ...affinity?.nodeAffinity, ...required } };
    pod.metadata.labels = { ...pod.metadata.labels, [REVISION_LABEL]: this.#hash };
    return pod;
  }

  status(): { status: NonNullable<DaemonSet["status"]>; recheck?: number } {
    const wanted = new Set(this.#wanted.map(({ metadata }) => metadata.name));
    const on = this.#wanted.map((node) => this.#alive(node)).filter((pods) => pods.length > 0);
    const count = (holds: (pod: Pod) => boolean): number => on.filter((pods) => pods.some(holds)).length;
    const misplaced = [...this.#byNode.keys()].filter((name) => name !== "" && !wanted.has(name));
    const desired = this.#wanted.length;
    const available = count((pod) => this.#isAvailable(pod));
    const waits = on
      .flat()
      .map((pod) => untilAvailable(pod, this.#set.spec.minReadySeconds ?? 0, this.#now) ?? 0);
    const pending = waits.filter((wait) => wait > 0);
    const status = {
      currentNumberScheduled: on.length,
      numberMisscheduled: misplaced.length,
      desiredNumberScheduled: desired,
      numberReady: count(isPodReady),
      observedGeneration: this.#set.metadata.generation ?? 0,
      updatedNumberScheduled: count((pod) => this.#isCurrent(pod)),
      numberAvailable: available,
      numberUnavailable: desired - available,
    };
    return pending.length === 0 ? { status } : { status, recheck: Math.min(...pending) };
  }
}
