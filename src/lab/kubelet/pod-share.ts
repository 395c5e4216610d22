import type { PerFamily } from "../../ip/family.ts";
import type { Pod } from "../../objects/types.ts";
import type { PodAddresses } from "./addresses.ts";
import type { PodCgroup } from "./cgroup.ts";
import type { KubeletContext } from "./context.ts";
import { familiesOfPod } from "./pod-families.ts";
import { GATEWAY_V6, POD_LINKS, type PodLink } from "./pod-links.ts";

/** What a pod has of its node until {@link release}: addresses, host ports, control groups. */
export class PodShare {
  readonly #context: KubeletContext;
  readonly #pod: () => Pod;
  #addresses: PodAddresses | undefined;
  #cgroup: Promise<PodCgroup> | undefined;

  constructor(context: KubeletContext, pod: () => Pod) {
    this.#context = context;
    this.#pod = pod;
  }

  /** The pod's own addresses; none in the node's network. */
  get addresses(): PerFamily<string> {
    return this.#addresses?.addresses ?? {};
  }

  /**
   * The pod's link to the node, with the same addresses every time; pods in the node's own network have none.
   * @throws Error when the node's ranges have no address left
   */
  link(): PodLink | undefined {
    const pod = this.#pod();
    if (pod.spec.hostNetwork) return undefined;
    const { plan, pool } = this.#context;
    this.#addresses ??= pool.allocate(familiesOfPod(pod, plan.families));
    if (this.#addresses === undefined) throw new Error("the node's pod range has no address left");
    const { index, addresses } = this.#addresses;
    const v4 = pool.gateway("IPv4");
    return {
      name: `${POD_LINKS}${index}`,
      addresses,
      gateways: { ...(v4 && { IPv4: v4 }), IPv6: GATEWAY_V6 },
    };
  }

  /** Lets the pod's host ports lead to its addresses. */
  openPorts(): Promise<void> {
    return this.#context.hostPorts.open(this.#pod(), this.addresses);
  }

  /** The pod's control groups, of which one that could not be made is tried again. */
  cgroup(): Promise<PodCgroup> {
    this.#cgroup ??= this.#context.cgroups.pod(this.#pod().metadata.uid ?? "").catch((error) => {
      this.#cgroup = undefined;
      throw error;
    });
    return this.#cgroup;
  }

  /** Gives all of it back, once nothing of the pod runs any more. */
  async release(): Promise<void> {
    const cgroup = await this.#cgroup?.catch(() => undefined);
    this.#cgroup = undefined;
    await cgroup?.remove();
    await this.#context.hostPorts.close(this.#pod());
    if (this.#addresses !== undefined) this.#context.pool.release(this.#addresses.index);
    this.#addresses = undefined;
  }
}
