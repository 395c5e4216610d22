/**
 * Listeners that cannot be told apart (GatewaySpec.listeners, "Distinct Listeners"). Inside a Gateway, or inside one
 * ListenerSet, all that conflict lose; over them, the Gateway comes first, then the ListenerSets in their order.
 */
import { type Fact, holds } from "./conditions.ts";
import type { ResolvedListener } from "./listeners.ts";

/** The conflict of each listener that has one, by id; `levels` in order of precedence. */
export function conflictsOf(levels: readonly (readonly ResolvedListener[])[]): ReadonlyMap<string, Fact> {
  const conflicts = new Map<string, Fact>();
  const taken = new Map<string, readonly ResolvedListener[]>();
  for (const level of levels)
    for (const [port, listeners] of byPort(level)) {
      const before = taken.get(port) ?? [];
      const left = without(listeners, () => before, conflicts);
      const winners = without(left, (listener) => left.filter((other) => other !== listener), conflicts);
      taken.set(port, [...before, ...winners]);
    }
  return conflicts;
}

/** Those that are in conflict with none of their rivals; the conflicts of the others are noted. */
function without(
  listeners: readonly ResolvedListener[],
  rivalsOf: (listener: ResolvedListener) => readonly ResolvedListener[],
  conflicts: Map<string, Fact>,
): readonly ResolvedListener[] {
  return listeners.filter((listener) => {
    const found = firstConflict(listener, rivalsOf(listener));
    if (found !== undefined) conflicts.set(listener.id, found);
    return found === undefined;
  });
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

function firstConflict(listener: ResolvedListener, rivals: readonly ResolvedListener[]): Fact | undefined {
  const { group, hostname, spec } = listener;
  const stranger = rivals.find((rival) => rival.group !== group);
  if (stranger !== undefined)
    return conflict(
      "ProtocolConflict",
      `protocol ${spec.protocol} on port ${spec.port} cannot go with ${stranger.spec.protocol} of listener ${stranger.id}`,
    );
  const twin = rivals.find((rival) => group === "tcp" || group === "udp" || rival.hostname === hostname);
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
