/** What a Service says, beside its model and in it. */
import { ANNOTATIONS } from "../../traffic/balancer/index.ts";
import type { BalancerModel } from "../../traffic/balancer/model.ts";
import { parseBool, parseMap } from "../../traffic/balancer/parse.ts";
import type { BalancerContext } from "../../traffic/balancer/provider.ts";
import { PROTECTION } from "./plan/replaced.ts";

/** The hostname that the status says, in lower case. */
export function hostnameOf({ ingress }: BalancerContext): string | undefined {
  return ingress.find(({ hostname }) => hostname !== undefined)?.hostname?.toLowerCase();
}

/** Whether the Service itself says that nothing may be deleted. */
export function protects(annotations: Readonly<Record<string, string>>): boolean {
  const value = parseMap(annotations[ANNOTATIONS.attributes.key] ?? "")?.[PROTECTION];
  const parsed = value === undefined ? undefined : parseBool(value);
  return parsed !== undefined && "value" in parsed && parsed.value;
}

/** Whether any listener is to have attributes: reading them takes a call for each. */
export function hasListenerAttributes({ ports }: BalancerModel): boolean {
  return ports.some(({ listenerAttributes }) => Object.keys(listenerAttributes).length > 0);
}
