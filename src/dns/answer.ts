/**
 * Answers for the cluster's names, record for record those of CoreDNS's kubernetes plugin (pods insecure,
 * endpoint_pod_names off). Pure: the index goes in, records come out.
 */
import { parseAddress } from "../ip/address.ts";
import type { BalancerAnswer, BalancerNames } from "./balancers.ts";
import { addressRecord } from "./codec/encode.ts";
import {
  CLASS_IN,
  type Question,
  RCODE,
  type RecordData,
  type ResourceRecord,
  TYPE,
} from "./codec/message.ts";
import { fullyQualified, isInZone } from "./codec/name.ts";
import { type DnsIndex, endpointLabel, readyOf, type Target, targetsOf } from "./desired.ts";
import { nameServersOf } from "./name-servers.ts";
import { type NameRequest, parseRequest } from "./request.ts";
import { addressOfReverse, isLocalAddress, REVERSE_ZONES } from "./reverse.ts";
import { zoneRecord } from "./zone.ts";

/** Seconds that clients may keep an answer: short, for pods come and go. */
const TTL = 5;
const VERSION_TTL = 28800;
/** Version of the names' specification (kubernetes/dns). */
const SCHEMA_VERSION = "1.1.0";
const MAX_CHAIN = 10;

/** The answer to a question that is answered here, with authority. */
export interface Answer {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  /** An alias leads out of the cluster: the resolvers' answer for this name belongs behind `answers`. */
  readonly chase?: string;
}

/** The cluster's domain, lower case with its dot. */
export interface AnswerOptions {
  readonly domain: string;
  /** Names of load balancers, which come before all others. */
  readonly balancers?: BalancerNames;
  /** Addresses of this server, by which it is found among the cluster's Services; canonical, none of loopback. */
  readonly servers?: readonly string[];
}

/** What a name stands for; `undefined` is a name that does not exist. */
type Found = readonly Target[] | { readonly alias: string } | undefined;

/** Answers a question, or leaves it (undefined) to the resolvers of the host. */
export function answer(index: DnsIndex, question: Question, options: AnswerOptions): Answer | undefined {
  const { domain, balancers, servers = [] } = options;
  const name = question.name.toLowerCase();
  const balancer = balancers?.find(name);
  if (balancer !== undefined) return answerBalancer(question, balancer, domain);
  const known = [domain, ...REVERSE_ZONES].find((candidate) => isInZone(name, candidate));
  if (known === undefined) return undefined;
  if (question.type === TYPE.AXFR || question.type === TYPE.IXFR) return refused();
  // The zone is written as the asker writes it.
  const zone = question.name.slice(question.name.length - known.length);
  if (known !== domain) return answerReverse(index, question, zone, domain);
  if (question.type === TYPE.SOA) return nonEmpty(zone, name === known ? [zoneRecord(zone, TTL)] : []);
  return answerNameServer(index, question, zone, servers) ?? answerForward(index, question, name, zone);
}

/** Both families from one status; a balancer that has a name only is an alias of that. */
function answerBalancer(question: Question, { addresses, alias }: BalancerAnswer, domain: string): Answer {
  const { name, type } = question;
  if (alias !== undefined) {
    const answer = nonEmpty(domain, [aliasRecord(name, alias)]);
    return type === TYPE.A || type === TYPE.AAAA ? { ...answer, chase: fullyQualified(alias) } : answer;
  }
  if (type !== TYPE.A && type !== TYPE.AAAA) return nonEmpty(domain, []);
  return nonEmpty(
    domain,
    addressRecords(
      name,
      addresses.map((one) => ({ ...one, port: 0 })),
      type,
    ),
  );
}

function refused(): Answer {
  return { rcode: RCODE.REFUSED, answers: [], authority: [], additional: [] };
}

/** The name exists; without records of the type, the authority says for how long that may be remembered. */
function nonEmpty(
  zone: string,
  answers: readonly ResourceRecord[],
  additional: readonly ResourceRecord[] = [],
): Answer {
  const authority = answers.length === 0 ? [zoneRecord(zone, TTL)] : [];
  return { rcode: RCODE.NOERROR, answers, authority, additional };
}

