import type { Family } from "../../ip/family.ts";

/** What a fault is done to. A link is the way between two nodes, both directions. */
export type FaultTarget =
  | { readonly kind: "pod"; readonly namespace: string; readonly name: string }
  | { readonly kind: "node"; readonly name: string }
  | { readonly kind: "link"; readonly nodes: readonly [string, string] };

/** What is done to it. */
export type FaultEffect =
  /** Packets of a family, or of both, are lost in silence: each one with this chance, in per cent, either way. */
  | { readonly kind: "loss"; readonly family?: Family; readonly percent: number }
  /** As a server that binds one family's wildcard address: connections of the other are refused, to one port or all. */
  | { readonly kind: "bind"; readonly family: Family; readonly port?: number }
  /** The processes stand still: they keep their sockets and answer nothing. */
  | { readonly kind: "freeze" }
  /** A node gone as by a power cut: its agent and pods stand still, and nothing goes in or out. */
  | { readonly kind: "stop" };

/** A fault made on purpose. */
export interface FaultSpec {
  readonly target: FaultTarget;
  readonly effect: FaultEffect;
}

/** A fault in force; `id` is what `mend` takes. */
export interface Fault extends FaultSpec {
  readonly id: number;
  /** RFC 3339, whole seconds. */
  readonly since: string;
}

/** A question to the lab's init over its control socket, one JSON line. */
export type FaultRequest =
  | { readonly op: "break"; readonly spec: FaultSpec }
  /** Without ids and target: everything. */
  | { readonly op: "mend"; readonly ids?: readonly number[]; readonly target?: FaultTarget }
  | { readonly op: "list" };

/** The answer: the faults that were made, mended or are there; or why not, in the parts of a user's error. */
export type FaultReply =
  | { readonly ok: true; readonly faults: readonly Fault[] }
  | { readonly ok: false; readonly why: string; readonly where: string; readonly next: string };

/** A refusal that names what is there instead. */
export class FaultRefused extends Error {
  readonly where: string;
  readonly next: string;

  constructor(where: string, why: string, next: string) {
    super(why);
    this.name = "FaultRefused";
    this.where = where;
    this.next = next;
  }
}

/** `pod default/web`, `node node-1`, `link node-1 node-2`. */
export function nameOfTarget(target: FaultTarget): string {
  switch (target.kind) {
    case "pod":
      return `pod ${target.namespace}/${target.name}`;
    case "node":
      return `node ${target.name}`;
    case "link":
      return `link ${target.nodes.join(" ")}`;
  }
}

/** What a fault does, in words. */
export function describeEffect(effect: FaultEffect): string {
  switch (effect.kind) {
    case "loss": {
      const what = effect.family ?? "both families";
      return effect.percent === 100 ? `${what} gone` : `${effect.percent}% of ${what} lost`;
    }
    case "bind":
      return `answers on ${effect.family === "IPv4" ? "0.0.0.0" : "[::] without IPv4"}:${effect.port ?? "*"} only`;
    case "freeze":
      return "frozen";
    case "stop":
      return "stopped";
  }
}

/** Whether two targets are the same; a link has no direction. */
export function sameTarget(a: FaultTarget, b: FaultTarget): boolean {
  const plain = (target: FaultTarget): FaultTarget =>
    target.kind === "link"
      ? { kind: "link", nodes: target.nodes.toSorted() as unknown as [string, string] }
      : target;
  return nameOfTarget(plain(a)) === nameOfTarget(plain(b));
}
