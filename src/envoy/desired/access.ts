/** Who may come in by what the token says, and by address: rules of which the first that fits decides. */
import type { Access, AccessRule } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { any, cidrRange } from "./names.ts";
import { TOKEN_FILTER } from "./tokens.ts";

/** The filter for one route. Each Allow becomes a policy: it fits, and no Deny before it does. */
export function accessRules({ rules, otherwise }: Access): JsonObject {
  const denied: JsonObject[] = [];
  const policies: Record<string, JsonObject> = {};
  const add = (name: string, principals: readonly JsonObject[]) => {
    const principal = allOf([...principals, ...denied.map((id) => ({ not_id: id }))]);
    policies[name] = { permissions: [{ any: true }], principals: [principal] };
  };
  for (const [index, rule] of rules.entries())
    if (rule.action === "allow") add(`rule-${index}`, [fits(rule)]);
    else denied.push(fits(rule));
  if (otherwise === "allow") add("otherwise", [{ any: true }]);
  return any("envoy.extensions.filters.http.rbac.v3.RBACPerRoute", {
    rbac: { rules: { action: "ALLOW", policies } },
  });
}

function fits({ sources, token }: AccessRule): JsonObject {
  return allOf([...(sources ? [networks(sources)] : []), ...(token ? [says(token)] : [])]);
}

/** Some network of either family has the client's address. */
export function networks(sources: readonly string[]): JsonObject {
  return anyOf(sources.map((cidr) => ({ remote_ip: cidrRange(cidr) })));
}

function says({ provider, claims, scopes }: NonNullable<AccessRule["token"]>): JsonObject {
  return allOf([
    ...scopes.map((scope) => anyOf(["scope", "scp"].map((name) => claim(provider, [name], true, scope)))),
    ...claims.map(({ path, list, values }) =>
      anyOf(values.map((value) => claim(provider, path, list, value))),
    ),
  ]);
}

function claim(provider: string, path: readonly string[], list: boolean, value: string): JsonObject {
  const exact = { string_match: { exact: value } };
  return {
    sourced_metadata: {
      metadata_matcher: {
        filter: TOKEN_FILTER,
        path: [provider, ...path].map((key) => ({ key })),
        value: list ? { list_match: { one_of: exact } } : exact,
      },
    },
  };
}

function allOf(ids: readonly JsonObject[]): JsonObject {
  const [only] = ids;
  return ids.length === 1 && only ? only : { and_ids: { ids } };
}

function anyOf(ids: readonly JsonObject[]): JsonObject {
  return { or_ids: { ids } };
}
