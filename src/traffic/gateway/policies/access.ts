/** `authorization` of a SecurityPolicy: who may come in, by address and by what tokens say. */
import type { Access, AccessRule, RoutePolicy } from "../policy-model.ts";
import type { Principal, SecurityPolicy } from "./objects.ts";
import { cidrs, type PolicyReader, refuse } from "./reader.ts";
import { providerName } from "./token-settings.ts";

type Spec = SecurityPolicy["spec"];
type Rule = NonNullable<NonNullable<Spec["authorization"]>["rules"]>[0];
const FIELD = "spec.authorization.rules";

/** What rules come to: lists of networks while none asks for a token, as Envoy then decides before it reads tokens. */
export type AccessSettings = Pick<RoutePolicy, "allowedSources" | "deniedSources" | "access">;

/** Nobody: networks of no use to anyone (RFC 5737, RFC 3849), as an empty list would mean everybody. */
const NOBODY = ["192.0.2.0/32", "2001:db8::/128"];

/**
 * Reads `authorization`.
 * @param policy its key
 */
export function accessSettings(spec: Spec, policy: string, reader: PolicyReader): AccessSettings {
  if (spec.authorization === undefined) return {};
  const { defaultAction = "Deny", rules = [] } = spec.authorization;
  if (rules.every(({ principal }) => principal.jwt === undefined))
    return sources(rules, defaultAction === "Allow", reader);
  const access: Access = {
    rules: rules.map((rule, index) => accessRule(rule, index, spec, policy, reader)),
    otherwise: defaultAction === "Allow" ? "allow" : "deny",
  };
  return { access };
}

/**
 * Rules in order come to "these, but not those" as long as no Deny comes after an Allow that it would have to make room
 * for.
 */
function sources(rules: readonly Rule[], isOpen: boolean, reader: PolicyReader): AccessSettings {
  const allowed: string[] = [];
  const denied: string[] = [];
  for (const [index, { action, principal }] of rules.entries()) {
    if (action === "Deny" && allowed.length > 0)
      refuse(reader, `${FIELD}[${index}]`, "a Deny after an Allow is not supported; put Deny rules first");
    const list = networks(principal, index, action === "Allow" && !isOpen, reader);
    if (list === undefined) refuse(reader, `${FIELD}[${index}].principal`, "says of nobody who it is");
    (action === "Allow" ? allowed : denied).push(...(list ?? []));
  }
  return {
    ...(!isOpen && { allowedSources: allowed.length > 0 ? allowed : NOBODY }),
    ...(denied.length > 0 && { deniedSources: denied }),
  };
}

function networks(
  { clientCIDRs }: Principal,
  index: number,
  matters: boolean,
  reader: PolicyReader,
): readonly string[] | undefined {
  const place = `${FIELD}[${index}].principal.clientCIDRs`;
  return clientCIDRs && cidrs(clientCIDRs, place, reader, matters ? "it lets no client in over" : undefined);
}

function accessRule(
  { action, principal }: Rule,
  index: number,
  spec: Spec,
  policy: string,
  reader: PolicyReader,
): AccessRule {
  const isOpen = spec.authorization?.defaultAction === "Allow";
  const list = networks(principal, index, action === "Allow" && !isOpen, reader);
  const place = `${FIELD}[${index}].principal`;
  if (list === undefined && principal.jwt === undefined) refuse(reader, place, "says of nobody who it is");
  const token = principal.jwt && tokenOf(principal.jwt, place, spec, policy, reader);
  return {
    action: action === "Allow" ? "allow" : "deny",
    ...(list && { sources: list }),
    ...(token && { token }),
  };
}

function tokenOf(
  { provider, claims = [], scopes = [] }: NonNullable<Principal["jwt"]>,
  place: string,
  { jwt }: Spec,
  policy: string,
  reader: PolicyReader,
): AccessRule["token"] {
  const names = (jwt?.providers ?? []).map(({ name }) => name);
  if (!names.includes(provider))
    refuse(
      reader,
      `${place}.jwt.provider`,
      `${provider} is none of spec.jwt.providers (${names.join(", ") || "there are none"})`,
    );
  if (claims.length + scopes.length === 0) refuse(reader, `${place}.jwt`, "needs claims or scopes");
  return {
    provider: providerName(policy, provider),
    claims: claims.map(({ name, valueType, values }) => ({
      path: name.split("."),
      list: valueType === "StringArray",
      values,
    })),
    scopes,
  };
}
