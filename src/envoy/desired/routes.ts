/**
 * Route tables and virtual hosts. Those of gateways are resources of their own (VHDS), so that one changed route costs
 * its host; those of sidecars are part of their table. Rules are kept encoded by identity: one changed rule costs its
 * own encoding, and the rest of its host is copied as bytes.
 */
import { hash } from "node:crypto";
import type { RouteRule, VirtualHost } from "../../traffic/gateway/model.ts";
import { encode, encodeField, type JsonObject } from "../proto/index.ts";
import { type OriginRef, virtualHostName } from "../resources.ts";
import { clustersOf, reachesBackend, routeAction } from "./forward.ts";
import { headerChanges } from "./header-changes.ts";
import { originRef, OVER_ADS } from "./names.ts";
import { redirectAction } from "./redirect.ts";
import { DEFAULT_RETRY } from "./retry.ts";
import { routeFilters } from "./route-filters.ts";
import { routeMatch } from "./route-match.ts";
import { bySafety } from "./safe-requests.ts";

const HOST = "envoy.config.route.v3.VirtualHost";

/** Part of a table, encoded, with what it names. */
export interface Part {
  readonly bytes: Uint8Array;
  readonly clusters: readonly string[];
  readonly origins: readonly OriginRef[];
  /** What is named of filters. */
  readonly filterParts: readonly string[];
  /** A hash of the bytes, of virtual hosts in their table. */
  readonly digest?: string;
}

/** A table, encoded: its bytes, and each cluster and object that it names once. */
export interface EncodedTable extends Part {
  /** Made of the hashes of its parts: what did not change is not read again. */
  readonly version: string;
}

/** Encodes virtual hosts; remembers their rules for as long as the model has them. */
export class HostEncoder {
  readonly #rules = new WeakMap<RouteRule, Part>();

  /** Encodes a host of a table as a message of its own. */
  encode(table: string, host: VirtualHost): Part {
    const name = virtualHostName(table, host.hostname);
    const parts = partsOf(host, (rule) => remembered(this.#rules, rule, () => rulePart(rule)));
    return {
      bytes: message(name, [host.hostname], parts),
      clusters: distinct(parts, "clusters"),
      filterParts: distinct(parts, "filterParts"),
      // thousands of routes may share a host: what they are is asked for only when Envoy refuses it
      get origins() {
        return distinct(parts, "origins");
      },
    };
  }
}

/** A table whose virtual hosts come one by one. */
export function tableOverVhds(name: string): JsonObject {
  return {
    name,
    // `Host: example.com:8080` means example.com, whatever the port.
    ignore_port_in_host_matching: true,
    vhds: { config_source: OVER_ADS },
  };
}

/** A virtual host that answers all requests with 421. */
export function misdirectedHost(table: string, hostname: string): JsonObject {
  const routes = [{ match: { prefix: "/" }, direct_response: { status: 421 } }];
  return { name: virtualHostName(table, hostname), domains: [hostname], routes };
}

/**
 * One virtual host of a table, encoded as its field there; its rules are for requests to any of the domains. They tell safe
 * requests from others by themselves, see {@link bySafety}.
 * @param more further fields of the host
 */
export function encodeHost(host: VirtualHost, domains: readonly string[], more?: JsonObject): Part {
  const parts = partsOf(host, (rule) => rulePart(rule, bySafety(routeOf(rule), methodOf(rule))));
  const bytes = message(host.hostname, domains, parts, more);
  // RouteConfiguration.virtual_hosts = 2
  return {
    bytes: concat([lengthPrefix(2, bytes.length), bytes]),
    digest: digestOf(bytes),
    clusters: distinct(parts, "clusters"),
    filterParts: distinct(parts, "filterParts"),
    origins: distinct(parts, "origins"),
  };
}

/** A table from its head (its other fields) and its hosts. */
export function joinParts(head: Uint8Array, hosts: readonly Part[]): EncodedTable {
  return {
    bytes: Buffer.concat([head, ...hosts.map((part) => part.bytes)]),
    version: versionOf([digestOf(head), ...hosts.map((part) => part.digest ?? digestOf(part.bytes))]),
    clusters: distinct(hosts, "clusters"),
    filterParts: distinct(hosts, "filterParts"),
    get origins() {
      return distinct(hosts, "origins");
    },
  };
}

function distinct(parts: readonly Part[], what: "clusters" | "origins" | "filterParts"): string[] {
  const all = new Set<string>();
  for (const part of parts) for (const name of part[what]) all.add(name);
  return [...all];
}

function digestOf(bytes: Uint8Array): string {
  return hash("sha1", bytes, "base64url");
}

function versionOf(digests: readonly string[]): string {
  return hash("sha1", digests.join(), "base64url").slice(0, 12);
}

function remembered<K extends object>(known: WeakMap<K, Part>, key: K, make: () => Part): Part {
  let part = known.get(key);
  if (part === undefined) {
    part = make();
    known.set(key, part);
  }
  return part;
}

function partsOf({ rules }: VirtualHost, encodeRule: (rule: RouteRule) => Part): Part[] {
  return rules.map(encodeRule);
}

function message(
  name: string,
  domains: readonly string[],
  rules: readonly Part[],
  more?: JsonObject,
): Uint8Array {
  const head = encode(HOST, { name, domains, retry_policy: DEFAULT_RETRY, ...more });
  return concat([head, ...rules.map((part) => part.bytes)]);
}

function rulePart(rule: RouteRule, routes: readonly JsonObject[] = [routeOf(rule)]): Part {
  const { authorizer, tokens } = rule.policy ?? {};
  return {
    bytes: encodeField(HOST, "routes", [...routes]),
    clusters: [...clustersOf(rule.action), ...(authorizer ? [authorizer.destination] : [])],
    filterParts: tokens === undefined ? [] : [tokens],
    origins: [originRef(rule.origin)],
  };
}

function methodOf({ match }: RouteRule): string | undefined {
  return match.grpc ? "POST" : match.method;
}

/** A rule as Envoy's Route. */
function routeOf(rule: RouteRule): JsonObject {
  return {
    name: rule.name,
    match: routeMatch(rule.match),
    ...action(rule),
    ...headerChanges(rule),
    typed_per_filter_config: routeFilters(rule.policy),
  };
}

function action(rule: RouteRule): JsonObject {
  const { action: does } = rule;
  if (does.kind === "redirect") return { redirect: redirectAction(does.redirect) };
  if (does.kind === "forward" && reachesBackend(does.forward)) return { route: routeAction(does, rule) };
  const { status, body } = does.kind === "answer" ? does : { status: 500 };
  return {
    direct_response: {
      // To a gRPC client 503 is UNAVAILABLE, and 500 would be UNKNOWN.
      status: status === 500 && rule.match.grpc ? 503 : status,
      ...(body !== undefined && { body: { inline_string: body } }),
    },
  };
}

/** Tag and length of a length-delimited field (wire type 2). */
function lengthPrefix(field: number, length: number): Uint8Array {
  const bytes = [(field << 3) | 2];
  let rest = length;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
