/** The difference between two states of the tables as one transaction. */
import type { Frontend } from "../traffic/model.ts";
import type { ChainShape } from "./chains.ts";
import { entriesOf, entryKey, renderEntry, type SharedSet, type Sink } from "./desired.ts";
import type { Entry } from "./doors.ts";
import type { Dialect, NodeFacts } from "./facts.ts";
import type { Applied } from "./ownership.ts";
import { addElements, deleteElements, elementText, writeChain } from "./script.ts";

/** Elements by `ip map`, key to value. */
export type Elements = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** How many elements of each table. */
export interface ElementCount {
  readonly ip: number;
  readonly ip6: number;
}

type CollectedElements = Map<string, Map<string, string>>;

/** Deletions come before additions, and both after the chains that additions go to. */
export function elementChanges(before: Elements, after: Elements): { text: string; count: ElementCount } {
  let deletions = "";
  let additions = "";
  const count = { ip: 0, ip6: 0 };
  for (const place of new Set([...before.keys(), ...after.keys()])) {
    const [ip = "", map = ""] = place.split(" ");
    const old = before.get(place) ?? NONE;
    const wanted = after.get(place) ?? NONE;
    const gone: string[] = [];
    const added: string[] = [];
    for (const [key, value] of old) if (wanted.get(key) !== value) gone.push(key);
    for (const [key, value] of wanted) if (old.get(key) !== value) added.push(elementText(key, value));
    deletions += deleteElements(ip, map, gone);
    additions += addElements(ip, map, added);
    count[ip as keyof ElementCount] += Math.max(gone.length, added.length);
  }
  return { text: deletions + additions, count };
}

const NONE: ReadonlyMap<string, string> = new Map();

function put(elements: CollectedElements, ip: string, map: string, key: string, value: string): void {
  const place = `${ip} ${map}`;
  const inMap = elements.get(place);
  if (inMap === undefined) elements.set(place, new Map([[key, value]]));
  else inMap.set(key, value);
}

/** A change of some frontends, ready to be carried out. */
export interface Delta {
  /** One transaction; empty when nothing changes. */
  readonly text: string;
  /** How many elements it touches. */
  readonly count: ElementCount;
  /** The entries that differ afterwards, by entry key: as they are then, or undefined when gone. */
  readonly entries: ReadonlyMap<string, { before?: Entry; after?: Entry }>;
}

/**
 * Takes new states of frontends (undefined: gone) into `applied` and works out the transaction that makes the tables
 * follow. Work is in proportion to those frontends. Chains that nothing uses any more stay.
 */
export function changeFrontends(
  changes: ReadonlyMap<string, Frontend | undefined>,
  facts: NodeFacts,
  applied: Applied,
): Delta {
  const entriesByFrontend = (): ((key: string) => ReadonlyMap<string, Entry>) => {
    const cache = new Map<string, ReadonlyMap<string, Entry>>();
    return (key) => {
      let entries = cache.get(key);
      if (entries === undefined) {
        entries = indexEntries(applied.frontends.get(key), facts);
        cache.set(key, entries);
      }
      return entries;
    };
  };
  const oldEntries = entriesByFrontend();
  const touched = new Set<string>();
  for (const key of changes.keys()) for (const entry of oldEntries(key).keys()) touched.add(entry);
  for (const frontend of changes.values()) {
    for (const entry of indexEntries(frontend, facts).keys()) touched.add(entry);
  }
  const before = owned(touched, applied, oldEntries);
  for (const key of changes.keys())
    for (const entry of oldEntries(key).keys()) applied.claims.remove(entry, key);
  takeIn(changes, applied);
  const newEntries = entriesByFrontend();
  for (const key of changes.keys())
    for (const entry of newEntries(key).keys()) applied.claims.add(entry, key);
  return difference(touched, before, owned(touched, applied, newEntries), facts, applied);
}

function takeIn(changes: ReadonlyMap<string, Frontend | undefined>, applied: Applied): void {
  for (const [key, frontend] of changes) {
    if (frontend === undefined || frontend.kind !== "virtual") applied.frontends.delete(key);
    else applied.frontends.set(key, frontend);
  }
}

