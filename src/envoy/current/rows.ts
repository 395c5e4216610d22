/** Envoy's configuration as rows of tables, one function a kind. Pure. */
import { X509Certificate } from "node:crypto";
import type { JsonObject, JsonValue } from "../proto/index.ts";
import { addressesOf, withoutPorts, withPorts } from "./addresses.ts";
import { chainMatches } from "./chain-matches.ts";
import { readClusterName } from "./cluster-name.ts";
import { type DumpedResource, type DumpKind, objectOr, objectsIn } from "./dump.ts";

/** One line of a table. The first cells are always shown, `wide` only on demand. */
export interface ShownRow {
  readonly cells: readonly string[];
  readonly wide: readonly string[];
  /** What filters look at. */
  readonly name: string;
  readonly ports: readonly number[];
  readonly clusters: readonly string[];
  /** Addresses without ports, those of IPv6 with or without brackets. */
  readonly addresses: readonly string[];
  /** Of listeners `HTTP`, `TCP` or `UDP`; of clusters as they are shown. */
  readonly type?: string;
  /** The health of an endpoint. */
  readonly status?: string;
}

/** The columns of each kind, those that istioctl's users know where they apply. */
export const COLUMNS: Readonly<Record<DumpKind, { cells: readonly string[]; wide: readonly string[] }>> = {
  listeners: { cells: ["ADDRESSES", "PORT", "MATCH", "DESTINATION"], wide: ["NAME", "STATE", "VERSION"] },
  clusters: {
    cells: ["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "FAMILY FIRST"],
    wide: ["STATE", "VERSION"],
  },
  endpoints: { cells: ["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"], wide: ["LOCALITY", "WEIGHT"] },
  routes: { cells: ["NAME", "VHOST NAME", "DOMAINS", "MATCH", "DESTINATION"], wide: ["RULE", "VERSION"] },
  secrets: {
    cells: ["NAME", "TYPE", "STATUS", "VALID CERT", "NOT AFTER"],
    wide: ["SERIAL NUMBER", "NOT BEFORE", "VERSION"],
  },
};

/** The rows of one resource; `now` (ms) says which certificates are valid. */
export const ROWS: Readonly<Record<DumpKind, (dumped: DumpedResource, now: number) => ShownRow[]>> = {
  listeners: listenerRows,
  clusters: clusterRows,
  endpoints: endpointRows,
  routes: routeRows,
  secrets: secretRows,
};

const text = (value: JsonValue): string => (value === undefined || value === null ? "" : String(value));
const list = (value: JsonValue): string[] => (Array.isArray(value) ? value.map(String) : []);
const orDash = (value: string) => (value === "" ? "-" : value);

function listenerRows({ name, resource = {}, state, version = "" }: DumpedResource): ShownRow[] {
  const addresses = addressesOf(resource);
  const ports = [...new Set(addresses.flatMap(({ port }) => port ?? []))];
  const chains = [...objectsIn(resource["filter_chains"]), objectOr(resource["default_filter_chain"])];
  const matches = chainMatches(resource);
  const targets = [
    ...chains
      .filter((chain) => Object.keys(chain).length > 0)
      .map((chain) => [matchOfChain(chain, matches.get(text(chain["name"]))), chain] as const),
    ...objectsIn(resource["listener_filters"])
      .filter((filter) => text(objectOr(filter["typed_config"])["@type"]).includes("udp_proxy"))
      .map((filter) => ["UDP", { filters: [filter] }] as const),
  ];
  return targets.map(([match, chain]) => {
    const { words, clusters } = destinationOf(chain);
    return {
      cells: [orDash(withoutPorts(addresses)), orDash(ports.join(",")), match, words],
      wide: [name, state, orDash(version)],
      name,
      ports,
      clusters,
      addresses: [...addresses.map(({ host }) => host), ...addressesIn(match)],
      type: match === "UDP" ? "UDP" : words.includes("Route: ") ? "HTTP" : "TCP",
    };
  });
}

/** A chain's own addresses, as its match shows them. */
function addressesIn(match: string): string[] {
  return [...match.matchAll(/Addr: (\S+)/g)].flatMap(([, shown = ""]) => shown.split(","));
}

/** @param found how the listener's own matcher finds the chain */
function matchOfChain(chain: JsonObject, found = ""): string {
  const match = objectOr(chain["filter_chain_match"]);
  const transport =
    chain["transport_socket"] !== undefined ? "TLS" : text(match["transport_protocol"]).toUpperCase();
  const names = list(match["server_names"]);
  const prefixes = objectsIn(match["prefix_ranges"]).map(
    (range) => `${text(range["address_prefix"])}/${text(range["prefix_len"])}`,
  );
  const applications = list(match["application_protocols"]);
  const port = text(match["destination_port"]);
  const parts = [
    transport,
    names.length > 0 ? `SNI: ${names.join(",")}` : "",
    applications.length > 0 ? `App: ${applications.join(",")}` : "",
    prefixes.length > 0 ? `Addr: ${prefixes.join(",")}` : "",
    port !== "" ? `Addr: *:${port}` : "",
    found,
  ];
  return parts.filter((part) => part !== "").join(" ") || "ALL";
}

function destinationOf(chain: JsonObject): { words: string; clusters: string[] } {
  for (const filter of objectsIn(chain["filters"])) {
    const config = objectOr(filter["typed_config"]);
    const type = text(config["@type"]);
    if (type.endsWith(".HttpConnectionManager")) {
      const inline = objectOr(config["route_config"]);
      const routes = text(objectOr(config["rds"])["route_config_name"] ?? inline["name"]);
      if (routes !== "") return { words: `Route: ${routes}`, clusters: [] };
      const clusters = clustersIn(inline);
      return { words: `Inline Route: ${orDash(clusters.join(","))}`, clusters };
    }
    const clusters = clustersIn(config);
    if (clusters.length > 0) return { words: `Cluster: ${clusters.join(",")}`, clusters };
  }
  return { words: "close", clusters: [] };
}

/** Where a filter sends what it tells of, which is not where it sends connections; lines of a log have names, too. */
const TELLING = new Set(["access_log", "tracing"]);

/** The clusters that an action names, at whatever depth: plain, weighted, or in a matcher of the UDP proxy. */
function clustersIn(value: JsonValue, field = ""): string[] {
  if (typeof value === "string") return field === "cluster" || field === "weighted" ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => clustersIn(item, field));
  if (typeof value !== "object" || value === null) return [];
  const parts = Object.entries(value as JsonObject).filter(([key]) => !TELLING.has(key));
  const found = parts.flatMap(([key, inner]) =>
    field === "clusters" && key === "name" ? clustersIn(inner, "weighted") : clustersIn(inner, key),
  );
  return [...new Set(found)];
}

