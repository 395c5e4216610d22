/** `jwt` of a SecurityPolicy: what it says by itself. What it refers to is put in by tokens.ts. */
import type { BackendRef } from "../../../objects/gateway/index.ts";
import type { RemoteKeys, TokenPolicy, TokenProvider } from "../policy-model.ts";
import { keySetProblem } from "./key-set.ts";
import type { JwtProvider, SecurityPolicy } from "./objects.ts";
import { defined, milliseconds, moreThanNothing, type PolicyReader, refuse } from "./reader.ts";

/** What a policy says of the tokens that it asks for. */
export interface TokenSettings extends Pick<TokenPolicy, "lenient"> {
  readonly providers: readonly ProviderSettings[];
}

/** A provider, and where its keys are. */
export interface ProviderSettings extends Omit<TokenProvider, "keys"> {
  readonly keys: KeySettings;
}

/** Where keys are: in the policy, in an object of its namespace, or at a URI. `field` is the place that says so. */
export type KeySettings =
  | { readonly inline: string }
  | { readonly object: "ConfigMap" | "Secret"; readonly name: string; readonly field: string }
  | (Omit<RemoteKeys, "destination"> & {
      readonly url: URL;
      readonly backend?: BackendRef;
      readonly field: string;
    });

type Jwt = NonNullable<SecurityPolicy["spec"]["jwt"]>;

/**
 * The name of a provider among all of a proxy: two policies may call theirs the same.
 * @param policy its key
 */
export function providerName(policy: string, name: string): string {
  return `${policy}/${name}`;
}

/** Reads `jwt`. */
export function tokenSettings(jwt: Jwt, policy: string, reader: PolicyReader): TokenSettings {
  const { optional = false, failOpen = false, providers } = jwt;
  if (optional && failOpen) refuse(reader, "spec.jwt.optional", "failOpen lets in without a token as well");
  const names = new Set<string>();
  const read = providers.flatMap((provider, index) => {
    const field = `spec.jwt.providers[${index}]`;
    if (names.has(provider.name)) refuse(reader, `${field}.name`, `${provider.name} is there before`);
    names.add(provider.name);
    const keys = keySettings(provider, field, reader);
    checkClaims(provider, field, reader);
    return keys === undefined ? [] : [settingsOf(provider, policy, keys)];
  });
  const lenient = failOpen ? "failed" : optional ? "missing" : undefined;
  return { providers: read, ...(lenient && { lenient }) };
}

function settingsOf(provider: JwtProvider, policy: string, keys: KeySettings): ProviderSettings {
  const { name, issuer, audiences = [], claimToHeaders = [], recomputeRoute = false } = provider;
  const { headers = [], cookies = [], params = [] } = provider.extractFrom ?? {};
  const from = { headers: headers.map(headerPlace), cookies, params };
  return {
    name: providerName(policy, name),
    ...(issuer !== undefined && issuer !== "" && { issuer }),
    audiences,
    keys,
    claimHeaders: claimToHeaders,
    recomputesRoute: recomputeRoute,
    ...(headers.length + cookies.length + params.length > 0 && { from }),
  };
}

function headerPlace({ name, valuePrefix = "" }: { name: string; valuePrefix?: string }) {
  return { name, prefix: valuePrefix };
}

function checkClaims(provider: JwtProvider, field: string, reader: PolicyReader): void {
  const { claimToHeaders = [], recomputeRoute } = provider;
  if (recomputeRoute && claimToHeaders.length === 0)
    refuse(reader, `${field}.recomputeRoute`, "needs claimToHeaders: by them the route is chosen anew");
  const headers = new Set<string>();
  for (const [index, { header }] of claimToHeaders.entries()) {
    if (headers.has(header.toLowerCase()))
      refuse(reader, `${field}.claimToHeaders[${index}].header`, `${header} is there before`);
    headers.add(header.toLowerCase());
  }
}

function keySettings(
  { localJWKS: local, remoteJWKS: remote }: JwtProvider,
  field: string,
  reader: PolicyReader,
): KeySettings | undefined {
  if (local !== undefined && remote === undefined) return localKeys(local, `${field}.localJWKS`, reader);
  if (remote !== undefined && local === undefined) return remoteKeys(remote, `${field}.remoteJWKS`, reader);
  const what = remote === undefined ? "needs" : "has both of";
  return refuse(reader, field, `${what} remoteJWKS (a URI) and localJWKS (a key set): one tells the keys`);
}

function localKeys(
  { type = "Inline", inline, valueRef }: NonNullable<JwtProvider["localJWKS"]>,
  field: string,
  reader: PolicyReader,
): KeySettings | undefined {
  if ((type === "Inline") !== (inline !== undefined) || (type === "ValueRef") !== (valueRef !== undefined))
    return refuse(reader, field, "type Inline has inline, and type ValueRef has valueRef");
  if (inline !== undefined) {
    const problem = keySetProblem(inline);
    return problem === undefined ? { inline } : refuse(reader, `${field}.inline`, problem);
  }
  const { group = "", kind = "", name = "" } = valueRef ?? {};
  if (group === "" && (kind === "ConfigMap" || kind === "Secret"))
    return { object: kind, name, field: `${field}.valueRef` };
  return refuse(reader, `${field}.valueRef`, `${kind} is neither ConfigMap nor Secret`);
}

/** EG's default. */
const CACHED_FOR = 300_000;

function remoteKeys(
  remote: NonNullable<JwtProvider["remoteJWKS"]>,
  field: string,
  reader: PolicyReader,
): KeySettings | undefined {
  const [backend, ...others] = remote.backendRefs ?? [];
  if (others.length > 0) refuse(reader, `${field}.backendRefs`, "names one service");
  const cachedFor = moreThanNothing(remote.cacheDuration, `${field}.cacheDuration`, reader);
  const url = urlOf(remote.uri, `${field}.uri`, reader);
  if (url === undefined) return undefined;
  return defined<Extract<KeySettings, { readonly url: URL }>>({
    // percent-encoded, as Envoy wants it: it refuses the tokens of all policies for a bad one
    uri: url.href,
    url,
    backend,
    field,
    cachedFor: cachedFor ?? CACHED_FOR,
    retriedAfter: milliseconds(remote.failedRefetchDuration, `${field}.failedRefetchDuration`, reader),
  });
}

function urlOf(text: string, field: string, reader: PolicyReader): URL | undefined {
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === "" && url.password === "" && url.hash === "";
  if (isPlain && (url.protocol === "https:" || url.protocol === "http:")) return url;
  const example = "https://login.example/.well-known/jwks.json";
  return refuse(reader, field, `${JSON.stringify(text)} is no URI such as ${example}`);
}