function noSuchName(zone: string): Answer {
  return { rcode: RCODE.NXDOMAIN, answers: [], authority: [zoneRecord(zone, TTL)], additional: [] };
}

function record(name: string, type: number, data: RecordData, ttl = TTL): ResourceRecord {
  return { name, type, class: CLASS_IN, ttl, data };
}

/** The addresses of `ns.dns.ZONE`; the zone names no servers itself, as CoreDNS does not when it is told where to listen. */
function answerNameServer(
  index: DnsIndex,
  { name, type }: Question,
  zone: string,
  servers: readonly string[],
): Answer | undefined {
  if (type === TYPE.TXT || type === TYPE.PTR || name.toLowerCase() !== `ns.dns.${zone.toLowerCase()}`)
    return undefined;
  if (type !== TYPE.A && type !== TYPE.AAAA) return nonEmpty(zone, []);
  return nonEmpty(zone, addressRecords(name, nameServersOf(index, servers), type));
}

function answerForward(index: DnsIndex, question: Question, name: string, zone: string): Answer {
  if (question.type === TYPE.TXT && name === `dns-version.${zone.toLowerCase()}`) {
    const data: RecordData = { kind: "txt", texts: [Buffer.from(SCHEMA_VERSION)] };
    return nonEmpty(zone, [record(question.name, TYPE.TXT, data, VERSION_TTL)]);
  }
  const request = parseRequest(name, zone);
  const found = find(index, request);
  if (found === undefined) return noSuchName(zone);
  switch (question.type) {
    case TYPE.A:
    case TYPE.AAAA:
      return addressAnswer(index, question, found, zone);
    case TYPE.SRV:
      return "alias" in found
        ? nonEmpty(zone, [])
        : serviceAnswer(question, found, ownerOf(request, zone), zone);
    case TYPE.CNAME:
      return nonEmpty(zone, "alias" in found ? [aliasRecord(question.name, found.alias)] : []);
    case TYPE.TXT: {
      // Names that stand for nothing themselves have no texts, and CoreDNS says that they do not exist.
      const exists = "alias" in found || found.length > 0;
      return exists ? nonEmpty(zone, []) : noSuchName(zone);
    }
    default:
      return nonEmpty(zone, []);
  }
}

/** The targets of a name: none for a name that exists for others below it, undefined for one that does not exist. */
function find(index: DnsIndex, request: NameRequest): Found {
  if (request.kind === "apex") return [];
  if (request.kind === "other" || !index.hasNamespace(request.namespace)) return undefined;
  if (request.name === undefined) return [];
  if (request.kind === "pod") return podTargets(request.name);
  const frontend = index.get(request.namespace, request.name);
  if (frontend === undefined) return undefined;
  if (frontend.kind === "alias") {
    const plain = !request.endpoint && !request.port && !request.protocol;
    const alias = frontend.target ?? "";
    return plain && alias !== "" && parseAddress(alias) === undefined ? { alias } : undefined;
  }
  const targets = targetsOf(frontend, request);
  return targets.length === 0 ? undefined : targets;
}

/** A pod's name is its address with dashes; whether there is such a pod is not asked. */
function podTargets(name: string): Target[] | undefined {
  const v4 = name.split("-").length === 4 && !name.includes("--");
  const address = parseAddress(name.replaceAll("-", v4 ? "." : ":"));
  if (address === undefined) return undefined;
  return [{ family: address.family, address: name.replaceAll("-", v4 ? "." : ":"), port: 0 }];
}

/** The name that SRV records point to: the Service's or the pod's own, or an endpoint's below it. */
function ownerOf(request: NameRequest, zone: string): string {
  if (request.kind === "apex" || request.kind === "other") return zone;
  return `${request.name}.${request.namespace}.${request.kind}.${zone}`;
}

function addressAnswer(index: DnsIndex, question: Question, found: NonNullable<Found>, zone: string): Answer {
  const chain = followAliases(index, question, found, zone);
  const answer = nonEmpty(zone, chain.records);
  return chain.chase === undefined ? answer : { ...answer, chase: chain.chase };
}

