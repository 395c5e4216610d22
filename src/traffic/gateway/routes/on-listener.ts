/** What a rule becomes on one listener: redirects depend on the listener's port. */
import type { Redirect, RouteRule } from "../model.ts";

/** What a rule must know of the listener that it is served by. */
export interface ListenerPort {
  /** The Gateway's port, not the one that the proxy binds. */
  readonly port: number;
  readonly scheme: "http" | "https";
}

const WELL_KNOWN: Readonly<Record<string, number>> = { http: 80, https: 443 };

const made = new WeakMap<RouteRule, Map<string, RouteRule>>();

/**
 * The rule as the listener serves it: the same object unless it redirects and neither names a port nor needs none
 * (HTTPRequestRedirectFilter, `port`). Equal arguments give the same object.
 */
export function ruleOnListener(rule: RouteRule, listener: ListenerPort): RouteRule {
  if (rule.action.kind !== "redirect") return rule;
  const port = redirectPort(rule.action.redirect, listener);
  if (port === rule.action.redirect.port) return rule;
  const known = made.get(rule) ?? new Map<string, RouteRule>();
  made.set(rule, known);
  const key = `${listener.scheme} ${port ?? ""}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const { port: _port, ...redirect } = rule.action.redirect;
  const result: RouteRule = {
    ...rule,
    action: { kind: "redirect", redirect: { ...redirect, ...(port !== undefined && { port }) } },
  };
  known.set(key, result);
  return result;
}

/** Undefined where `Location` needs no port and would get none from the request's Host either. */
function redirectPort(redirect: Redirect, listener: ListenerPort): number | undefined {
  const scheme = redirect.scheme ?? listener.scheme;
  const port =
    redirect.port ?? (redirect.scheme === undefined ? listener.port : WELL_KNOWN[scheme]) ?? listener.port;
  const hostHasNoPort = redirect.hostname !== undefined || listener.port === WELL_KNOWN[listener.scheme];
  return port === WELL_KNOWN[scheme] && hostHasNoPort ? undefined : port;
}
