/** SecurityPolicy. */
import type { CorsPolicy, RoutePolicy } from "../policy-model.ts";
import { accessSettings } from "./access.ts";
import { apiKeySettings } from "./api-keys.ts";
import type { CompiledParts } from "./compile.ts";
import type { AuthorizerSettings } from "./authorizer.ts";
import type { SecurityPolicy } from "./objects.ts";
import { isOrigin } from "../routes/filters.ts";
import {
  defined,
  definedOrNone,
  milliseconds,
  moreThanNothing,
  type PolicyReader,
  refuse,
} from "./reader.ts";
import { tokenSettings } from "./token-settings.ts";

type Spec = SecurityPolicy["spec"];

const PARTS = [
  "cors",
  "authorization",
  "basicAuth",
  "extAuth",
  "jwt",
  "apiKeyAuth",
] as const satisfies readonly (keyof Spec)[];

/** Fields that the definition does not have are gone before anybody sees them: what was meant as a lock would be none. */
const SAYS_NOTHING =
  "says nothing: fields that are not known (oidc, wasm, …) are not kept; " +
  "to let everybody in, authorization: {defaultAction: Allow}";

/**
 * Reads the spec of a SecurityPolicy; one that says nothing is not valid.
 * @param policy its key, `namespace/name`
 */
export function compileSecurity(spec: Spec, policy: string, reader: PolicyReader): CompiledParts {
  if (PARTS.every((part) => spec[part] === undefined)) refuse(reader, "spec", SAYS_NOTHING);
  return {
    route: definedOrNone<RoutePolicy>({ cors: cors(spec, reader), ...accessSettings(spec, policy, reader) }),
    usersFrom: users(spec, reader),
    authorizer: authorizer(spec, reader),
    apiKeys: spec.apiKeyAuth && apiKeySettings(spec.apiKeyAuth, reader),
    tokens: spec.jwt && tokenSettings(spec.jwt, policy, reader),
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
