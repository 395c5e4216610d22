/** Who may come in by a key (`apiKeyAuth` of a SecurityPolicy): clients of Secrets, put into the policy that names them. */
import { TANDEM_GROUP } from "../../../objects/gateway/index.ts";
import type { Secret } from "../../../objects/types.ts";
import type { ApiKeys } from "../policy-model.ts";
import type { RecordingReferences } from "../routes/types.ts";
import type { CompiledPolicy } from "./compile.ts";
import type { SecurityPolicy } from "./objects.ts";
import { type PolicyReader, refuse } from "./reader.ts";
import { remembered } from "./remembered.ts";
import type { PolicyObject } from "./types.ts";

/** The type of the Secrets that hold clients, here as in Envoy Gateway. */
export const OPAQUE = "Opaque";

/** What a policy says of keys: all but the clients. */
export interface ApiKeySettings extends Omit<ApiKeys, "clients"> {
  readonly secrets: readonly { readonly name: string; readonly namespace?: string; readonly field: string }[];
}

/** Reads `apiKeyAuth`. */
export function apiKeySettings(
  spec: NonNullable<SecurityPolicy["spec"]["apiKeyAuth"]>,
  reader: PolicyReader,
): ApiKeySettings {
  const secrets = spec.credentialRefs.flatMap(({ group = "", kind = "Secret", name, namespace }, index) => {
    const field = `spec.apiKeyAuth.credentialRefs[${index}]`;
    if (group === "" && kind === "Secret") return [{ name, field, ...(namespace && { namespace }) }];
    return refuse(reader, field, `${kind} is no Secret`) ?? [];
  });
  const { forwardClientIDHeader, sanitize = false } = spec;
  return {
    secrets,
    from: spec.extractFrom.flatMap((place, index) => placesOf(place, index, reader)),
    ...(forwardClientIDHeader && { clientHeader: forwardClientIDHeader }),
    hidden: sanitize,
  };
}

type Place = NonNullable<SecurityPolicy["spec"]["apiKeyAuth"]>["extractFrom"][0];

function placesOf({ headers, params, cookies }: Place, index: number, reader: PolicyReader): ApiKeys["from"] {
  const kinds = [headers, params, cookies].filter((names) => names !== undefined);
  if (kinds.length !== 1)
    refuse(reader, `spec.apiKeyAuth.extractFrom[${index}]`, "has one of headers, params and cookies");
  return [
    ...(headers ?? []).map((name) => ({ in: "header" as const, name })),
    ...(params ?? []).map((name) => ({ in: "query" as const, name })),
    ...(cookies ?? []).map((name) => ({ in: "cookie" as const, name })),
  ];
}

/** A policy with what its Secrets hold. */
export interface WithApiKeys {
  readonly compiled: CompiledPolicy;
  /** Differs whenever what the Secrets hold may; empty where none is named. */
  readonly id: string;
}

/** The policy with the clients of its Secrets in it; what is wrong with a Secret is a problem of the policy. */
export function withApiKeys(
  policy: PolicyObject,
  compiled: CompiledPolicy,
  references: RecordingReferences,
): WithApiKeys {
  const { apiKeys } = compiled;
  if (apiKeys === undefined) return { compiled, id: "" };
  const { namespace: own = "" } = policy.metadata;
  const from = { group: TANDEM_GROUP, kind: policy.kind, namespace: own };
  const found = apiKeys.secrets.map(({ name, namespace = own, field }): Found => {
    const isGranted = references.granted(from, { group: "", kind: "Secret", namespace, name });
    const key = `${namespace}/${name}`;
    return {
      place: `${field}: Secret ${key}`,
      isGranted,
      secret: isGranted ? references.secret(key) : undefined,
    };
  });
  const id = ` ${found.map(versionOf).join()}`;
  // thousands of routes may ask for the same
  return { compiled: remembered(compiled, id, () => withClients(compiled, apiKeys, found)), id };
}

interface Found {
  readonly place: string;
  readonly isGranted: boolean;
  readonly secret: Secret | undefined;
}

function withClients(
  compiled: CompiledPolicy,
  { secrets: _, ...settings }: ApiKeySettings,
  found: readonly Found[],
): CompiledPolicy {
  const clients: Clients = { byName: new Map(), byKey: new Map() };
  const problems = found.flatMap(({ place, isGranted, secret }) => {
    const problem = !isGranted
      ? "it is in another namespace, where no ReferenceGrant allows SecurityPolicies of this one"
      : secret === undefined
        ? "it does not exist"
        : addClients(clients, secret);
    return problem === undefined ? [] : [`${place}: ${problem}`];
  });
  if (problems.length > 0) return { problems, notes: [] };
  const apiKeys: ApiKeys = {
    ...settings,
    clients: [...clients.byName].map(([name, key]) => ({ name, key })),
  };
  return { ...compiled, route: { ...compiled.route, apiKeys } };
}

/** Clients and their keys, either way. */
interface Clients {
  readonly byName: Map<string, string>;
  readonly byKey: Map<string, string>;
}

function versionOf({ place, isGranted, secret }: Found): string {
  if (secret === undefined) return `${place} ${isGranted}`;
  const { metadata, data } = secret;
  const { uid, resourceVersion } = metadata;
  return resourceVersion === undefined ? JSON.stringify(data) : `${uid}/${resourceVersion}`;
}

/**
 * Adds those of a Secret, or tells what is wrong with it. A client that an earlier Secret has keeps that key, as in Envoy
 * Gateway. Keys are not quoted in what is said of them.
 */
function addClients(clients: Clients, { data = {}, type = OPAQUE }: Secret): string | undefined {
  if (type !== OPAQUE) return `it is of type ${type}; clients are in Secrets of type ${OPAQUE}`;
  const names = Object.keys(data).sort();
  if (names.length === 0) return "it has no client";
  for (const name of names) {
    if (clients.byName.has(name)) continue;
    const key = Buffer.from(data[name] ?? "", "base64")
      .toString("utf8")
      .replace(/\r?\n$/, "");
    const problem = keyProblem(key, clients);
    if (problem !== undefined) return `${name}: ${problem}`;
    clients.byName.set(name, key);
    clients.byKey.set(key, name);
  }
  return undefined;
}

/** What Envoy would refuse, or no request could carry (RFC 9110, 5.5). */
function keyProblem(key: string, { byKey }: Clients): string | undefined {
  if (key === "") return "the key is empty";
  if (!/^[\x21-\x7e]+$/.test(key)) return "the key has blanks or other characters that requests do not carry";
  const other = byKey.get(key);
  return other === undefined ? undefined : `${other} has the same key`;
}
