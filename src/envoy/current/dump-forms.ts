/**
 * The forms in which an Envoy's configuration is handed round: its own dump, those that istioctl and egctl write (names
 * as protobuf's JSON has them, a proxy by its namespace and pod), and the file that an Envoy starts with. Pure.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../proto/index.ts";

/** How deep a proxy may lie: egctl writes namespace, pod, dump. */
const DEPTH = 3;

/** The dumps of each proxy in a document, by where they lie in it (`namespace/pod`; empty: the whole document). */
export function dumpsIn(document: JsonValue): ReadonlyMap<string, readonly JsonObject[]> {
  const found = new Map<string, readonly JsonObject[]>();
  collect(document, [], found);
  return found;
}

function collect(value: JsonValue, path: readonly string[], into: Map<string, readonly JsonObject[]>): void {
  if (!isJsonObject(value)) return;
  const dumps = ownDumps(value);
  if (dumps !== undefined) into.set(path.join("/"), dumps.some(hasCapitals) ? dumps.map(snaked) : dumps);
  else if (path.length < DEPTH)
    for (const [key, inner] of Object.entries(value)) collect(inner, [...path, key], into);
}

function ownDumps(value: JsonObject): readonly JsonObject[] | undefined {
  const { configs } = value;
  if (Array.isArray(configs)) return (configs as readonly JsonValue[]).filter(isJsonObject);
  if (/\.\w+ConfigDump$/.test(String(value["@type"]))) return [value];
  const resources = value["static_resources"] ?? value["staticResources"];
  if (!isJsonObject(resources)) return undefined;
  const bootstrap = { "@type": "envoy.admin.v3.BootstrapConfigDump", bootstrap: snaked(value) };
  return [bootstrap, ...dumpsOfBootstrap(snaked(resources))];
}

/** Dumps may be of many megabytes, and Envoy itself writes names as they are wanted here. */
function hasCapitals(dump: JsonObject): boolean {
  return Object.keys(dump).some((key) => /[A-Z]/.test(key));
}

/** envoy.config.bootstrap.v3.Bootstrap.StaticResources, as Envoy would tell of it. */
function dumpsOfBootstrap({ listeners, clusters, secrets }: JsonObject): readonly JsonObject[] {
  const wrapped = (list: JsonValue, field: string) =>
    Array.isArray(list) ? (list as readonly JsonValue[]).map((item) => ({ [field]: item })) : [];
  return [
    { "@type": "envoy.admin.v3.ListenersConfigDump", static_listeners: wrapped(listeners, "listener") },
    { "@type": "envoy.admin.v3.ClustersConfigDump", static_clusters: wrapped(clusters, "cluster") },
    { "@type": "envoy.admin.v3.SecretsConfigDump", static_secrets: wrapped(secrets, "secret") },
  ];
}

/** Fields named as in the .proto files; keys that are names of things (`envoy.filters.http.cors`) have no capitals. */
function snaked<T extends JsonValue>(value: T): T {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(snaked) as unknown as T;
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [fieldName(key), snaked(inner)]);
  return Object.fromEntries(entries) as T;
}

function fieldName(key: string): string {
  return /^[a-z][A-Za-z0-9]*$/.test(key)
    ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    : key;
}
