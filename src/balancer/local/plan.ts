import type { PerFamily } from "../../ip/family.ts";
import { joinHostPort } from "../../ip/address.ts";
import type { PlannedStep } from "../../traffic/balancer/provider.ts";
import type { ServiceParts } from "./desired.ts";
import { type AddressProblem, inOrder } from "./addresses.ts";

/** What a plan is made from. */
export interface PlanInput {
  /** The addresses in the Service's status. */
  readonly held: readonly string[];
  readonly addresses: PerFamily<string>;
  readonly problems: readonly AddressProblem[];
  readonly before: ServiceParts | undefined;
  readonly parts: ServiceParts;
}

/** What would be done for a Service, in order. Pure. */
export function planOf({ held, addresses, problems, before, parts }: PlanInput): PlannedStep[] {
  const now = inOrder(addresses);
  const step = (
    verb: PlannedStep["verb"],
    kind: string,
    name: string,
    ...details: string[]
  ): PlannedStep => ({
    verb,
    kind,
    name,
    details,
  });
  const listeners = parts.listeners.flatMap((listener): PlannedStep[] => {
    const old = before?.listeners.find(({ name }) => name === listener.name);
    if (JSON.stringify(old) === JSON.stringify(listener)) return [];
    const at = inOrder(listener.addresses ?? {}).map((one) => joinHostPort(one, listener.port));
    return [step(old || held.length > 0 ? "change" : "create", "Listener", listener.name, ...at)];
  });
  return [
    ...problems.map(({ family, message }) => step("wait", "Address", family, message)),
    ...now.filter((one) => !held.includes(one)).map((one) => step("create", "Address", one)),
    ...listeners,
    ...held.filter((one) => !now.includes(one)).map((one) => step("delete", "Address", one)),
  ];
}
