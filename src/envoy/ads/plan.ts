import { missing } from "./filter-parts.ts";
import { healStuck } from "./heal.ts";
import { RESOURCE_KINDS, type Resource, type ResourceKind, tableOfHost } from "../resources.ts";
import { HOLD_BUSY_MS, HOLD_MS, SLOW_ANSWER_MS, isWaitVain, isWaitOver } from "./readiness.ts";
import {
  entryOf,
  forgetEntry,
  type InFlightItem,
  isWanted,
  markPending,
  type KindView,
  type Pending,
  type View,
  versionAtClient,
} from "./view.ts";
import { mayRemove, type Round, wakeAt } from "./removal.ts";
import { tableState } from "./virtual-hosts.ts";

/** What is to be sent of one kind now. */
export interface Batch {
  readonly kind: KindView;
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** The outcome of one look at a stream. */
export interface Plan {
  readonly batches: readonly Batch[];
  /** When to look again though nothing happened, Unix milliseconds. */
  readonly wakeAt?: number;
}

/**
 * Bytes of resources in one response, beyond which the rest goes in the next; one resource always goes. The virtual
 * hosts of a table go together: a listener opens with the first response that has some.
 */
const MAX_BATCH_BYTES = 4 << 20;

/** After how long more clusters go out though the last ones are not answered, and how often. */
const CLUSTER_PATIENCE_MS = 250;
const MAX_CLUSTER_RESPONSES = 16;

/** How long a resource that the client has not asked for yet counts as missing. */
const AWAIT_SUBSCRIPTION_MS = 5_000;

/**
 * What can be sent on a stream now, in the order in which it must be written: at most one response of each kind, and
 * none where one is not answered yet (so a slow client gets the newest state and no queue).
 */
export function plan(view: View, now: number): Plan {
  const round: Round = { view, now, wakeAt: Number.POSITIVE_INFINITY, inUse: undefined };
  const batches: Batch[] = [];
  wakeAt(round, healStuck(view, now));
  for (const name of RESOURCE_KINDS) {
    const kind = view.kinds[name];
    if (!maySend(round, kind)) continue;
    const [others, doubtful] = othersOf(view, kind);
    const batch =
      takeBatch(round, kind, suspectsOf(kind)) ??
      takeBatch(round, kind, others, doubtful.length === 0) ??
      takeBatch(round, kind, doubtful, true);
    if (batch !== undefined) batches.push(batch);
  }
  return Number.isFinite(round.wakeAt) ? { batches, wakeAt: round.wakeAt } : { batches };
}

/** One response at a time; but Envoy keeps back its answer to clusters while any of them warms. */
function maySend(round: Round, kind: KindView): boolean {
  const newest = kind.inFlight.at(-1);
  if (newest === undefined) return true;
  if (kind.kind !== "cluster" || kind.pending.size === 0 || kind.suspects.size > 0) return false;
  if (kind.inFlight.length >= MAX_CLUSTER_RESPONSES) return false;
  const at = newest.sentAt + CLUSTER_PATIENCE_MS;
  if (round.now < at) wakeAt(round, at);
  return round.now >= at;
}

type Decision =
  | { readonly act: "send"; readonly resource: Resource; readonly heals?: boolean }
  | { readonly act: "remove"; readonly heals?: boolean }
  | { readonly act: "wait" }
  | { readonly act: "done" };

const WAIT: Decision = { act: "wait" };
const DONE: Decision = { act: "done" };
const REMOVE = { act: "remove" } as const;

type Names = readonly (readonly [string, Pending])[];

/** Of virtual hosts those of one table: Envoy takes them in table by table, and refuses none or all of a table. */
function takeBatch(round: Round, kind: KindView, names: Names, last = false): Batch | undefined {
  const resources: Resource[] = [];
  const removed: string[] = [];
  const items = new Map<string, InFlightItem>();
  let bytes = 0;
  const most = kind.kind === "virtualHost" ? Number.POSITIVE_INFINITY : MAX_BATCH_BYTES;
  let table: string | undefined;
  for (const [name, pending] of names) {
    if (table !== undefined && tableOfHost(name) !== table) continue;
    const decision = decide(round, kind, name, pending);
    if (decision.act === "wait") continue;
    if (kind.kind === "virtualHost" && decision.act !== "done") table = tableOfHost(name);
    if (decision.act === "send") {
      if (bytes > 0 && bytes + decision.resource.bytes.length > most) break;
      bytes += decision.resource.bytes.length;
      resources.push(decision.resource);
      items.set(name, itemOf(decision, pending, decision.resource));
    } else if (decision.act === "remove") {
      removed.push(name);
      items.set(name, itemOf(decision, pending));
    }
    settle(round, kind, name, pending, decision);
  }
  if (items.size === 0 && !(last && kind.answerOwed)) return undefined;
  return launch(round, kind, items, { resources, removed });
}

function itemOf(decision: { heals?: boolean }, { revision }: Pending, resource?: Resource): InFlightItem {
  return { revision, ...(resource && { resource }), ...(decision.heals && { heals: true }) };
}

/** As many suspects as may go in one response; those that changed nothing meanwhile are none any more. */
function suspectsOf(kind: KindView): Names {
  const suspects: [string, Pending][] = [];
  for (const name of kind.suspects) {
    const pending = kind.pending.get(name);
    if (pending === undefined) kind.suspects.delete(name);
    else if (suspects.length < kind.suspectLimit) suspects.push([name, pending]);
  }
  if (kind.suspects.size === 0) kind.suspectLimit = Number.POSITIVE_INFINITY;
  return suspects;
}

/**
 * All that is pending and no suspect, removals last: they depend on what is held back among the others. Apart from it
 * virtual hosts that some client refused: they would have all others refused, and a listener open without any.
 */
function othersOf(view: View, kind: KindView): readonly [Names, Names] {
  const all = [...kind.pending].filter(([name]) => !kind.suspects.has(name));
  const removals: [string, Pending][] = [];
  const doubtful: [string, Pending][] = [];
  const others = all.filter((one) => {
    const wanted = view.table.get(kind.kind, one[0]);
    const isDoubtful = kind.kind === "virtualHost" && wanted && view.table.wasRefused(wanted);
    if (wanted === undefined) removals.push(one);
    else if (isDoubtful) doubtful.push(one);
    return wanted !== undefined && !isDoubtful;
  });
  return [removals.length === 0 ? others : [...others, ...removals], doubtful];
}

function launch(
  round: Round,
  kind: KindView,
  items: ReadonlyMap<string, InFlightItem>,
  content: { readonly resources: readonly Resource[]; readonly removed: readonly string[] },
): Batch {
  const sequence = ++round.view.sequence;
  const nonce = String(sequence);
  for (const name of items.keys()) {
    const entry = kind.entries.get(name);
    if (entry !== undefined) entry.sentIn = sequence;
  }
  kind.inFlight.push({ nonce, sequence, sentAt: round.now, items });
  if (kind.kind === "cluster" && kind.wildcard) takeEndpointsAlong(round, items, sequence);
  kind.answerOwed = false;
  return { kind, nonce, ...content };
}

/**
 * An updated cluster warms anew and waits for endpoints, which Envoy does not ask for again in the delta protocol
 * (envoyproxy/envoy#33607), and it answers nothing until then: they follow at once. A removed one takes its endpoints
 * with it.
 */
function takeEndpointsAlong(round: Round, items: ReadonlyMap<string, InFlightItem>, sequence: number): void {
  const { endpoint } = round.view.kinds;
  for (const [name, item] of items) {
    const entry = endpoint.entries.get(name);
    if (entry === undefined) continue;
    if (item.resource === undefined) {
      forgetEntry(endpoint, name);
      const lost = entryOf(endpoint, name);
      lost.lostIn = sequence;
      lost.toldMissing = true;
    } else if (entry.sentIn > 0 || entry.inForce !== undefined) {
      entry.again = true;
      markPending(endpoint, name, item.revision, round.now);
    }
  }
}

/** What to do about one resource that may differ from the table. */
function decide(round: Round, kind: KindView, name: string, pending: Pending): Decision {
  const { view } = round;
  const wanted = view.table.get(kind.kind, name);
  if (!isWanted(kind, name))
    return wanted === undefined ? DONE : awaitSubscription(round, kind, name, pending);
  const entry = kind.entries.get(name);
  if (wanted === undefined) {
    dropCandidate(kind, name);
    const refused = entry?.rejected !== undefined;
    delete entry?.rejected;
    kind.rejected.delete(name);
    // Envoy tells of a listener that it refused until it hears of listeners again
    if (refused && kind.kind === "listener" && versionAtClient(kind, name) === undefined) return REMOVE;
    return decideRemoval(round, kind, name, pending);
  }
  if (kind.kind === "virtualHost") {
    const state = tableState(view, name);
    if (state === "unwanted" && versionAtClient(kind, name) !== undefined) return REMOVE;
    if (state !== "in force") return awaitSubscription(round, kind, name, pending);
  }
  if (entry?.heal === true) {
    entry.heal = false;
    const before = entry.inForce?.resource;
    return before === undefined ? { ...REMOVE, heals: true } : { act: "send", resource: before, heals: true };
  }
  if (entry !== undefined && !entry.again) {
    if (versionAtClient(kind, name) === wanted.version) return DONE;
    if (entry.rejected?.version === wanted.version) return DONE;
  }
  return decideSending(round, kind, wanted);
}

/** A client asks for endpoints and routes only once it has the clusters and listeners that name them; hosts likewise. */
function awaitSubscription(round: Round, kind: KindView, name: string, pending: Pending): Decision {
  const cluster = kind.kind === "endpoint" ? round.view.kinds.cluster.entries.get(name) : undefined;
  const vain = cluster?.rejected !== undefined && cluster.inForce === undefined;
  const until = pending.since + AWAIT_SUBSCRIPTION_MS;
  if (vain || round.now >= until) return DONE;
  wakeAt(round, until);
  return WAIT;
}

function decideRemoval(round: Round, kind: KindView, name: string, pending: Pending): Decision {
  if (versionAtClient(kind, name) === undefined) {
    return kind.names.has(name) && kind.entries.get(name)?.toldMissing !== true ? REMOVE : DONE;
  }
  return mayRemove(round, kind, name, pending) ? REMOVE : WAIT;
}

const NAMING_CLUSTERS: ReadonlySet<ResourceKind> = new Set(["filter", "listener", "route", "virtualHost"]);

/** Sends the newest version; or the one that has waited, where the newest must wait and that one need not any more. */
function decideSending(round: Round, kind: KindView, wanted: Resource): Decision {
  const send: Decision = { act: "send", resource: wanted };
  if (!NAMING_CLUSTERS.has(kind.kind)) return send;
  if (missing(round.view, wanted, round.now) === undefined) return send;
  const candidate = kind.entries.get(wanted.name)?.candidate;
  const since = candidate?.since ?? round.now;
  if (isWaitOver(round.view, since, round.now)) return send;
  if (candidate !== undefined && candidate.resource !== wanted) {
    const what = missing(round.view, candidate.resource, round.now);
    if (what === undefined) return { act: "send", resource: candidate.resource };
    if (isWaitVain(round.view, what)) hold(kind, wanted, since);
  } else if (candidate === undefined) hold(kind, wanted, since);
  wakeAt(round, nextLook(since, round.now));
  return WAIT;
}

function nextLook(since: number, now: number): number {
  const looks = [SLOW_ANSWER_MS, HOLD_MS, HOLD_BUSY_MS].map((after) => since + after);
  return looks.find((at) => at > now) ?? now + SLOW_ANSWER_MS;
}

function hold(kind: KindView, resource: Resource, since: number): void {
  entryOf(kind, resource.name).candidate = { resource, since };
  kind.held.add(resource.name);
}

function dropCandidate(kind: KindView, name: string): void {
  delete kind.entries.get(name)?.candidate;
  kind.held.delete(name);
}

/** Clears the notes about a resource that was decided on; a newer version than the one sent stays pending. */
function settle(round: Round, kind: KindView, name: string, pending: Pending, decision: Decision): void {
  const newest = round.view.table.get(kind.kind, name);
  if (decision.act === "send") entryOf(kind, name).again = false;
  const candidate = kind.entries.get(name)?.candidate;
  dropCandidate(kind, name);
  if (decision.act === "send" && decision.resource !== newest && decision.heals !== true) {
    pending.revision = candidate?.newerSince ?? round.view.table.revision;
    return;
  }
  kind.pending.delete(name);
}
