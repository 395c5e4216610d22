/** Who may do what, as Envoy's RBAC: rules that deny, and then those that allow, of which one must hold if there are any. */
import { isIPv6 } from "node:net";
import type { AuthorizationRule, Caller, RequestMatch } from "../../traffic/mesh/model.ts";
import { cidrRange, extension } from "../desired/names.ts";
import type { JsonObject } from "../proto/index.ts";

/** The HTTP filters of rules; none without rules. */
export function httpAuthorization(rules: readonly AuthorizationRule[]): JsonObject[] {
  const config = "envoy.extensions.filters.http.rbac.v3.RBAC";
  return policies(rules, true).map((policy) =>
    extension("envoy.filters.http.rbac", config, { rules: policy }),
  );
}

/**
 * The network filters of rules. A stream has no methods, paths and hosts: a rule that allows by them allows no stream,
 * and one that denies by them denies it whatever they are (the side that is safe, as in Istio).
 */
export function streamAuthorization(rules: readonly AuthorizationRule[]): JsonObject[] {
  const config = "envoy.extensions.filters.network.rbac.v3.RBAC";
  return policies(rules, false).map((policy) =>
    extension("envoy.filters.network.rbac", config, { rules: policy, stat_prefix: "inbound." }),
  );
}

function policies(rules: readonly AuthorizationRule[], http: boolean): JsonObject[] {
  return (["deny", "allow"] as const).flatMap((action) => {
    const those = rules.filter((rule) => rule.action === action);
    if (those.length === 0) return [];
    const made = those.flatMap((rule) => {
      const permissions = permissionsOf(rule, http);
      return permissions.length === 0 ? [] : [[rule.name, { permissions, principals: principalsOf(rule) }]];
    });
    // Without any policy `ALLOW` lets nobody in: that is what is left of rules that allow no stream.
    return [{ action: action.toUpperCase(), policies: Object.fromEntries(made) as JsonObject }];
  });
}

const ANY: JsonObject = { any: true };

function permissionsOf({ to, action }: AuthorizationRule, http: boolean): JsonObject[] {
  if (to.length === 0) return [ANY];
  return to.flatMap((match) => {
    if (!http && action === "allow" && asksForHttp(match)) return [];
    return [all("and_rules", "rules", permissionParts(match, http, action === "deny"))];
  });
}

function asksForHttp({ methods, paths, hosts }: RequestMatch): boolean {
  return [methods, paths, hosts].some((values) => values !== undefined);
}

function permissionParts(match: RequestMatch, http: boolean, denies: boolean): JsonObject[] {
  const { ports, methods, paths, hosts } = match;
  const or = (values: readonly JsonObject[]) => ({ or_rules: { rules: values } });
  const header = (name: string, matcher: JsonObject) => ({ header: { name, string_match: matcher } });
  const path = (matcher: JsonObject) => ({ url_path: { path: matcher } });
  return [
    ...(ports ? [or(ports.map((port) => ({ destination_port: port })))] : []),
    ...(http && methods ? [or(methods.map((method) => header(":method", pattern(method))))] : []),
    ...(http && paths ? [or(pathMatchers(paths, denies).map(path))] : []),
    ...(http && !denies && paths?.some(isOpen) ? [{ not_rule: path(UNRESOLVED) }] : []),
    ...(http && hosts ? [or(hosts.map((host) => header(":authority", hostPattern(host))))] : []),
  ];
}

function principalsOf({ from }: AuthorizationRule): JsonObject[] {
  return from.length === 0 ? [ANY] : from.map((caller) => all("and_ids", "ids", principalParts(caller)));
}

