/** What is gathered while one route is translated: what it needs, and what is wrong with it. */
import type { Family } from "../../../ip/family.ts";
import type { AnyRoute } from "../../../objects/gateway/index.ts";
import type { Certificate, Destination, TrustBundle } from "../model.ts";
import { readPreferredFamily } from "./prefer-family.ts";
import { recordingReferences } from "./recording.ts";
import type {
  ConditionPart,
  Needs,
  RecordingReferences,
  References,
  RouteKind,
  RouteProblems,
} from "./types.ts";

/** Why something is not as it should be: the reason of a condition, and its message. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** Maps under construction (see {@link Needs}). */
export interface NeedsBuilder extends Needs {
  readonly destinations: Map<string, Destination>;
  readonly certificates: Map<string, Certificate>;
  readonly trust: Map<string, TrustBundle>;
}

/** The route being translated. */
export interface RouteContext {
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name`. */
  readonly key: string;
  readonly createdAt: string;
  readonly references: RecordingReferences;
  readonly preferFamily?: Family;
  readonly needs: NeedsBuilder;
  /** References that do not resolve: they make ResolvedRefs False. */
  readonly badReferences: Problem[];
  /** What is ignored: said in a condition's message, so that nobody has to guess. */
  readonly notes: string[];
  readonly backendTlsPolicies: Set<string>;
}

/** One rule being translated: with a problem it is dropped as a whole. */
export interface RuleContext {
  readonly route: RouteContext;
  /** For example `spec.rules[0]`. */
  readonly field: string;
  readonly problems: Problem[];
  /** What this rule needs: the route does, unless the rule is dropped. */
  readonly needs: NeedsBuilder;
}

/** Starts the translation of a route. */
export function routeContext(route: AnyRoute, source: References): RouteContext {
  const { name, namespace = "", creationTimestamp = "" } = route.metadata;
  const notes: string[] = [];
  const preferFamily = readPreferredFamily(route, notes);
  return {
    kind: route.kind as RouteKind,
    namespace,
    name,
    key: `${namespace}/${name}`,
    createdAt: creationTimestamp,
    references: recordingReferences(source),
    ...(preferFamily && { preferFamily }),
    needs: newNeeds(),
    badReferences: [],
    notes,
    backendTlsPolicies: new Set(),
  };
}

/** Empty maps to gather in. */
export function newNeeds(): NeedsBuilder {
  return { destinations: new Map(), certificates: new Map(), trust: new Map() };
}

/** Enters what a rule needs into what its route needs. */
export function addNeeds(into: NeedsBuilder, from: Needs): void {
  for (const [key, value] of from.destinations) into.destinations.set(key, value);
  for (const [key, value] of from.certificates) into.certificates.set(key, value);
  for (const [key, value] of from.trust) into.trust.set(key, value);
}

/** Starts the translation of the rule at an index. */
export function ruleContext(route: RouteContext, index: number): RuleContext {
  return { route, field: `spec.rules[${index}]`, problems: [], needs: newNeeds() };
}

/** Notes that a value of the rule cannot be served; the field is relative to the rule. */
export function rejectRule(
  rule: RuleContext,
  field: string,
  why: string,
  reason: "UnsupportedValue" | "IncompatibleFilters" = "UnsupportedValue",
): void {
  rule.problems.push({ reason, message: `${rule.field}.${field}: ${why}` });
}

/** The conditions of the route, given how many rules it has and which of them were dropped. */
export function problemsOf(
  route: RouteContext,
  count: number,
  dropped: readonly RuleContext[],
): RouteProblems {
  const problems = dropped.flatMap((rule) => rule.problems);
  const reason = problems[0]?.reason ?? "UnsupportedValue";
  const texts = problems.map(({ message }) => message).join("; ");
  return {
    resolvedRefs: resolvedRefs(route),
    ...(dropped.length > 0 &&
      dropped.length === count && { notAccepted: { reason, message: limited(texts) } }),
    ...(dropped.length > 0 &&
      dropped.length < count && {
        partiallyInvalid: {
          reason: "UnsupportedValue",
          message: limited(`Dropped Rule ${dropped.map(({ field }) => field).join(", ")}: ${texts}`),
        },
      }),
  };
}

function resolvedRefs({ badReferences, notes }: RouteContext): ConditionPart {
  const [first] = badReferences;
  if (first === undefined) {
    const message = ["All references are resolved", ...new Set(notes)].join("; ");
    return { status: "True", reason: "ResolvedRefs", message: limited(message) };
  }
  const messages = new Set([...badReferences.map(({ message }) => message), ...notes]);
  return { status: "False", reason: first.reason, message: limited([...messages].join("; ")) };
}

/** The API refuses messages of more than 32,768 characters (metav1.Condition); nobody reads as many. */
const MESSAGE_LIMIT = 4096;

function limited(message: string): string {
  return message.length <= MESSAGE_LIMIT ? message : `${message.slice(0, MESSAGE_LIMIT - 1)}…`;
}
