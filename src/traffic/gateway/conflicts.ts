/**
 * Listeners that cannot be told apart (GatewaySpec.listeners, "Distinct Listeners"). Inside a Gateway, or inside one
 * ListenerSet, all that conflict lose; over them, the Gateway comes first, then the ListenerSets in their order.
 */
import { type Fact, holds } from "./conditions.ts";
import type { ResolvedListener } from "./listeners.ts";

/** The conflict of each listener that has one, by id; `levels` in order of precedence. */
export function conflictsOf(levels: readonly (readonly ResolvedListener[])[]): ReadonlyMap<string, Fact> {
  const conflicts = new Map<string, Fact>();
  const taken = new Map<string, Rivals>();
  for (const level of levels)
    for (const [port, listeners] of byPort(level)) {
      const before = taken.get(port) ?? new Rivals([]);
      taken.set(port, before);
      const left = without(listeners, before, conflicts);
      for (const winner of without(left, new Rivals(left), conflicts)) before.add(winner);
    }
  return conflicts;
}

/** Those that are in conflict with none of the rivals but themselves; the conflicts of the others are noted. */
function without(
  listeners: readonly ResolvedListener[],
  rivals: Rivals,
  conflicts: Map<string, Fact>,
): readonly ResolvedListener[] {
  return listeners.filter((listener) => {
    const found = firstConflict(listener, rivals);
    if (found !== undefined) conflicts.set(listener.id, found);
    return found === undefined;
  });
}

/** Listeners of one port by what they can be in conflict by, so that each is compared with few of thousands. */
class Rivals {
  /** The first of each group, in the order of listeners. */
  readonly #groups = new Map<ResolvedListener["group"], ResolvedListener>();
  /** By hostname, and under the empty text of all: the first two, of which one may be who asks. */
  readonly #first = new Map<string, ResolvedListener[]>();

  constructor(listeners: readonly ResolvedListener[]) {
    for (const listener of listeners) this.add(listener);
  }

  add(listener: ResolvedListener): void {
    if (!this.#groups.has(listener.group)) this.#groups.set(listener.group, listener);
    for (const key of ["", listener.hostname]) {
      const first = this.#first.get(key);
      if (first === undefined) this.#first.set(key, [listener]);
      else if (first.length < 2) first.push(listener);
    }
  }

  /** The first of another group. */
  strangerOf({ group }: ResolvedListener): ResolvedListener | undefined {
    for (const [other, first] of this.#groups) if (other !== group) return first;
    return undefined;
  }

  /** The first other one that nothing tells apart from this. */
  twinOf(listener: ResolvedListener): ResolvedListener | undefined {
    const { group, hostname } = listener;
    const alike = this.#first.get(group === "tcp" || group === "udp" ? "" : hostname);
    return alike?.find((rival) => rival !== listener);
  }
}

/** Listeners that could be in each other's way; unsupported protocols are in nobody's. */
function byPort(listeners: readonly ResolvedListener[]): Map<string, ResolvedListener[]> {
  const ports = new Map<string, ResolvedListener[]>();
  for (const listener of listeners) {
    if (listener.group === undefined) continue;
    const port = `${listener.group === "udp" ? "udp" : "tcp"}-${listener.spec.port}`;
    const others = ports.get(port);
    if (others === undefined) ports.set(port, [listener]);
    else others.push(listener);
  }
  return ports;
}

function firstConflict(listener: ResolvedListener, rivals: Rivals): Fact | undefined {
  const { spec } = listener;
  const stranger = rivals.strangerOf(listener);
  if (stranger !== undefined)
    return conflict(
      "ProtocolConflict",
      `protocol ${spec.protocol} on port ${spec.port} cannot go with ${stranger.spec.protocol} of listener ${stranger.id}`,
    );
  const twin = rivals.twinOf(listener);
  if (twin === undefined) return undefined;
  if (twin.spec.protocol !== spec.protocol)
    return conflict(
      "ProtocolConflict",
      `listener ${twin.id} has the same port and hostname with protocol ${twin.spec.protocol}`,
    );
  return conflict("HostnameConflict", `listener ${twin.id} has the same port, protocol and hostname`);
}

function conflict(reason: string, message: string): Fact {
  return holds("Conflicted", reason, message);
}
