/** The tokens that a SecurityPolicy asks for (`jwt`): keys of objects, and where keys are fetched, put into it. Pure. */
import { familyOfText } from "../../../ip/address.ts";
import { FAMILIES } from "../../../ip/family.ts";
import type { BackendRef } from "../../../objects/gateway/index.ts";
import type { ConfigMap, Secret } from "../../../objects/types.ts";
import type { Destination } from "../model.ts";
import type { TokenProvider } from "../policy-model.ts";
import { SYSTEM_TRUST } from "../routes/authorities.ts";
import { proxyItself } from "../routes/backend-object.ts";
import { resolveBackendRef } from "../routes/backend-ref.ts";
import type { NeedsBuilder, RouteContext } from "../routes/context.ts";
import type { Needs, RecordingReferences } from "../routes/types.ts";
import type { CompiledPolicy } from "./compile.ts";
import { keySetProblem } from "./key-set.ts";
import { referrer } from "./referrer.ts";
import type { KeySettings } from "./token-settings.ts";
import type { PolicyObject } from "./types.ts";

/** A policy with the keys of its providers. */
export interface WithTokens {
  readonly compiled: CompiledPolicy;
  readonly needs?: Needs;
  /** Differs whenever keys, or where they are, do; empty where no tokens are asked for. */
  readonly id: string;
}

/** The policy with all that its tokens are judged by; a reference that leads nowhere is a problem of the policy. */
export function withTokens(
  policy: PolicyObject,
  compiled: CompiledPolicy,
  references: RecordingReferences,
): WithTokens {
  const { tokens } = compiled;
  if (tokens === undefined) return { compiled, id: "" };
  const route = referrer(policy, references);
  const problems: string[] = [];
  const notes: string[] = [];
  const objects: string[] = [];
  const found: Found = { route, problems, notes, objects };
  const providers = tokens.providers.flatMap((provider): TokenProvider[] => {
    const keys = keysOf(provider.keys, found);
    return keys === undefined ? [] : [{ ...provider, keys }];
  });
  const { destinations, trust } = route.needs;
  const id = ` ${JSON.stringify([problems, objects, [...destinations.values()], [...trust.keys()]])}`;
  if (problems.length > 0) return { compiled: { problems, notes: [] }, id };
  const origins = [{ kind: policy.kind, key: route.key }];
  const asked = { providers, ...(tokens.lenient && { lenient: tokens.lenient }), origins };
  return {
    compiled: {
      ...compiled,
      notes: [...compiled.notes, ...notes],
      route: { ...compiled.route, tokens: route.key },
    },
    needs: { ...route.needs, tokens: new Map([[route.key, asked]]) },
    id,
  };
}

interface Found {
  readonly route: RouteContext;
  readonly problems: string[];
  readonly notes: string[];
  /** The versions of those that keys come from. */
  readonly objects: string[];
}

function keysOf(keys: KeySettings, found: Found): TokenProvider["keys"] | undefined {
  if ("inline" in keys) return keys;
  if ("object" in keys) return keysOfObject(keys, found);
  const { uri, cachedFor, retriedAfter, url, backend, field } = keys;
  const destination =
    backend === undefined ? hostOf(url, field, found) : backendOf(backend, url, field, found);
  if (destination === undefined) return undefined;
  return { uri, destination, cachedFor, ...(retriedAfter !== undefined && { retriedAfter }) };
}

type OfObject = Extract<KeySettings, { readonly object: string }>;

function keysOfObject({ object: kind, name, field }: OfObject, { route, problems, objects }: Found) {
  const key = `${route.namespace}/${name}`;
  const object = kind === "ConfigMap" ? route.references.configMap(key) : route.references.secret(key);
  const { inline, problem } = object === undefined ? MISSING : readOnce(object, kind);
  objects.push(`${kind}/${key}@${object === undefined ? "" : versionOf(object)}`);
  if (problem !== undefined) problems.push(`${field}: ${kind} ${key}: ${problem}`);
  return inline === undefined ? undefined : { inline };
}

