import type { Pod } from "../../objects/types.ts";
import type { PodFacts } from "./status.ts";

/** The longest time of a timer of Node's; no lab lives as long. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the status says of a pod that was active for too long (pkg/kubelet/active_deadline.go). */
export const DEADLINE_EXCEEDED: NonNullable<PodFacts["failure"]> = {
  reason: "DeadlineExceeded",
  message: "Pod was active on the node longer than the specified deadline",
};

/** The end of a pod's `activeDeadlineSeconds`, which may be set or shortened while it runs. */
export class ActiveDeadline {
  readonly #started = Date.now();
  readonly #onEnd: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Goes by this version of the pod from now on. */
  arm({ spec }: Pod): void {
    this.stop();
    if (spec.activeDeadlineSeconds === undefined) return;
    const left = this.#started + spec.activeDeadlineSeconds * 1_000 - Date.now();
    this.#timer = setTimeout(this.#onEnd, Math.min(Math.max(left, 0), MAX_TIMER_MS));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
