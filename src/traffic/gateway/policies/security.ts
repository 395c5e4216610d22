/** SecurityPolicy. */
import type { CorsPolicy, RoutePolicy } from "../policy-model.ts";
import type { CompiledParts } from "./compile.ts";
import type { AuthorizerSettings } from "./authorizer.ts";
import type { SecurityPolicy } from "./objects.ts";
import { isOrigin } from "../routes/filters.ts";
import {
  cidrs,
  defined,
  definedOrNone,
  milliseconds,
  moreThanNothing,
  type PolicyReader,
  refuse,
} from "./reader.ts";

type Spec = SecurityPolicy["spec"];

const PARTS = ["cors", "authorization", "basicAuth", "extAuth"] as const satisfies readonly (keyof Spec)[];

/** Fields that the definition does not have are gone before anybody sees them: what was meant as a lock would be none. */
const SAYS_NOTHING =
  "says nothing: fields that are not known (jwt, apiKeyAuth, …) are not kept; " +
  "to let everybody in, authorization: {defaultAction: Allow}";

/** Reads the spec of a SecurityPolicy; one that says nothing is not valid. */
export function compileSecurity(spec: Spec, reader: PolicyReader): CompiledParts {
  if (PARTS.every((part) => spec[part] === undefined)) refuse(reader, "spec", SAYS_NOTHING);
  return {
    route: definedOrNone<RoutePolicy>({ cors: cors(spec, reader), ...sources(spec, reader) }),
    usersFrom: users(spec, reader),
    authorizer: authorizer(spec, reader),
  };
}

function users({ basicAuth }: Spec, reader: PolicyReader): string | undefined {
  if (basicAuth === undefined) return undefined;
  const { group = "", kind = "Secret", name } = basicAuth.users;
  return group === "" && kind === "Secret"
    ? name
    : refuse(reader, "spec.basicAuth.users", `${kind} is no Secret`);
}

/** EG's default; a request waits so long for the answer. */
const AUTHORIZER_TIMEOUT = 10_000;

function authorizer({ extAuth }: Spec, reader: PolicyReader): AuthorizerSettings | undefined {
  if (extAuth === undefined) return undefined;
  const { http, timeout } = extAuth;
  const [backend, ...others] = http.backendRefs;
  const field = "spec.extAuth.http";
  if (backend === undefined || others.length > 0)
    return refuse(reader, `${field}.backendRefs`, "names one service");
  return {
    backend,
    pathPrefix: (http.path ?? "").replace(/\/+$/, ""),
    timeout: moreThanNothing(timeout, "spec.extAuth.timeout", reader) ?? AUTHORIZER_TIMEOUT,
    headersToBackend: http.headersToBackend ?? [],
  };
}

function cors({ cors: spec }: Spec, reader: PolicyReader): CorsPolicy | undefined {
  if (spec === undefined) return undefined;
  const maxAge = milliseconds(spec.maxAge, "spec.cors.maxAge", reader);
  for (const [field, isGood, what] of CORS_TEXTS)
    for (const [index, text] of (spec[field] ?? []).entries())
      if (!isGood(text))
        refuse(reader, `spec.cors.${field}[${index}]`, `${JSON.stringify(text)} is no ${what}`);
  return defined<CorsPolicy>({
    allowOrigins: spec.allowOrigins ?? [],
    allowMethods: spec.allowMethods ?? [],
    allowHeaders: spec.allowHeaders ?? [],
    exposeHeaders: spec.exposeHeaders ?? [],
    maxAge: maxAge === undefined ? undefined : Math.floor(maxAge / 1000),
    allowCredentials: spec.allowCredentials ?? false,
  });
}

const isToken = (text: string) => /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(text);

/** What browsers could never send, so that the policy would not do what it seems to say (RFC 6454, RFC 9110). */
const CORS_TEXTS = [
  ["allowOrigins", isOrigin, "origin such as https://shop.example or https://*.example:8443"],
  ["allowMethods", isToken, "method"],
  ["allowHeaders", isToken, "name of a header"],
  ["exposeHeaders", isToken, "name of a header"],
] as const;

type Sources = Pick<RoutePolicy, "allowedSources" | "deniedSources">;

/** Nobody: networks of no use to anyone (RFC 5737, RFC 3849), as an empty list would mean everybody. */
const NOBODY = ["192.0.2.0/32", "2001:db8::/128"];

/**
 * Rules in order come to "these, but not those" as long as no Deny comes after an Allow that it would have to make room
 * for.
 */
function sources({ authorization }: Spec, reader: PolicyReader): Sources {
  if (authorization === undefined) return {};
  const { defaultAction = "Deny", rules = [] } = authorization;
  const field = "spec.authorization.rules";
  const allowed: string[] = [];
  const denied: string[] = [];
  for (const [index, { action, principal }] of rules.entries()) {
    if (action === "Deny" && allowed.length > 0)
      refuse(reader, `${field}[${index}]`, "a Deny after an Allow is not supported; put Deny rules first");
    const place = `${field}[${index}].principal.clientCIDRs`;
    const matters = action === "Allow" && defaultAction === "Deny";
    const list = cidrs(
      principal.clientCIDRs,
      place,
      reader,
      matters ? "it lets no client in over" : undefined,
    );
    (action === "Allow" ? allowed : denied).push(...list);
  }
  const isOpen = defaultAction === "Allow";
  return {
    ...(!isOpen && { allowedSources: allowed.length > 0 ? allowed : NOBODY }),
    ...(denied.length > 0 && { deniedSources: denied }),
  };
}