function clusterRows({ name, resource = {}, state, version = "" }: DumpedResource): ShownRow[] {
  const type = text(resource["type"] ?? objectOr(resource["cluster_type"])["name"]) || "STATIC";
  const race = objectOr(objectOr(resource["upstream_connection_options"])["happy_eyeballs_config"]);
  const first = { V4: "IPv4", V6: "IPv6" }[text(race["first_address_family_version"])] ?? "-";
  const { host, port, subset, direction } = readClusterName(name);
  const cells = [host, port, subset, direction, type, first].map((cell) => orDash(text(cell)));
  const ports = port === undefined ? [] : [port];
  return [{ cells, wide: [state, orDash(version)], name, ports, clusters: [name], addresses: [], type }];
}

function endpointRows({ name, resource = {}, ejected }: DumpedResource): ShownRow[] {
  const { port: called } = readClusterName(name);
  return objectsIn(resource["endpoints"]).flatMap((group) => {
    const { region, zone, sub_zone: subZone } = objectOr(group["locality"]);
    const locality = [region, zone, subZone]
      .map(text)
      .filter((part) => part !== "")
      .join("/");
    return objectsIn(group["lb_endpoints"]).map((host): ShownRow => {
      const addresses = addressesOf(objectOr(host["endpoint"]));
      const status = text(host["health_status"]) || "UNKNOWN";
      const outlier =
        ejected === undefined ? "-" : ejected.has(withPorts(addresses.slice(0, 1))) ? "FAILED" : "OK";
      return {
        cells: [withPorts(addresses), status, outlier, name],
        wide: [orDash(locality), text(host["load_balancing_weight"]) || "1"],
        name,
        // the port that callers know may be another than the application's
        ports: [...addresses.flatMap(({ port }) => port ?? []), ...(called === undefined ? [] : [called])],
        clusters: [name],
        addresses: addresses.map(({ host }) => host),
        status,
      };
    });
  });
}