function principalParts({ identities, namespaces, cidrs, notCidrs }: Caller): JsonObject[] {
  const or = (values: readonly JsonObject[]) => ({ or_ids: { ids: values } });
  const address = (cidr: string) => ({ direct_remote_ip: cidrRange(cidr) });
  const named = (matcher: JsonObject) => ({ authenticated: { principal_name: matcher } });
  return [
    ...(identities ? [or(identities.map((identity) => named(pattern(identity))))] : []),
    ...(namespaces ? [or(namespaces.map((namespace) => named(ofNamespace(namespace))))] : []),
    ...(cidrs ? [or(cidrs.map(address))] : []),
    ...(notCidrs?.length ? [{ not_id: or(notCidrs.map(address)) }] : []),
  ];
}

/** All of the parts; none is anything. */
function all(field: string, list: string, parts: readonly JsonObject[]): JsonObject {
  const [only] = parts;
  if (only === undefined) return ANY;
  return parts.length === 1 ? only : { [field]: { [list]: parts } };
}

/** `*` alone is anything that is there, at an end the rest; elsewhere it is itself. */
function pattern(text: string): JsonObject {
  if (text === "*") return { safe_regex: { regex: ".+" } };
  if (text.endsWith("*")) return { prefix: text.slice(0, -1) };
  if (text.startsWith("*")) return { suffix: text.slice(1) };
  return { exact: text };
}

/** A `*` at one end, and what is before or after it. */
function parts(text: string): [before: string, middle: string, after: string] {
  if (text.endsWith("*")) return ["", text.slice(0, -1), ".*"];
  return text.startsWith("*") ? [".*", text.slice(1), ""] : ["", text, ""];
}

/**
 * A host, whatever its case, with a port and the root's dot or without: clients say the port where it is not that of the
 * scheme (RFC 9110, 7.2), and nobody comes past a rule by saying it. Where the pattern has a port, that one is meant.
 */
function hostPattern(text: string): JsonObject {
  if (text === "*") return pattern(text);
  const [before, name, after] = parts(isIPv6(text) ? `[${text}]` : text);
  const hasPort = /:[0-9]*$/.test(name);
  const end = after === "" && !hasPort ? "\\.?(:[0-9]+)?" : after;
  return { safe_regex: { regex: `(?i)${before}${literal(name)}${end}` } };
}

/** Where a request may be told by more than one path, all of these are denied. */
function pathMatchers(paths: readonly string[], denies: boolean): JsonObject[] {
  if (!denies) return paths.map(pattern);
  return [...paths.map(anySlashes), ...(paths.includes("*") ? [] : [UNRESOLVED])];
}

/** Whether a pattern leaves something open, but not all. */
function isOpen(text: string, _: number, all: readonly string[]): boolean {
  return text.includes("*") && !all.includes("*");
}

const SLASH = "(?:/|%2[fF]|%5[cC])";

/**
 * A path with `.` or `..` beside an encoded slash, as in `/cart%2f..%2fadmin`. Envoy resolves those between plain slashes
 * (RFC 3986, 5.2.4) and leaves these, as it has to pass on encoded slashes as they are; an application that decodes
 * first finds another path than the rules did. So a rule about paths never allows one, and always denies it.
 */
const UNRESOLVED: JsonObject = {
  safe_regex: { regex: `.*${SLASH}(?:\\.|%2[eE]){1,2}(?:${SLASH}.*)?` },
};

/**
 * A path that is denied, with any number of slashes for one, encoded or not: many servers take them for the same, and a
 * rule would be passed by `//admin`.
 */
function anySlashes(text: string): JsonObject {
  if (text === "*") return pattern(text);
  const [before, path, after] = parts(text);
  const slashes = path.split(/\/+/).map(literal).join(`${SLASH}+`);
  return { safe_regex: { regex: `${before}${slashes}${after}` } };
}

/** Text as a regular expression that matches it alone (RE2). */
function literal(text: string): string {
  return text.replaceAll(/[.+*?^${}()|[\]\\]/g, "\\$&");
}

/** Identities of a namespace, whose own name may have a `*` at an end: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. */
function ofNamespace(namespace: string): JsonObject {
  const inner = namespace.split("*").map(literal).join("[^/]*");
  return { safe_regex: { regex: `spiffe://[^/]+/ns/${inner}/sa/.+` } };
}
