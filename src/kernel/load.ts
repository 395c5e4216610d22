/** The transaction that fills empty tables, written while it is read. */
import type { Snapshot } from "../traffic/model.ts";
import type { ChainShape } from "./chains.ts";
import { renderEntry, type SharedSet, type Sink } from "./desired.ts";
import type { Entry } from "./doors.ts";
import { type Dialect, DIALECTS, type NodeFacts } from "./facts.ts";
import type { Applied } from "./ownership.ts";
import { addElements, declareTable, elementText, writeChain, writeFixedChains } from "./script.ts";

/** Entries between two pieces of text: pieces of some 100 kB. */
const ENTRIES_PER_PIECE = 500;

/** The dialects of the families that a node programs. */
export function dialectsOf(facts: NodeFacts): Dialect[] {
  return facts.families.map((family) => DIALECTS[family]);
}

/** The whole of a snapshot as text for `nft -f`, in pieces; notes in `applied` what it holds. */
export function* loadScript(
  snapshot: Snapshot,
  facts: NodeFacts,
  applied: Applied,
  visit: (entry: Entry) => void = () => {},
): Generator<string> {
  for (const dialect of dialectsOf(facts)) yield declareTable(dialect) + writeFixedChains(dialect, facts);
  const sink = new TextSink(applied, facts);
  let pending = 0;
  for (const entries of applied.takeAll(snapshot, facts)) {
    for (const entry of entries) {
      renderEntry(entry, sink);
      visit(entry);
    }
    pending += entries.length;
    if (pending < ENTRIES_PER_PIECE) continue;
    yield sink.flush();
    pending = 0;
  }
  yield sink.flush();
}

/** Turns elements into statements; each chain is written before the first element that goes to it. */
class TextSink implements Sink {
  readonly #applied: Applied;
  readonly #facts: NodeFacts;
  readonly #elements = { ip: new Map<string, string[]>(), ip6: new Map<string, string[]>() };
  #chains = "";

  constructor(applied: Applied, facts: NodeFacts) {
    this.#applied = applied;
    this.#facts = facts;
  }

  element({ ip }: Dialect, map: string, key: string, value: string): void {
    const texts = this.#elements[ip].get(map);
    if (texts === undefined) this.#elements[ip].set(map, [elementText(key, value)]);
    else texts.push(elementText(key, value));
  }

  shared(dialect: Dialect, set: SharedSet, key: string): void {
    if (this.#applied.uses.add(`${dialect.ip} ${set} ${key}`)) this.element(dialect, set, key, "");
  }

  chain(dialect: Dialect, name: string, shape: ChainShape): void {
    if (!this.#applied.uses.add(`${dialect.ip} ${name}`)) return;
    this.#applied.chains.add(`${dialect.ip} ${name}`);
    this.#chains += writeChain(dialect, name, shape, this.#facts);
  }

  flush(): string {
    let text = this.#chains;
    this.#chains = "";
    for (const ip of ["ip", "ip6"] as const) {
      for (const [map, texts] of this.#elements[ip]) text += addElements(ip, map, texts);
      this.#elements[ip].clear();
    }
    return text;
  }
}
