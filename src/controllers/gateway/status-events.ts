import type { KubeObject } from "../../objects/types.ts";
import type { EventRecorder } from "../runtime/events.ts";
import type { News } from "./condition-news.ts";

/** An object may have so many Events at once, and then one more in each period (ms), as of client-go's spam filter. */
const BURST = 25;
const PERIOD = 300_000;
/** Objects that are counted for; beyond, the one that was told of first is forgotten. */
const COUNTED = 1_000;
/** Characters of a message, as events.k8s.io allows them. */
const MAX_MESSAGE = 1_024;

/** Writes Events of objects whose status has changed; an object that does nothing else is told of less and less. */
export class StatusEvents {
  readonly #recorder: Pick<EventRecorder, "record">;
  readonly #source: string;
  readonly #now: () => number;
  readonly #budgets = new Map<string, { left: number; since: number }>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(recorder: Pick<EventRecorder, "record">, source: string, now = () => performance.now()) {
    this.#recorder = recorder;
    this.#source = source;
    this.#now = now;
  }

  /** Writes one Event for each piece of news, in their order, as far as the object may have more. */
  tell(object: KubeObject, news: readonly News[]): void {
    for (const { type, reason, message } of news) {
      if (!this.#spend(object.metadata.uid ?? "")) return;
      const text = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 1)}…` : message;
      this.#recorder.record(this.#source, object, type, reason, text);
    }
  }

  #spend(uid: string): boolean {
    const now = this.#now();
    const budget = this.#budgets.get(uid) ?? { left: BURST, since: now };
    const earned = Math.floor((now - budget.since) / PERIOD);
    budget.left = Math.min(BURST, budget.left + earned);
    budget.since += earned * PERIOD;
    this.#budgets.set(uid, budget);
    const [oldest] = this.#budgets.keys();
    if (this.#budgets.size > COUNTED && oldest !== undefined) this.#budgets.delete(oldest);
    if (budget.left === 0) return false;
    budget.left--;
    return true;
  }
}