function routeRows({ name, resource = {}, version = "" }: DumpedResource): ShownRow[] {
  const port = Number(/(\d+)/.exec(name)?.[1] ?? Number.NaN);
  return objectsIn(resource["virtual_hosts"]).flatMap((host) =>
    objectsIn(host["routes"]).map((route): ShownRow => {
      const clusters = clustersIn(route["route"]);
      const domains = domainsOf(host, resource);
      return {
        cells: [
          name,
          ownName(text(host["name"]), name),
          domains.join(","),
          matchOfRoute(route),
          whereTo(route, clusters),
        ],
        wide: [orDash(text(route["name"])), orDash(version)],
        name,
        ports: Number.isNaN(port) ? [] : [port],
        clusters,
        addresses: domains,
      };
    }),
  );
}

/** Tables of sidecars look for `HOST|ADDRESS`, of which a domain is one part: what is left open is not shown. */
function domainsOf(host: JsonObject, { vhost_header: header }: JsonObject): string[] {
  const domains = list(host["domains"]);
  if (header === undefined) return domains;
  return domains.map((domain) => {
    const part = domain.replace(/^\*\||\|\*$/g, "");
    return domain.startsWith("*|") && part.includes(":") ? `[${part}]` : part;
  });
}

/** Of virtual hosts that come one by one the name has that of their table before it. */
function ownName(host: string, table: string): string {
  return host.startsWith(`${table}/`) ? host.slice(table.length + 1) : host;
}

function matchOfRoute(route: JsonObject): string {
  const match = objectOr(route["match"]);
  const separated = match["path_separated_prefix"];
  const regex = objectOr(match["safe_regex"])["regex"];
  const path =
    match["path"] ??
    (separated !== undefined ? `${text(separated)}/*` : undefined) ??
    (regex !== undefined ? `~${text(regex)}` : undefined) ??
    `${text(match["prefix"])}*`;
  const more = objectsIn(match["headers"]).length + objectsIn(match["query_parameters"]).length;
  return more > 0 ? `${text(path)} +${more}` : text(path);
}

function whereTo(route: JsonObject, clusters: readonly string[]): string {
  const direct = objectOr(route["direct_response"]);
  if (route["redirect"] !== undefined) return "redirect";
  if (direct["status"] !== undefined) return `answer ${text(direct["status"])}`;
  return orDash(clusters.join(","));
}

function secretRows({ name, resource = {}, state, version = "" }: DumpedResource, now: number): ShownRow[] {
  const own = objectOr(resource["tls_certificate"]);
  const trusted = objectOr(resource["validation_context"]);
  const type = "tls_certificate" in resource ? "Cert Chain" : "validation_context" in resource ? "CA" : "-";
  const certificate = certificateIn(objectOr(own["certificate_chain"] ?? trusted["trusted_ca"]));
  return [
    {
      cells: [name, type, state.toUpperCase(), validAt(certificate, now), certificate?.validTo ?? "-"],
      wide: [certificate?.serialNumber ?? "-", certificate?.validFrom ?? "-", orDash(version)],
      name,
      ports: [],
      clusters: [],
      addresses: [],
    },
  ];
}

/** In istioctl's words; Envoy takes and shows certificates that have ended, and handshakes fail. */
function validAt(certificate: X509Certificate | undefined, now: number): string {
  if (certificate === undefined) return "-";
  const { validFrom, validTo } = certificate;
  return String(Date.parse(validFrom) <= now && now <= Date.parse(validTo));
}

/** The first certificate of a data source; a file's is not in the dump. */
function certificateIn(source: JsonObject): X509Certificate | undefined {
  const bytes = source["inline_bytes"];
  const pem =
    bytes === undefined ? text(source["inline_string"]) : Buffer.from(text(bytes), "base64").toString();
  try {
    return pem === "" ? undefined : new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
