/** Pure: what a Service asks of the book of addresses, and what it is told of the answer. */
import { canonicalAddress } from "../../ip/address.ts";
import type { Family, PerFamily } from "../../ip/family.ts";
import type { BalancerModel } from "../../traffic/balancer/model.ts";
import type {
  BalancerContext,
  BalancerEvent,
  BalancerIngress,
  BalancerOutcome,
} from "../../traffic/balancer/provider.ts";
import { type AddressAnswer, type AddressRequest, inOrder } from "./addresses.ts";

/** Addresses that are missing are looked for again after so long (ms). */
const MISSING_AGAIN_MS = 3_000;

/**
 * What to ask for: what the status has is kept, and what was chosen before the status said so (`chosen`) counts as well.
 */
export function requestOf(
  model: BalancerModel,
  context: BalancerContext,
  chosen: PerFamily<string>,
): AddressRequest {
  const { key, clientFamilies, local, ports } = model;
  const names = ports.flatMap(({ protocol, port }) =>
    protocol === "TCP_UDP" ? [`TCP/${port}`, `UDP/${port}`] : [`${protocol}/${port}`],
  );
  return {
    key,
    families: clientFamilies,
    all: local.all === true,
    pool: local.pool,
    addresses: local.addresses,
    nodes: new Set(
      model.nodes.flatMap(({ addresses }) => inOrder(addresses).flatMap((ip) => canonicalAddress(ip) ?? [])),
    ),
    held: [...heldIps(context), ...inOrder(chosen)],
    ...(local.sharing && { sharing: { key: `${model.namespace}/${local.sharing}`, ports: names } }),
  };
}

/** What a Service is told, whose addresses are on the host: its status, events, and when to look again. */
export function outcomeOf(
  model: BalancerModel,
  { addresses, problems }: AddressAnswer,
  context: BalancerContext,
  events: readonly BalancerEvent[],
): BalancerOutcome {
  const ingress = ingressOf(addresses, model.clientFamilies);
  const isNew = ingress.some(({ ip }) => !heldIps(context).includes(ip ?? ""));
  const success = {
    type: "Normal",
    reason: "SuccessfullyReconciled",
    message: "Successfully reconciled",
  } as const;
  return {
    ingress,
    events: isNew ? [...events, success] : events,
    againAfterMs: problems.length > 0 ? MISSING_AGAIN_MS : undefined,
    done: problems.length === 0,
  };
}

/** The names of all certificates of a Service. */
export function certificatesOf({ ports }: BalancerModel): string[] {
  return [...new Set(ports.flatMap(({ tls }) => tls?.certificates ?? []))];
}

/** The addresses that the status has. */
export function heldIps({ ingress }: BalancerContext): string[] {
  return ingress.flatMap(({ ip }) => ip ?? []);
}

/** `Proxy`: clients in the cluster go out to the balancer as well, as only it adds headers and ends TLS (KEP-1860). */
function ingressOf(addresses: PerFamily<string>, order: readonly Family[]): BalancerIngress[] {
  return inOrder(addresses, order).map((ip) => ({ ip, ipMode: "Proxy" }));
}