interface Chain {
  readonly records: ResourceRecord[];
  readonly chase?: string;
}

/** The addresses of a name, with the aliases that lead there; no records when an alias leads nowhere. */
function followAliases(index: DnsIndex, question: Question, start: NonNullable<Found>, zone: string): Chain {
  const records: ResourceRecord[] = [];
  const seen = new Set<string>();
  let owner = question.name;
  let found: Found = start;
  while (found !== undefined && "alias" in found) {
    const target = fullyQualified(found.alias);
    const name = target.toLowerCase();
    if (name === owner.toLowerCase() || seen.has(name) || records.length > MAX_CHAIN) return { records: [] };
    seen.add(name);
    records.push(aliasRecord(owner, target));
    if (!isInZone(name, zone.toLowerCase())) return { records, chase: target };
    owner = target;
    found = find(index, parseRequest(name, zone));
  }
  const addresses = addressRecords(owner, found ?? [], question.type);
  return { records: addresses.length === 0 ? [] : [...records, ...addresses] };
}

function aliasRecord(name: string, target: string): ResourceRecord {
  return record(name, TYPE.CNAME, { kind: "name", target: fullyQualified(target) });
}

function addressRecords(name: string, targets: readonly Target[], type: number): ResourceRecord[] {
  const family = type === TYPE.A ? "IPv4" : "IPv6";
  const addresses = new Set(
    targets.filter((target) => target.family === family).map((target) => target.address),
  );
  return [...addresses].map((address) => addressRecord(name, address, TTL));
}

/** One SRV record per endpoint and port, and once the addresses of each; the weights share out 100. */
function serviceAnswer(question: Question, targets: readonly Target[], owner: string, zone: string): Answer {
  const weight = Math.max(1, Math.floor((100 / (100 * targets.length)) * 100));
  const services = new Map<string, ResourceRecord>();
  const addresses = new Map<string, ResourceRecord>();
  for (const { address, port, endpoint } of targets) {
    if (port < 0) continue;
    const target = endpoint === undefined ? owner : `${endpoint}.${owner}`;
    const data: RecordData = { kind: "srv", priority: 0, weight, port, target };
    const key = `${target} ${port}`;
    if (!services.has(key)) services.set(key, record(question.name, TYPE.SRV, data));
    addresses.set(`${target} ${address}`, addressRecord(target, address, TTL));
  }
  return nonEmpty(zone, [...services.values()], [...addresses.values()]);
}

/** Reverse zones: the cluster's addresses by name; other local addresses have none; the rest of the world is not ours. */
function answerReverse(
  index: DnsIndex,
  question: Question,
  zone: string,
  domain: string,
): Answer | undefined {
  const { name, type } = question;
  if (name === zone && type === TYPE.SOA) return nonEmpty(zone, [zoneRecord(zone, TTL)]);
  if (name === zone) return type === TYPE.TXT ? noSuchName(zone) : nonEmpty(zone, []);
  const address = addressOfReverse(name.toLowerCase());
  const names = address === undefined ? [] : namesOf(index, address, domain);
  if (address !== undefined && names.length === 0 && !isLocalAddress(address)) return undefined;
  // CoreDNS looks for no name when it is asked for authority.
  if (type === TYPE.SOA) return nonEmpty(zone, []);
  if (type !== TYPE.PTR || names.length === 0) return noSuchName(zone);
  const records = names.map((target) => record(question.name, TYPE.PTR, { kind: "name", target }));
  return nonEmpty(zone, records);
}

function namesOf(index: DnsIndex, address: string, domain: string): string[] {
  const { owner, backendOf } = index.byAddress(address);
  if (owner !== undefined) return [`${owner.name}.${owner.namespace}.svc.${domain}`];
  const names = backendOf.flatMap((frontend) =>
    frontend.backends
      .filter((backend) => readyOf(backend).some((ready) => ready.address === address))
      .map(
        (backend) =>
          `${endpointLabel(backend, address)}.${frontend.name}.${frontend.namespace}.svc.${domain}`,
      ),
  );
  return [...new Set(names)];
}
