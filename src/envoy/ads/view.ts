import type { Resource, ResourceKind } from "../resources.ts";
import { type PerKind, perKind, type ResourceTable } from "./table.ts";

/** What one stream's client has of one resource, as it acknowledged it. */
export interface Held {
  readonly version: string;
  /** Missing where the client had it before this stream and the table has another version: what it names is unknown. */
  readonly resource?: Resource;
}

const held = new WeakMap<Resource, Held>();

/** A resource as what a client has: one object for all streams, of which there may be many. */
export function heldOf(resource: Resource): Held {
  let known = held.get(resource);
  if (known === undefined) {
    known = { version: resource.version, resource };
    held.set(resource, known);
  }
  return known;
}

/** A version of a resource that the client refused. */
export interface Rejection {
  readonly version: string;
  readonly message: string;
}

/** A version that waits for its clusters. It is kept while newer ones come, or steady change would starve it. */
export interface Candidate {
  readonly resource: Resource;
  /** Since when some version of this resource waits. Unix milliseconds. */
  readonly since: number;
  /** The revision of the table that brought the first newer version. */
  newerSince?: number;
}

/**
 * All that is known about one resource on one stream. There is one for every resource and stream: what most of them have
 * are fields, and the rest is there where it is needed.
 */
export class Entry {
  inForce: Held | undefined = undefined;
  declare rejected?: Rejection;
  declare candidate?: Candidate;
  /** The number of the response that last carried it; 0 where none did. */
  sentIn = 0;
  /** The number of a response by which the client lost it: answers to earlier ones say nothing any more. */
  lostIn = 0;
  /** It was asked for again, or has to be sent again: send it even where the version is in force. */
  again = false;
  /** A refused or stuck cluster: the client is to be brought back to what it had (see `heal.ts`). */
  declare heal?: boolean;
  /** The version that was taken back because the client seemed stuck with it; that is tried once. */
  declare stuckVersion?: string;
  /** Of route tables: the number of the response since which the client has it; undefined: since before this stream. */
  declare heldSince?: number;
  /** Of route tables: the client may lack hosts that it counts as had (virtual-hosts.ts). */
  declare unsure?: boolean;
  /** The client asked for it by name and was told that it does not exist. */
  toldMissing = false;
}

/** A resource that may differ from the table, or that the client has not asked for yet. */
export interface Pending {
  /** The first revision of the table that is not with the client yet. */
  revision: number;
  /** Unix milliseconds. */
  readonly since: number;
}

/** One resource of a response that is not answered yet. */
export interface InFlightItem {
  /** Undefined: a removal. */
  readonly resource?: Resource;
  readonly revision: number;
  /** Not what the table wants, but the way back to what the client had. */
  readonly heals?: boolean;
}

/** A response that is not answered yet. */
export interface InFlight {
  readonly nonce: string;
  readonly sequence: number;
  readonly sentAt: number;
  readonly items: ReadonlyMap<string, InFlightItem>;
}

/** One stream's state of one kind of resource. */
export interface KindView {
  readonly kind: ResourceKind;
  /** The client has asked for this kind at all. */
  subscribed: boolean;
  wildcard: boolean;
  readonly names: Set<string>;
  readonly entries: Map<string, Entry>;
  readonly pending: Map<string, Pending>;
  /** Oldest first. */
  readonly inFlight: InFlight[];
  /** A response is owed even if it is empty: a client that asked for everything must learn that there is nothing. */
  answerOwed: boolean;
  /** Resources of a response that was refused as a whole without naming the culprit: sent in ever smaller parts. */
  readonly suspects: Set<string>;
  suspectLimit: number;
  /** Names of resources in entries that have a `rejected`. */
  readonly rejected: Set<string>;
  /** Names of resources that wait for clusters. */
  readonly held: Set<string>;
}

/** What one stream's client has, wants, and was sent. Plain state; the functions of this folder change it. */
export interface View {
  readonly table: ResourceTable;
  readonly kinds: PerKind<KindView>;
  readonly openedAt: number;
  /** The client came with resources of an earlier stream. */
  reconnected: boolean;
  /** The number of the last response. */
  sequence: number;
  /** Route tables in force in the client, with their `heldSince`: their virtual hosts can be sent (virtual-hosts.ts). */
  readonly tables: Map<string, number>;
}