function versionOf({ metadata, data }: ConfigMap | Secret): string {
  const { uid, resourceVersion } = metadata;
  return resourceVersion === undefined ? JSON.stringify(data) : `${uid}/${resourceVersion}`;
}

interface Read {
  readonly inline?: string;
  readonly problem?: string;
}

const MISSING: Read = { problem: "it does not exist" };
const known = new WeakMap<ConfigMap | Secret, Read>();

/** Objects never change, so each is read once. */
function readOnce(object: ConfigMap | Secret, kind: "ConfigMap" | "Secret"): Read {
  const result = known.get(object) ?? read(object, kind);
  known.set(object, result);
  return result;
}

/** The key that ConfigMaps with key sets have in Envoy Gateway, which takes any other where there is none. */
export const KEY_SET = "jwks";

function read({ data = {} }: ConfigMap | Secret, kind: "ConfigMap" | "Secret"): Read {
  const name = KEY_SET in data ? KEY_SET : Object.keys(data).sort()[0];
  const value = name === undefined ? undefined : data[name];
  if (value === undefined) return { problem: `it has no key ${KEY_SET}` };
  const text = kind === "Secret" ? Buffer.from(value, "base64").toString("utf8") : value;
  const problem = keySetProblem(text);
  return problem === undefined ? { inline: text } : { problem: `${name} ${problem}` };
}

function backendOf(ref: BackendRef, url: URL, field: string, found: Found): string | undefined {
  const { route, problems, notes } = found;
  const place = `${field}.backendRefs[0]`;
  if (ref.namespace !== undefined && ref.namespace !== route.namespace) {
    problems.push(`${place}.namespace: it is not the policy's own`);
    return undefined;
  }
  const before = route.badReferences.length;
  const key = resolveBackendRef(ref, { route, field: place, speak: "http", needs: route.needs });
  problems.push(...route.badReferences.slice(before).map(({ message }) => message));
  const isPlain = key !== undefined && route.needs.destinations.get(key)?.tls === undefined;
  if (isPlain && url.protocol === "https:")
    notes.push(`${place} is spoken to without TLS though the uri is of https: it has no BackendTLSPolicy`);
  return key;
}

/** The host of a URI as a destination of its own: a name of which all addresses are tried, or an address. */
function hostOf(url: URL, field: string, { route, problems }: Found): string | undefined {
  const isTls = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const problem = hostProblem(host, isTls, route);
  if (problem !== undefined) {
    problems.push(`${field}.uri: ${problem}`);
    return undefined;
  }
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const key = `jwks/${route.key}/${url.protocol.slice(0, -1)}/${host}/${port}`;
  const where = familyOfText(host) === undefined ? { hostname: host } : { addresses: [host] };
  const destination: Destination = {
    key,
    target: { kind: "hosts", hosts: [{ ...where, port }] },
    protocol: "http1",
    ...(isTls && { tls: { serverName: host, trust: SYSTEM_TRUST.name } }),
    origins: [{ kind: "SecurityPolicy", key: route.key }],
  };
  enter(destination, route.needs);
  return key;
}

function enter(destination: Destination, needs: NeedsBuilder): void {
  needs.destinations.set(destination.key, destination);
  if (destination.tls !== undefined) needs.trust.set(SYSTEM_TRUST.name, SYSTEM_TRUST);
}

function hostProblem(host: string, isTls: boolean, { references }: RouteContext): string | undefined {
  if (proxyItself(host)) return `${host} is no host that may be asked: it is the proxy itself`;
  const { families = FAMILIES } = references;
  const family = familyOfText(host);
  if (family === undefined) return undefined;
  if (!families.includes(family))
    return `${host} cannot be reached: the cluster has only ${families.join(" and ")}`;
  const advice = "name the host, or a Backend in backendRefs that says the name in its certificate";
  return isTls ? `of ${host} no certificate can be checked by its name; ${advice}` : undefined;
}
