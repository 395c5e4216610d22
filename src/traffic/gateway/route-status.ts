/** The status of a route: an entry for each of its parents that is ours; those of other controllers stay. */
import type { RouteParentStatus, RouteStatus } from "../../objects/gateway/index.ts";
import type { ParentResult } from "./attach.ts";
import { conditionsOf, type Fact, fails, holds, type Moment } from "./conditions.ts";
import { equal } from "./equality.ts";
import type { RouteProblems } from "./routes/types.ts";

/** A parent with what turned out after attachment. */
export interface ParentVerdict extends ParentResult {
  /** The route of the other kind that has all hostnames of this one. */
  readonly lostTo?: string;
  /** The key of the older stream route that has all connections. */
  readonly shadowedBy?: string;
  /** What the proxy said when it refused something that came from this route. */
  readonly rejection?: string;
}

/** The status of a route, in the order of its parentRefs, other controllers' entries first as they were. */
export function routeStatus(
  verdicts: readonly ParentVerdict[],
  problems: RouteProblems,
  controllerName: string,
  generation: number | undefined,
  before: RouteStatus | undefined,
  moment: Moment,
): RouteStatus {
  const others = (before?.parents ?? []).filter((entry) => entry.controllerName !== controllerName);
  const ours = verdicts.map((verdict): RouteParentStatus => {
    const old = before?.parents.find(
      (entry) => entry.controllerName === controllerName && equal(entry.parentRef, verdict.parentRef),
    );
    const facts = parentFacts(verdict, problems);
    return {
      parentRef: verdict.parentRef,
      controllerName,
      conditions: conditionsOf(facts, old?.conditions, generation, moment),
    };
  });
  return { parents: [...others, ...ours] };
}

function parentFacts(verdict: ParentVerdict, problems: RouteProblems): readonly Fact[] {
  const { resolvedRefs, partiallyInvalid } = problems;
  return [
    acceptedFact(verdict, problems),
    { type: "ResolvedRefs", ...resolvedRefs },
    ...(partiallyInvalid === undefined
      ? []
      : [holds("PartiallyInvalid", partiallyInvalid.reason, partiallyInvalid.message)]),
  ];
}

function acceptedFact(
  { accepted, lostTo, shadowedBy, rejection }: ParentVerdict,
  { notAccepted }: RouteProblems,
): Fact {
  if (accepted.status !== "True") return accepted;
  if (notAccepted !== undefined) return fails("Accepted", notAccepted.reason, notAccepted.message);
  if (lostTo !== undefined)
    return fails(
      "Accepted",
      "NotAllowedByListeners",
      `the older ${lostTo} has the same hostnames, and a listener serves one kind of route for each`,
    );
  if (rejection !== undefined)
    return fails("Accepted", "UnsupportedValue", `the proxy refused it: ${rejection}`);
  if (shadowedBy !== undefined)
    return {
      ...accepted,
      message: `nothing comes to it: the older ${shadowedBy} has the same listeners and hostnames`,
    };
  return accepted;
}