/** A stream's state before its first request. */
export function createView(table: ResourceTable, now: number): View {
  const kinds = perKind(createKindView);
  return { table, kinds, openedAt: now, reconnected: false, sequence: 0, tables: new Map() };
}

function createKindView(kind: ResourceKind): KindView {
  return {
    kind,
    subscribed: false,
    wildcard: false,
    names: new Set(),
    entries: new Map(),
    pending: new Map(),
    inFlight: [],
    answerOwed: false,
    suspects: new Set(),
    suspectLimit: Number.POSITIVE_INFINITY,
    rejected: new Set(),
    held: new Set(),
  };
}

/** Whether the client wants this resource. */
export function isWanted(kind: KindView, name: string): boolean {
  return kind.wildcard || kind.names.has(name);
}

/** The entry of a resource, made where there is none. */
export function entryOf(kind: KindView, name: string): Entry {
  let entry = kind.entries.get(name);
  if (entry === undefined) {
    entry = new Entry();
    kind.entries.set(name, entry);
  }
  return entry;
}

/** Forgets what the client had of a resource. */
export function forgetEntry(kind: KindView, name: string): void {
  kind.entries.delete(name);
  kind.rejected.delete(name);
  kind.held.delete(name);
  kind.suspects.delete(name);
}

/** Notes that a resource has to be looked at. An older note stays: it says since when. */
export function markPending(kind: KindView, name: string, revision: number, now: number): void {
  const known = kind.pending.get(name);
  if (known === undefined) kind.pending.set(name, { revision, since: now });
  else known.revision = Math.min(known.revision, revision);
}

/** Notes a change of the table. */
export function noteChange(view: View, kindName: ResourceKind, name: string, now: number): void {
  const kind = view.kinds[kindName];
  const { revision } = view.table;
  const entry = kind.entries.get(name);
  if (entry?.candidate !== undefined) entry.candidate.newerSince ??= revision;
  // what the client had before this stream may become known: only then is it known which clusters it names
  const wanted = view.table.get(kindName, name);
  if (wanted !== undefined && entry?.inForce?.version === wanted.version) entry.inForce = heldOf(wanted);
  markPending(kind, name, revision, now);
}

/** Begins to send everything of a kind: all that the table has, and the end of what it has no more. */
export function subscribeAll(view: View, kind: KindView, now: number): void {
  kind.wildcard = true;
  for (const name of view.table.names(kind.kind)) markPending(kind, name, 0, now);
  for (const name of kind.entries.keys()) markPending(kind, name, 0, now);
}

/** A name as the table has it, so that what every client says of itself is kept once. */
export function knownName(view: View, kind: KindView, name: string): string {
  return view.table.get(kind.kind, name)?.name ?? name;
}

/** Begins to send one resource; one that the client is known to have is sent again (a client that asks has lost it). */
export function subscribeName(kind: KindView, name: string, now: number, again: boolean): void {
  kind.names.add(name);
  const entry = entryOf(kind, name);
  if (again) entry.again = true;
  entry.toldMissing = false;
  if (!kind.pending.has(name)) markPending(kind, name, 0, now);
}

/** Stops sending one resource. */
export function unsubscribeName(kind: KindView, name: string): void {
  kind.names.delete(name);
  if (kind.wildcard) return;
  forgetEntry(kind, name);
  kind.pending.delete(name);
}

/** Stops sending everything; what was asked for by name stays. */
export function unsubscribeAll(kind: KindView): void {
  kind.wildcard = false;
  for (const name of [...kind.entries.keys()]) if (!kind.names.has(name)) unsubscribeName(kind, name);
}

/** The newest response with this resource that is not answered yet. */
export function findInFlight(kind: KindView, name: string): InFlight | undefined {
  return kind.inFlight.findLast(({ items }) => items.has(name));
}

/** The version that the client will have when it has accepted all that is under way. */
export function versionAtClient(kind: KindView, name: string): string | undefined {
  const flight = findInFlight(kind, name);
  if (flight !== undefined) return flight.items.get(name)?.resource?.version;
  return kind.entries.get(name)?.inForce?.version;
}
