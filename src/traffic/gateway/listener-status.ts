/** The status of one listener, of a Gateway or of a ListenerSet. */
import type { ListenerStatus } from "../../objects/gateway/index.ts";
import { conditionsOf, type Fact, fails, holds, type Moment } from "./conditions.ts";
import type { ResolvedListener } from "./listeners.ts";

/** What is known of a listener beyond its specification. */
export interface ListenerState {
  readonly attachedRoutes: number;
  /** The proxy has taken the configuration in. */
  readonly applied: boolean;
  /** What the proxy said when it refused something that came from this listener. */
  readonly rejection?: string;
}

/** The facts of a listener, in the order in which they are shown. */
function listenerFacts(listener: ResolvedListener, state: ListenerState): readonly Fact[] {
  const { conflict, security, unresolved } = listener;
  return [
    acceptedFact(listener),
    conflict ?? fails("Conflicted", "NoConflicts", ""),
    programmedFact(listener, state),
    unresolved ?? holds("ResolvedRefs", "ResolvedRefs", security?.validity),
  ];
}

/** Whether a listener is accepted: it is valid, and no other has its place. */
export function isAccepted({ conflict, notAccepted }: ResolvedListener): boolean {
  return conflict === undefined && notAccepted === undefined;
}

function acceptedFact({ conflict, notAccepted }: ResolvedListener): Fact {
  if (notAccepted !== undefined) return notAccepted;
  if (conflict !== undefined) return fails("Accepted", conflict.reason, conflict.message);
  return holds("Accepted", "Accepted");
}

function programmedFact(listener: ResolvedListener, { applied, rejection }: ListenerState): Fact {
  const { conflict, notAccepted, unresolved, serves } = listener;
  if (conflict !== undefined) return fails("Programmed", conflict.reason, conflict.message);
  if (!serves) return fails("Programmed", "Invalid", (notAccepted ?? unresolved)?.message ?? "");
  if (rejection !== undefined) return fails("Programmed", "Invalid", `the proxy refused it: ${rejection}`);
  if (!applied) return fails("Programmed", "Pending", "waiting for the proxy to take the configuration in");
  return holds("Programmed", "Programmed");
}

/** The listener's entry in a status. */
export function listenerStatus(
  listener: ResolvedListener,
  state: ListenerState,
  before: readonly ListenerStatus[] | undefined,
  generation: number | undefined,
  moment: Moment,
): ListenerStatus {
  const { name } = listener.spec;
  const old = before?.find((entry) => entry.name === name);
  return {
    name,
    supportedKinds: [...listener.supportedKinds],
    attachedRoutes: state.attachedRoutes,
    conditions: conditionsOf(listenerFacts(listener, state), old?.conditions, generation, moment),
  };
}
