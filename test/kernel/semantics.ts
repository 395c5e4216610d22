/**
 * What a connection to a Service may come to, said without regard to how rules do it: the semantics of kube-proxy 1.35
 * (KEP-1669, KEP-2086, KEP-1860, KEP-2433 and the Service API's documentation), for any client at any address.
 */
import { BlockList } from "node:net";
import { type Case, type CaseEndpoint, type Family, isHinted, type Protocol } from "./cases.ts";
import { ADDRESSES, GATEWAY, type Place } from "./network.ts";

/** Where a connection may come from. */
export type Client = Exclude<Place, "b">;

/** Where a connection is sent to. */
export type Target =
  | "cluster IP"
  | "closed port"
  | "node port"
  | "node port on loopback"
  | "external IP"
  | "balancer IP";

/** `refused`: by a reset or an ICMP error; `silence`: nothing comes back; `nobody`: no endpoint answers, anything else may. */
export type Expectation =
  | "refused"
  | "silence"
  | "nobody"
  /** Who may answer, each with the sources that it may see. */
  | ReadonlyMap<string, readonly string[]>;

/** A connection that a client tries. */
export interface Attempt {
  readonly client: Client;
  readonly target: Target;
  readonly family: Family;
  readonly protocol: Protocol;
}

/** What an attempt comes to. */
export function expectationOf(given: Case, attempt: Attempt): Expectation {
  const { target, family, client } = attempt;
  const served = given.families.includes(family);
  if (target === "node port on loopback") return "refused";
  // A port that nobody serves on an address that the node has is closed.
  if (!served) return target === "node port" ? "refused" : "nobody";
  if (target === "closed port") return "refused";
  if (target === "cluster IP") return internal(given, attempt);
  const isBalancer = isBalancerAddress(given, target);
  const isExternal = given.externalIPs && (target === "external IP" || given.sameAddresses);
  if (target !== "node port" && !isBalancer && !isExternal) return "nobody";
  if (isBalancer && !isAdmitted(given.ranges, ADDRESSES[client][family], family)) return "silence";
  return external(given, attempt);
}

/** In mode Proxy the balancer's address is none of the node's business. */
function isBalancerAddress({ type, ipMode, sameAddresses }: Case, target: Target): boolean {
  if (type !== "LoadBalancer" || ipMode !== "VIP") return false;
  return target === "balancer IP" || (target === "external IP" && sameAddresses);
}

function isAdmitted(ranges: readonly string[], address: string, family: Family): boolean {
  const own = ranges.filter((range) => range.includes(":") === (family === "IPv6"));
  if (own.length === 0) return true;
  const list = new BlockList();
  const type = family === "IPv4" ? "ipv4" : "ipv6";
  for (const range of own) {
    const [base = "", length] = range.split("/");
    if (length === "0") return true;
    list.addSubnet(base, Number(length), type);
  }
  return list.check(address, type);
}

function internal(given: Case, attempt: Attempt): Expectation {
  const all = endpointsOf(given, attempt);
  const masqueraded = !isPod(attempt.client);
  if (given.internalPolicy === "Cluster")
    return among(clusterWide(given, all), masqueraded, attempt, "refused");
  return among(onThisNode(all), masqueraded, attempt, all.some(isUsable) ? "silence" : "refused");
}

/** Under policy Local only what comes from outside is held to this node: pods and the node itself have a way anyway. */
function external(given: Case, attempt: Attempt): Expectation {
  const all = endpointsOf(given, attempt);
  if (given.externalPolicy === "Cluster") return among(clusterWide(given, all), true, attempt, "refused");
  if (attempt.client !== "outside")
    return among(clusterWide(given, all), attempt.client === "node", attempt, "refused");
  return among(onThisNode(all), false, attempt, all.some(isUsable) ? "silence" : "refused");
}

function endpointsOf({ endpoints }: Case, { family, protocol }: Attempt): CaseEndpoint[] {
  return endpoints.filter(
    ({ at, families }) => families.includes(family) && (at !== "node" || protocol === "tcp"),
  );
}

function isReady({ conditions: { ready = true } }: CaseEndpoint): boolean {
  return ready;
}

function isLeaving(endpoint: CaseEndpoint): boolean {
  const { serving = true, terminating = false } = endpoint.conditions;
  return !isReady(endpoint) && serving && terminating;
}

function isUsable(endpoint: CaseEndpoint): boolean {
  return isReady(endpoint) || isLeaving(endpoint);
}

function readyOrLeaving(endpoints: readonly CaseEndpoint[]): CaseEndpoint[] {
  const ready = endpoints.filter(isReady);
  return ready.length > 0 ? ready : endpoints.filter(isLeaving);
}

function onThisNode(endpoints: readonly CaseEndpoint[]): CaseEndpoint[] {
  return readyOrLeaving(endpoints.filter(({ node }) => node === "node-1"));
}

/** Hints are heeded if all ready endpoints have them and one is for this node; or else for its zone. */
function clusterWide(given: Case, endpoints: readonly CaseEndpoint[]): CaseEndpoint[] {
  const ready = endpoints.filter(isReady);
  if (ready.length === 0 || !ready.every((endpoint) => isHinted(given, endpoint)))
    return readyOrLeaving(endpoints);
  const haveNodeHints = ready.every(({ hint }) => hint !== "this zone");
  const here = ready.filter(({ hint }) => hint === "here");
  if (haveNodeHints && here.length > 0) return here;
  const inZone = ready.filter(({ hint }) => hint !== "elsewhere");
  return inZone.length > 0 ? inZone : ready;
}

function isPod(client: Client): boolean {
  return client === "client" || client === "a";
}

function among(
  endpoints: readonly CaseEndpoint[],
  masqueraded: boolean,
  attempt: Attempt,
  otherwise: "refused" | "silence",
): Expectation {
  if (endpoints.length === 0) return otherwise;
  return new Map(
    endpoints.map(({ at }) => [at, sourcesAt(at, masqueraded || at === attempt.client, attempt)]),
  );
}

/** What the endpoint takes for the client; a masqueraded one is the node as that endpoint knows it. */
function sourcesAt(at: CaseEndpoint["at"], masqueraded: boolean, { client, family }: Attempt): string[] {
  const nodes = [ADDRESSES.node[family], GATEWAY[family]];
  // What the node takes itself is not forwarded, so nothing is masqueraded on the way.
  if (at === "node") return client === "node" ? nodes : [ADDRESSES[client][family]];
  if (!masqueraded) return [ADDRESSES[client][family]];
  return [at === "outside" ? ADDRESSES.node[family] : GATEWAY[family]];
}
