/**
 * What the address type of a load balancer means for its listeners. AWS takes a type only where all listeners go with
 * it, and a listener only where it goes with the type: without both families there are no IPv6 targets, and with both no
 * UDP to IPv4 targets.
 */
import type { DesiredListener, DesiredStack, IpAddressType, LoadBalancer, TargetGroup } from "../model.ts";

/** Listeners by the side of the change of type on which they are to be made as wanted. */
export interface ListenerOrder {
  /** What is there stands in the way of the wanted type, which comes only once `before` is done. */
  readonly typeAfterListeners: boolean;
  readonly before: readonly DesiredListener[];
  /** Only the wanted type allows these. */
  readonly after: readonly DesiredListener[];
  /** Ports whose listener goes with the old type alone, and is wanted as the new one alone has it: made anew. */
  readonly anew: ReadonlySet<number>;
}

/** What an order is made of. */
export interface OrderInput {
  readonly kept: LoadBalancer | undefined;
  readonly desired: DesiredStack;
  readonly existing: readonly TargetGroup[];
}

/** Says which listeners come before the type and which after it; all before where the type comes first, or stays. */
export function orderOf({ kept, desired, existing }: OrderInput): ListenerOrder {
  const { listeners, loadBalancer } = desired;
  const type = loadBalancer.ipAddressType;
  const known = new Map([
    ...existing.map((it) => [it.arn, it.ipAddressType] as const),
    ...desired.targetGroups.map((it) => [it.name, it.ipAddressType] as const),
  ]);
  const inTheWay = (kept?.listeners ?? []).filter((it) => !fits(it, type, known));
  if (kept === undefined || kept.ipAddressType === type || inTheWay.length === 0)
    return { typeAfterListeners: false, before: listeners, after: [], anew: new Set() };
  const had = type === "ipv4" ? "dualstack" : "ipv4";
  const after = listeners.filter((it) => !fits(it, had, known));
  const ports = new Set(after.map(({ port }) => port));
  return {
    typeAfterListeners: true,
    before: listeners.filter(({ port }) => !ports.has(port)),
    after,
    anew: new Set(inTheWay.map(({ port }) => port).filter((port) => ports.has(port))),
  };
}

/** Whether a listener may be on a load balancer of a type; groups that are not ours count as fitting. */
function fits(
  { protocol, forward }: Pick<DesiredListener, "protocol" | "forward">,
  type: IpAddressType,
  groups: ReadonlyMap<string, string>,
): boolean {
  const families = new Set(forward.map(({ targetGroup }) => groups.get(targetGroup)));
  if (type === "ipv4") return !families.has("ipv6");
  return !/UDP|QUIC/.test(protocol) || !families.has("ipv4");
}