function indexEntries(frontend: Frontend | undefined, facts: NodeFacts): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  if (frontend !== undefined) entriesOf(frontend, facts, (entry) => entries.set(entryKey(entry), entry));
  return entries;
}

/** The entries as their owners have them. */
function owned(
  names: ReadonlySet<string>,
  applied: Applied,
  entriesOfFrontend: (key: string) => ReadonlyMap<string, Entry>,
): Map<string, Entry> {
  const result = new Map<string, Entry>();
  for (const name of names) {
    const owner = applied.claims.ownerOf(name);
    const entry = owner === undefined ? undefined : entriesOfFrontend(owner).get(name);
    if (entry !== undefined) result.set(name, entry);
  }
  return result;
}

function difference(
  touched: ReadonlySet<string>,
  before: ReadonlyMap<string, Entry>,
  after: ReadonlyMap<string, Entry>,
  facts: NodeFacts,
  applied: Applied,
): Delta {
  const sink = new DeltaSink(applied);
  for (const entry of before.values()) renderEntry(entry, sink.removing);
  for (const entry of after.values()) renderEntry(entry, sink.adding);
  let chains = "";
  for (const [place, { dialect, name, shape }] of sink.shapes) {
    if (!applied.uses.has(place) || applied.chains.has(place)) continue;
    applied.chains.add(place);
    chains += writeChain(dialect, name, shape, facts);
  }
  const { text, count } = elementChanges(...sink.elements());
  const entries = new Map<string, { before?: Entry; after?: Entry }>();
  for (const name of touched) {
    const [was, is] = [before.get(name), after.get(name)];
    entries.set(name, { ...(was && { before: was }), ...(is && { after: is }) });
  }
  return { text: chains + text, count, entries };
}

/** Collects what entries had and what they have, and keeps count of what they share. */
class DeltaSink {
  readonly #before: CollectedElements = new Map();
  readonly #after: CollectedElements = new Map();
  /** Elements of shared sets with whether they were there at first. */
  readonly #shared = new Map<string, { ip: string; set: string; was: boolean }>();
  readonly shapes = new Map<string, { dialect: Dialect; name: string; shape: ChainShape }>();
  readonly removing: Sink;
  readonly adding: Sink;
  readonly #applied: Applied;

  constructor(applied: Applied) {
    this.#applied = applied;
    const { uses } = applied;
    this.removing = {
      element: ({ ip }, map, key, value) => put(this.#before, ip, map, key, value),
      shared: ({ ip }, set, key) => void uses.remove(this.#noteShared(ip, set, key)),
      chain: ({ ip }, name) => void uses.remove(`${ip} ${name}`),
    };
    this.adding = {
      element: ({ ip }, map, key, value) => put(this.#after, ip, map, key, value),
      shared: ({ ip }, set, key) => void uses.add(this.#noteShared(ip, set, key)),
      chain: (dialect, name, shape) => {
        uses.add(`${dialect.ip} ${name}`);
        this.shapes.set(`${dialect.ip} ${name}`, { dialect, name, shape });
      },
    };
  }

  #noteShared(ip: string, set: SharedSet, key: string): string {
    if (!this.#shared.has(key)) this.#shared.set(key, { ip, set, was: this.#applied.uses.has(key) });
    return key;
  }

  /** What was there before and what is to be there, shared elements included. */
  elements(): [Elements, Elements] {
    for (const [key, { ip, set, was }] of this.#shared) {
      if (was) put(this.#before, ip, set, key, "");
      if (this.#applied.uses.has(key)) put(this.#after, ip, set, key, "");
    }
    return [this.#before, this.#after];
  }
}

/** Everything that a snapshot needs, as elements and chains; notes in `applied` that it is there. */
export function wholeState(
  entries: Iterable<readonly Entry[]>,
  applied: Applied,
  visit: (entry: Entry) => void,
): { elements: Elements; shapes: DeltaSink["shapes"] } {
  const sink = new DeltaSink(applied);
  for (const some of entries) {
    for (const entry of some) {
      renderEntry(entry, sink.adding);
      visit(entry);
    }
  }
  for (const place of sink.shapes.keys()) applied.chains.add(place);
  return { elements: sink.elements()[1], shapes: sink.shapes };
}
