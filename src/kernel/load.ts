/** The transaction that fills empty tables, written while it is read. */
import type { ChainShape } from "./chains.ts";
import type { ElementCount } from "./delta.ts";
import { renderEntry, type SharedSet, type Sink } from "./desired.ts";
import type { Entry } from "./doors.ts";
import { type Dialect, DIALECTS, type NodeFacts } from "./facts.ts";
import type { Applied, Frontends } from "./ownership.ts";
import {
  addElements,
  declareTable,
  ELEMENTS_PER_STATEMENT,
  elementText,
  writeChain,
  writeFixedChains,
} from "./script.ts";

/** The dialects of the families that a node programs. */
export function dialectsOf(facts: NodeFacts): Dialect[] {
  return facts.families.map((family) => DIALECTS[family]);
}

/** A load: its text, one transaction for each table; generated when the first of them is read. */
export interface LoadScript {
  readonly texts: ReadonlyMap<Dialect, Iterable<string>>;
  /** How many elements it adds; known once a text is generated. */
  count(): ElementCount;
}

/**
 * All frontends as text for `nft -f`; notes in `applied` what it holds. Each table is a transaction of its own, so
 * that two processes can work on them at once: there is nothing yet that has to change together.
 */
export function loadScript(
  frontends: Frontends,
  facts: NodeFacts,
  applied: Applied,
  visit: (entry: Entry) => void = () => {},
): LoadScript {
  let sink: TextSink | undefined;
  const generate = () => {
    const made = new TextSink(applied, facts);
    for (const entries of applied.takeAll(frontends, facts)) {
      for (const entry of entries) {
        renderEntry(entry, made);
        visit(entry);
      }
    }
    return made;
  };
  function* textOf(dialect: Dialect): Generator<string> {
    sink ??= generate();
    yield* sink.textOf(dialect);
  }
  return {
    texts: new Map(dialectsOf(facts).map((dialect) => [dialect, textOf(dialect)])),
    count: () => sink?.count ?? { ip: 0, ip6: 0 },
  };
}

/** Statements that add elements to a map, and the elements of the next one. */
interface Gathered {
  readonly statements: string[];
  elements: string[];
}

function close(ip: string, map: string, gathered: Gathered): readonly string[] {
  gathered.statements.push(addElements(ip, map, gathered.elements));
  gathered.elements = [];
  return gathered.statements;
}

/** Gathers elements and chains per table. */
class TextSink implements Sink {
  readonly #applied: Applied;
  readonly #facts: NodeFacts;
  readonly #elements = { ip: new Map<string, Gathered>(), ip6: new Map<string, Gathered>() };
  readonly #chains = { ip: "", ip6: "" };
  readonly count = { ip: 0, ip6: 0 };

  constructor(applied: Applied, facts: NodeFacts) {
    this.#applied = applied;
    this.#facts = facts;
  }

  element({ ip }: Dialect, map: string, key: string, value: string): void {
    let gathered = this.#elements[ip].get(map);
    if (gathered === undefined) {
      gathered = { statements: [], elements: [] };
      this.#elements[ip].set(map, gathered);
    }
    this.count[ip]++;
    // Soon turned into one flat text: a hundred thousand small strings would keep the garbage collector busy.
    if (gathered.elements.push(elementText(key, value)) >= ELEMENTS_PER_STATEMENT) close(ip, map, gathered);
  }

  shared(dialect: Dialect, set: SharedSet, key: string): void {
    if (this.#applied.uses.add(key)) this.element(dialect, set, key, "");
  }

  chain(dialect: Dialect, name: string, shape: ChainShape): void {
    const place = `${dialect.ip} ${name}`;
    if (!this.#applied.uses.add(place)) return;
    this.#applied.chains.add(place);
    this.#chains[dialect.ip] += writeChain(dialect, name, shape, this.#facts);
  }

  /** Declarations first, then chains, then the elements that go to them. */
  textOf(dialect: Dialect): string[] {
    const { ip } = dialect;
    const head = declareTable(dialect) + writeFixedChains(dialect, this.#facts) + this.#chains[ip];
    const texts = Array.from(this.#elements[ip], ([map, gathered]) => close(ip, map, gathered));
    return [head, ...texts.flat()];
  }
}
