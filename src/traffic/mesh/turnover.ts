/**
 * Changes to and from `disabled` in steps, so that no connection meets the wrong end: a sidecar takes both at first, then
 * its callers change over, and then it takes what policies say. A sidecar and its callers hear of a policy one after the
 * other, and Gateways from a process of their own; so time parts the steps, not answers.
 */
import type { Sidecar } from "./model.ts";

/** Which mutual TLS holds at which port. */
export type Modes = Pick<Sidecar, "mutualTls" | "portMutualTls">;

/** Has something called once, so many milliseconds later. */
export type Later = (ms: number, run: () => void) => void;

/** What holds for a pod now. */
export interface Turn {
  /** What its sidecar takes. */
  readonly accepted: Modes;
  /** What its callers speak: plain bytes where this is `disabled`. */
  readonly spoken: Modes;
}

/** When callers change over (ms): by then sidecars have answered, except where machines are very busy. */
const CALLERS_MS = 2_000;
/** When sidecars take what policies say alone (ms): by then callers have changed over, and requests have ended. */
const SETTLED_MS = 6_000;

/** A change that is under way. */
interface Change {
  /** Another change since then has times of its own. */
  readonly id: symbol;
  /** All that policies have said since it began, but for the last. */
  readonly before: readonly Modes[];
  /** What callers speak until they change over; undefined: they have. */
  readonly spoken: Modes | undefined;
}

/** The modes of pods, and what of them is changing. Bounded by the pods. */
export class Turnover {
  readonly #later: Later | undefined;
  readonly #onDue: (pod: string) => void;
  readonly #wanted = new Map<string, Modes>();
  readonly #changes = new Map<string, Change>();

  /**
   * @param later without it all changes at once
   * @param onDue called when something else holds for a pod
   */
  constructor(later: Later | undefined, onDue: (pod: string) => void) {
    this.#later = later;
    this.#onDue = onDue;
  }

  /** Takes in what policies say of a pod; gives what holds now. A pod that was not known, or has to, begins with that. */
  turn(pod: string, wanted: Modes, atOnce = false): Turn {
    if (this.#later === undefined) return { accepted: wanted, spoken: wanted };
    const before = this.#wanted.get(pod);
    this.#wanted.set(pod, wanted);
    if (atOnce) this.#changes.delete(pod);
    else if (
      before !== undefined &&
      portsBetween(before, wanted).some((port) => differ(port, before, wanted))
    )
      this.#begin(pod, before, this.#later);
    const change = this.#changes.get(pod);
    if (change === undefined) return { accepted: wanted, spoken: wanted };
    return { accepted: bothOf(change.before, wanted), spoken: change.spoken ?? wanted };
  }

  /** Forgets a pod. */
  drop(pod: string): void {
    this.#wanted.delete(pod);
    this.#changes.delete(pod);
  }

  #begin(pod: string, before: Modes, later: Later): void {
    const under = this.#changes.get(pod);
    const earlier = [...(under?.before ?? []), before].slice(-MOST_BEFORE);
    const change = { id: Symbol(pod), before: earlier, spoken: under?.spoken ?? before };
    this.#changes.set(pod, change);
    const step = (next: () => void) => {
      if (this.#changes.get(pod)?.id !== change.id) return;
      next();
      this.#onDue(pod);
    };
    later(CALLERS_MS, () => step(() => this.#changes.set(pod, { ...change, spoken: undefined })));
    later(SETTLED_MS, () => step(() => this.#changes.delete(pod)));
  }
}

/** Who changes policies to and fro meanwhile has what came last count. */
const MOST_BEFORE = 4;

/** What takes both wherever one of them takes mutual TLS and another does not. */
function bothOf(before: readonly Modes[], wanted: Modes): Modes {
  const at = (port: number | undefined) =>
    before.some((modes) => differ(port, modes, wanted)) ? "permissive" : modeAt(port, wanted);
  const ports = portsBetween(wanted, ...before).filter((port) => port !== undefined);
  const portMutualTls = Object.fromEntries(ports.map((port) => [port, at(port)] as const));
  return { mutualTls: at(undefined), portMutualTls };
}

/** The ports of which anything is said, and `undefined` for all others. */
function portsBetween(...all: readonly Modes[]): (number | undefined)[] {
  const named = all.flatMap(({ portMutualTls }) => Object.keys(portMutualTls).map(Number));
  return [undefined, ...new Set(named)];
}

function differ(port: number | undefined, one: Modes, other: Modes): boolean {
  return (modeAt(port, one) === "disabled") !== (modeAt(port, other) === "disabled");
}

function modeAt(port: number | undefined, { mutualTls, portMutualTls }: Modes): Sidecar["mutualTls"] {
  return (port === undefined ? undefined : portMutualTls[port]) ?? mutualTls;
}
