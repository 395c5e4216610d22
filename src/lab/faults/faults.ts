import type { ClusterPlan } from "../plan.ts";
import {
  type Fault,
  FaultRefused,
  type FaultRequest,
  type FaultSpec,
  type FaultTarget,
  nameOfTarget,
  sameTarget,
} from "./model.ts";
import { loadRules, podOf, processesBelow, processesOfPod, setFrozen } from "./places.ts";
import { type AgentPorts, linkChains, nodeChains, podChains, replaceTable } from "./rules.ts";
import { findPod } from "../pod-registry.ts";
import { formatTime } from "../../objects/time.ts";

/** What the faults need of the lab. */
export interface FaultContext {
  readonly plan: ClusterPlan;
  /** The process of a node's agent; undefined while it is not running. */
  readonly agentOf: (node: string) => number | undefined;
}

const MAX_FAULTS = 1_000;

/**
 * The faults of a lab, made and mended on request, one request after the other. Rules are always made from all faults
 * of a place at once, so that mending leaves exactly those of the others. A pod's faults end with its sandbox.
 */
export class Faults {
  readonly #context: FaultContext;
  readonly #faults = new Map<number, Fault>();
  /** The sandbox that a fault of a pod is in. */
  readonly #sandboxes = new Map<number, number>();
  #next = 1;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: FaultContext) {
    this.#context = context;
  }

  /** Resolves with the faults made, mended or listed. @throws FaultRefused */
  serve(request: FaultRequest): Promise<readonly Fault[]> {
    const answer = this.#last.then(() => this.#serve(request));
    this.#last = answer.catch(() => {});
    return answer;
  }

  #serve(request: FaultRequest): Promise<readonly Fault[]> {
    this.#forgetEnded();
    switch (request.op) {
      case "break":
        return this.#break(request.spec);
      case "mend":
        return this.#mend(request);
      case "list":
        return Promise.resolve([...this.#faults.values()]);
    }
  }

  async #break(spec: FaultSpec): Promise<Fault[]> {
    this.#check(spec);
    const since = formatTime(new Date());
    const fault: Fault = { ...spec, id: this.#next++, since };
    if (spec.target.kind === "pod") this.#sandboxes.set(fault.id, podOf(spec.target).pid);
    this.#faults.set(fault.id, fault);
    try {
      await this.#enforce(spec.target);
    } catch (error) {
      this.#faults.delete(fault.id);
      this.#sandboxes.delete(fault.id);
      throw error;
    }
    return [fault];
  }

  async #mend({ ids, target }: FaultRequest & { op: "mend" }): Promise<Fault[]> {
    const unknown = ids?.find((id) => !this.#faults.has(id));
    if (unknown !== undefined) throw this.#nothing(`fault ${unknown}`);
    const mended = [...this.#faults.values()].filter(
      (fault) =>
        (ids === undefined || ids.includes(fault.id)) &&
        (target === undefined || sameTarget(fault.target, target)),
    );
    if (mended.length === 0 && target !== undefined) throw this.#nothing(nameOfTarget(target));
    for (const { id } of mended) {
      this.#faults.delete(id);
      this.#sandboxes.delete(id);
    }
    for (const { target } of mended) await this.#enforce(target);
    return mended;
  }

  #nothing(where: string): FaultRefused {
    const there = [...this.#faults.values()].map(({ id, target }) => `${id} (${nameOfTarget(target)})`);
    const why = `nothing is broken there; ${there.length === 0 ? "no fault is in force" : `faults in force: ${there.join(", ")}`}`;
    return new FaultRefused(where, why, "tandem lab faults");
  }

  /** @throws FaultRefused where there is nothing to break, or the fault does not fit the target */
  #check({ target, effect }: FaultSpec): void {
    const where = nameOfTarget(target);
    const { plan } = this.#context;
    const nodes = plan.nodePlans.map(({ name }) => name);
    const named = target.kind === "node" ? [target.name] : target.kind === "link" ? target.nodes : [];
    const missing = named.find((name) => !nodes.includes(name));
    if (missing !== undefined)
      throw new FaultRefused(
        where,
        `there is no node ${missing}; nodes: ${nodes.join(", ")}`,
        "kubectl get nodes",
      );
    if (target.kind === "link" && target.nodes[0] === target.nodes[1])
      throw new FaultRefused(
        where,
        "a link has two different nodes as its ends",
        "tandem lab break link node-1 node-2",
      );
    const numbers =
      effect.kind === "loss" ? [effect.percent] : effect.kind === "bind" ? [effect.port ?? 1] : [];
    if (!numbers.every((number) => Number.isInteger(number) && number > 0 && number <= 65_535))
      throw new FaultRefused(
        where,
        `${numbers.join()} is not a whole number above 0`,
        "tandem lab break --help",
      );
    const family = "family" in effect ? effect.family : undefined;
    if (family !== undefined && !plan.families.includes(family))
      throw new FaultRefused(
        where,
        `the cluster has ${plan.families.join(" and ")} only`,
        "tandem lab faults",
      );
    if (this.#faults.size >= MAX_FAULTS)
      throw new FaultRefused(where, `there are ${MAX_FAULTS} faults already`, "tandem lab mend");
    if (target.kind === "node" && effect.kind === "stop" && this.#context.agentOf(target.name) === undefined)
      throw new FaultRefused(where, "its agent is just being started again", "try again in a few seconds");
    if (target.kind !== "pod") return;
    const pod = podOf(target);
    if (pod.hostNetwork && effect.kind !== "freeze")
      throw new FaultRefused(
        where,
        `it uses the network of its node, ${pod.node}`,
        `tandem lab break node ${pod.node}`,
      );
  }

  /** Brings one place to what all faults in force ask of it. */
  async #enforce(target: FaultTarget): Promise<void> {
    if (target.kind === "link") return loadRules(replaceTable("bridge", this.#linkChains()));
    const effects = [...this.#faults.values()]
      .filter((fault) => sameTarget(fault.target, target))
      .map(({ effect }) => effect);
    if (target.kind === "pod") {
      const pod = podOf(target);
      if (!pod.hostNetwork)
        await loadRules(replaceTable("inet", podChains(effects)), `/proc/${pod.pid}/ns/net`);
      const frozen = effects.some(({ kind }) => kind === "freeze");
      setFrozen(() => processesOfPod(pod), frozen);
      return;
    }
    const { plan, agentOf } = this.#context;
    const node = plan.nodePlans.find(({ name }) => name === target.name);
    const chains = nodeChains(effects, agentPorts(plan, target.name));
    await loadRules(replaceTable("inet", chains), `/run/netns/${node?.netns}`);
    const stopped = effects.some(({ kind }) => kind === "stop" || kind === "freeze");
    const agent = agentOf(target.name);
    // an agent that is about to be started again has no pods yet
    if (agent !== undefined) setFrozen(() => processesBelow(agent), stopped);
    if (!stopped) await this.#refreezePods(target.name);
  }

  /** A node that goes on must not wake the pods on it that are frozen for themselves. */
  async #refreezePods(node: string): Promise<void> {
    for (const { target, effect } of this.#faults.values()) {
      if (target.kind !== "pod" || effect.kind !== "freeze") continue;
      const pod = findPod(target.namespace, target.name);
      if (pod?.node === node) setFrozen(() => processesOfPod(pod), true);
    }
  }

  #linkChains(): string[] {
    const nodes = this.#context.plan.nodePlans.map(({ name }) => name);
    const port = (name: string): string => `node${nodes.indexOf(name) + 1}`; // as in init/fabric.ts
    return linkChains(
      [...this.#faults.values()].flatMap(({ target, effect }) =>
        target.kind !== "link" || effect.kind !== "loss"
          ? []
          : [{ ...effect, ports: [port(target.nodes[0]), port(target.nodes[1])] as const }],
      ),
    );
  }

  /** A pod that is gone, or has a new sandbox, took its faults with it. */
  #forgetEnded(): void {
    for (const { id, target } of [...this.#faults.values()]) {
      if (target.kind !== "pod") continue;
      if (findPod(target.namespace, target.name)?.pid === this.#sandboxes.get(id)) continue;
      this.#faults.delete(id);
      this.#sandboxes.delete(id);
    }
  }
}

function agentPorts(plan: ClusterPlan, name: string): AgentPorts[] {
  const node = plan.nodePlans.find((candidate) => candidate.name === name);
  return plan.families.flatMap((family) => {
    const [own, fabric] = [node?.addresses[family], plan.fabric[family]];
    if (own === undefined || fabric === undefined) return [];
    const { apiPort, kubeletPort } = plan;
    return [{ node: own, fabric, family, apiPort, kubeletPort }];
  });
}
