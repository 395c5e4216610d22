/** What a rule itself says about timeouts, retries and sessions. */
import type { HTTPRouteRule, SessionPersistenceSpec } from "../../../objects/gateway/index.ts";
import type { RouteMatch } from "../model.ts";
import type { RetryPolicy, SessionPersistence } from "../policy-model.ts";
import { type RuleContext, rejectRule } from "./context.ts";
import { parseDuration } from "./duration.ts";

/** Milliseconds of a field of the rule; undefined where it is not there or is no duration (which rejects the rule). */
export function readDuration(text: string | undefined, rule: RuleContext, field: string): number | undefined {
  if (text === undefined) return undefined;
  const value = parseDuration(text);
  if (value === undefined)
    rejectRule(rule, field, `${JSON.stringify(text)} is no duration such as 10s or 1m30s (GEP-2257)`);
  return value;
}

/** Connection errors are retried with any retry stanza (GEP-1731); a try that runs into its timeout counts as a reset. */
const RETRY_CONDITIONS = ["connect-failure", "refused-stream", "reset"];
/** How often, where the rule does not say. */
const RETRY_ATTEMPTS = 2;
/** Envoy has 32 bits for it. */
const MAX_ATTEMPTS = 2 ** 32 - 1;

/** The retries of a rule. Each try has the timeout of one request to a backend. */
export function retryPolicy(
  { retry }: HTTPRouteRule,
  perTryTimeout: number | undefined,
  rule: RuleContext,
): RetryPolicy | undefined {
  if (retry === undefined) return undefined;
  const { attempts = RETRY_ATTEMPTS } = retry;
  if (attempts > MAX_ATTEMPTS) rejectRule(rule, "retry.attempts", `${attempts} is more than ${MAX_ATTEMPTS}`);
  const base = readDuration(retry.backoff, rule, "retry.backoff");
  return {
    attempts,
    statuses: retry.codes ?? [],
    conditions: RETRY_CONDITIONS,
    ...(perTryTimeout !== undefined && perTryTimeout > 0 && { perTryTimeout }),
    ...(base !== undefined && base > 0 && { backoff: { base } }),
  };
}

/** The session persistence of a rule (GEP-1619). The name is derived from the rule where none is given. */
export function sessionPersistence(
  spec: SessionPersistenceSpec | undefined,
  rule: RuleContext,
  index: number,
  matches: readonly RouteMatch[],
): SessionPersistence | undefined {
  if (spec === undefined) return undefined;
  const { type = "Cookie", sessionName, absoluteTimeout, cookieConfig } = spec;
  const { route } = rule;
  const permanent = type === "Cookie" && cookieConfig?.lifetimeType === "Permanent";
  const lifetime = readDuration(absoluteTimeout, rule, "sessionPersistence.absoluteTimeout");
  if (type !== "Cookie" && type !== "Header")
    rejectRule(rule, "sessionPersistence.type", `${String(type)} is not supported`);
  if (permanent && lifetime === undefined)
    rejectRule(rule, "sessionPersistence.absoluteTimeout", "a Permanent cookie needs it");
  if (!permanent && lifetime !== undefined)
    route.notes.push(
      `${rule.field}.sessionPersistence.absoluteTimeout is in force for Permanent cookies only`,
    );
  const name = sessionName ?? `tandem-session-${route.namespace}-${route.name}-${index}`;
  if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name))
    rejectRule(rule, "sessionPersistence.sessionName", `${JSON.stringify(name)} is no token (RFC 9110)`);
  if (type === "Header") return { by: "header", name };
  return {
    by: "cookie",
    name,
    path: cookiePath(matches),
    ...(permanent && lifetime !== undefined && { lifetime: Math.ceil(lifetime / 1000) }),
  };
}

/** The cookie is for the path of the rule, where it has a single one (GEP-1619, "Path"). */
function cookiePath(matches: readonly RouteMatch[]): string {
  const paths = new Set(matches.map(({ path }) => (path?.kind === "regex" ? "/" : (path?.value ?? "/"))));
  const [only] = paths;
  return paths.size === 1 && only !== undefined ? only : "/";
}
