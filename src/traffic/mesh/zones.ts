/** In which zones pods are: their nodes' labels say it. */
import type { KubeObject } from "../../objects/types.ts";
import { addTo, removeFrom } from "../gateway/dependents.ts";

/** Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#topologykubernetesiozone. */
const ZONE_LABEL = "topology.kubernetes.io/zone";

/** Zones by node, and which pods are where. */
export class Zones {
  readonly #zones = new Map<string, string>();
  readonly #podsOn = new Map<string, Set<string>>();
  readonly #nodeOf = new Map<string, string>();

  /** Takes in a node, or that it is gone; the pods that are somewhere else by that. */
  set(node: string, object: KubeObject | undefined): Iterable<string> {
    const before = this.#zones.get(node);
    const zone = object?.metadata.labels?.[ZONE_LABEL];
    if (zone === before) return [];
    if (zone === undefined) this.#zones.delete(node);
    else this.#zones.set(node, zone);
    return this.#podsOn.get(node) ?? [];
  }

  /** Takes in on which node a pod is. */
  place(pod: string, node: string | undefined): void {
    const before = this.#nodeOf.get(pod);
    if (before === node) return;
    if (before !== undefined) removeFrom(this.#podsOn, before, pod);
    if (node === undefined) this.#nodeOf.delete(pod);
    else {
      this.#nodeOf.set(pod, node);
      addTo(this.#podsOn, node, pod);
    }
  }

  /** The zone of a pod, where it is known. */
  of(pod: string): string | undefined {
    return this.#zones.get(this.#nodeOf.get(pod) ?? "");
  }
}
