/**
 * Forgets UDP flows that lead where no endpoint is any more. TCP connections to a lost endpoint end by themselves; a UDP
 * flow keeps its translation as long as its client goes on sending (kube-proxy's conntrack/cleanup.go).
 */
import { UserError } from "../errors/user-error.ts";
import type { Family } from "../ip/family.ts";
import type { Entry } from "./doors.ts";
import type { Exec } from "./exec.ts";
import type { NodeFacts } from "./facts.ts";

/** A tracked flow: where its client sent it, and who answers. */
export interface Flow {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  /** The side that answers: the endpoint, or the destination itself where nothing was translated. */
  readonly answeredBy: string;
  readonly answeringPort: number;
}

/** Flows as the entries want them: `10.96.0.1 . 53` or, for node ports, ` . 30053`, to the endpoints that may answer. */
export type AllowedAnswers = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Cleans up after UDP entries changed (see `Outcome.udpEntries`). Returns how many kinds of flows were forgotten.
 * Throws a UserError where the conntrack program is missing.
 */
export async function forgetStaleFlows(
  changed: ReadonlyMap<string, Entry | undefined>,
  facts: NodeFacts,
  exec: Exec,
): Promise<number> {
  let forgotten = 0;
  for (const family of facts.families) {
    const allowed = allowedAnswers(changed, family);
    if (allowed.size === 0) continue;
    const listed = await exec(["conntrack", "-L", "-f", family.toLowerCase(), "-p", "udp"]);
    if (listed.code !== 0) throw trackingError(listed.stderr);
    const stale = staleFlows(parseFlows(listed.stdout), allowed, facts.addresses[family] ?? []);
    for (const flow of stale) await forget(exec, family, flow);
    forgotten += stale.length;
  }
  return forgotten;
}

function allowedAnswers(changed: ReadonlyMap<string, Entry | undefined>, family: Family): AllowedAnswers {
  const allowed = new Map<string, ReadonlySet<string>>();
  for (const [key, entry] of changed) {
    // Entry keys: `10.96.0.1 . udp . 53`, or `ip udp . 30053` for node ports.
    const [first = "", ...rest] = key.split(" ");
    const isNode = rest.length === 3;
    if (family !== (first === "ip6" || first.includes(":") ? "IPv6" : "IPv4")) continue;
    const place = `${isNode ? "" : first} . ${rest.at(-1)}`;
    allowed.set(place, new Set(entry === undefined ? [] : answersOf(entry)));
  }
  return allowed;
}

function answersOf({ door, targets }: Entry): readonly string[] {
  if (door.policy === "Cluster") return targets.cluster;
  return door.kind === "cluster" ? targets.local : [...targets.cluster, ...targets.local];
}

/** Of some flows those, one per destination and answering side, that an entry no longer allows. Pure. */
export function staleFlows(
  flows: readonly Flow[],
  allowed: AllowedAnswers,
  nodeAddresses: readonly string[],
): Flow[] {
  const stale = new Map<string, Flow>();
  for (const flow of flows) {
    const atNode = flow.destination !== flow.answeredBy || nodeAddresses.includes(flow.destination);
    const answers =
      allowed.get(`${flow.destination} . ${flow.port}`) ??
      (atNode ? allowed.get(` . ${flow.port}`) : undefined);
    if (answers === undefined || answers.has(`${flow.answeredBy} . ${flow.answeringPort}`)) continue;
    stale.set(`${flow.destination} ${flow.port} ${flow.answeredBy}`, flow);
  }
  return [...stale.values()];
}

const FLOW = /src=(\S+) dst=(\S+) sport=\d+ dport=(\d+).*? src=(\S+) dst=\S+ sport=(\d+) dport=\d+/;

/** Reads what `conntrack -L` prints. */
export function parseFlows(listing: string): Flow[] {
  return listing.split("\n").flatMap((line) => {
    const match = FLOW.exec(line);
    if (match === null) return [];
    const [, source = "", destination = "", port, answeredBy = "", answeringPort] = match;
    return [{ source, destination, port: Number(port), answeredBy, answeringPort: Number(answeringPort) }];
  });
}

async function forget(exec: Exec, family: Family, flow: Flow): Promise<void> {
  const result = await exec([
    ...["conntrack", "-D", "-f", family.toLowerCase(), "-p", "udp"],
    ...["--orig-dst", flow.destination, "--orig-port-dst", String(flow.port), "--reply-src", flow.answeredBy],
  ]);
  // "0 flow entries have been deleted": it ended in the meantime.
  if (result.code !== 0 && !result.stderr.includes("0 flow entries")) throw trackingError(result.stderr);
}

function trackingError(stderr: string): UserError {
  return new UserError({
    what: "cannot forget stale UDP flows",
    where: "conntrack",
    why: stderr.trim().split("\n")[0] || "the program failed",
    next: "clients of a removed UDP endpoint recover when their flow times out (30 to 120 s)",
  });
}
