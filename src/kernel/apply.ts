/** Makes the kernel follow: the smallest change, as one transaction. */
import { UserError } from "../errors/user-error.ts";
import type { PerFamily } from "../ip/family.ts";
import type { Frontend } from "../traffic/model.ts";
import { declarations, fixedChains } from "./chains.ts";
import {
  type CurrentTable,
  familiesWithTable,
  nftError,
  readRules,
  readTables,
  type Tables,
} from "./current.ts";
import { changeFrontends, type ElementCount, type Elements, elementChanges, wholeState } from "./delta.ts";
import { entryKey } from "./desired.ts";
import type { Entry } from "./doors.ts";
import type { Exec } from "./exec.ts";
import { type Dialect, DIALECTS, type NodeFacts, TABLE } from "./facts.ts";
import { dialectsOf, loadScript } from "./load.ts";
import { Applied, type Frontends } from "./ownership.ts";
import { declareTable, removeChains, writeChain, writeFixedChains } from "./script.ts";

/** What a change did. */
export interface Outcome {
  /** `load`: into empty tables; `reconcile`: against what was there; `update`: only what changed. */
  readonly how: "load" | "reconcile" | "update";
  /** Elements that were added, replaced or deleted, in each family that this node programs. */
  readonly elements: PerFamily<number>;
  /** Whether rules (not elements) were not as Tandem writes them; only `reconcile` looks. */
  readonly foreignRules: boolean;
  /** UDP entries that changed, by entry key, as they are now (undefined: gone); all of them unless `update`. */
  readonly udpEntries: ReadonlyMap<string, Entry | undefined>;
}

/** Keeps the tables of one node. Calls must not overlap; after a failed one, only `sync` may follow. */
export class Programmer {
  readonly #exec: Exec;
  #facts: NodeFacts;
  readonly #applied = new Applied();
  /** Chains of ours (`ip name`) that went out of use in an earlier transaction. */
  #leftOver: string[] = [];
  /** Chains in our tables that a comparison found and that nothing needed then: ours of before, or somebody else's. */
  #strays: string[] = [];

  constructor(exec: Exec, facts: NodeFacts) {
    this.#exec = exec;
    this.#facts = facts;
  }

  /** Other facts about the node count from the next `sync` on. */
  set facts(facts: NodeFacts) {
    this.#facts = facts;
  }

  /** A frontend as it is in force; undefined when none of that key is. */
  applied(key: string): Frontend | undefined {
    return this.#applied.frontends.get(key);
  }

  /** Reads what is there and changes only the difference; replaces tables that cannot be changed into ours. */
  async sync(frontends: Frontends): Promise<Outcome> {
    const reading = readTables(this.#exec);
    // While nft reads, the model builds what it has not built yet.
    for (const key of frontends.keys()) frontends.get(key);
    const current = await reading;
    if (current.ip === undefined && current.ip6 === undefined) return this.#load(frontends, []);
    try {
      return await this.#reconcile(frontends, current);
    } catch (error) {
      // Another version's maps, or something foreign in the way: tables that are ours alone may be made anew.
      if (error instanceof UserError) throw error;
      const present = await familiesWithTable(this.#exec);
      return await this.#load(frontends, present).catch(() => Promise.reject(error));
    }
  }

  /** Changes what belongs to some frontends, without reading anything (undefined: the frontend is gone). */
  async update(changes: ReadonlyMap<string, Frontend | undefined>): Promise<Outcome> {
    const delta = changeFrontends(changes, this.#facts, this.#applied);
    // A stray whose name comes into use is written anew, and from now on one of ours.
    this.#strays = this.#strays.filter((place) => !this.#applied.chains.has(place));
    if (delta.text !== "") {
      const removable = this.#leftOver.filter((place) => !this.#applied.uses.has(place));
      await this.#transact([removeChains(removable), delta.text]);
      for (const place of removable) this.#applied.chains.delete(place);
      this.#leftOver = this.#unusedChains();
    }
    const entries = new Map<string, Entry | undefined>();
    for (const [key, { before, after }] of delta.entries) {
      if ((after ?? before)?.door.protocol === "udp") entries.set(key, after);
    }
    return {
      how: "update",
      elements: this.#perFamily(delta.count),
      foreignRules: false,
      udpEntries: entries,
    };
  }

  /** Whether `tidy` has something to do. */
  get untidy(): boolean {
    return this.#leftOver.length > 0 || this.#strays.length > 0;
  }

  /**
   * Takes unused chains away. Kernels before 6.2 cannot do that in the transaction that deletes the last element
   * going there, so it comes one later.
   */
  async tidy(): Promise<void> {
    const removable = this.#leftOver.filter((place) => !this.#applied.uses.has(place));
    const all = [...removable, ...this.#strays];
    this.#leftOver = [];
    this.#strays = [];
    if (all.length === 0) return;
    await this.#transact([removeChains(all)]);
    for (const place of removable) this.#applied.chains.delete(place);
  }

  #perFamily(count: ElementCount): PerFamily<number> {
    return Object.fromEntries(this.#facts.families.map((family) => [family, count[DIALECTS[family].ip]]));
  }

  #unusedChains(): string[] {
    return [...this.#applied.chains].filter((place) => !this.#applied.uses.has(place));
  }

  async #load(frontends: Frontends, replaced: readonly ("ip" | "ip6")[]): Promise<Outcome> {
    const entries = new Map<string, Entry | undefined>();
    this.#leftOver = [];
    this.#strays = [];
    const script = loadScript(frontends, this.#facts, this.#applied, (entry) => noteEntry(entries, entry));
    const transactions = Array.from(script.texts, ([{ ip }, text]) =>
      this.#transact(replaced.includes(ip) ? concat([`delete table ${ip} ${TABLE}\n`], text) : text),
    );
    const dropped = replaced.filter((ip) => !dialectsOf(this.#facts).some((dialect) => dialect.ip === ip));
    if (dropped.length > 0) {
      transactions.push(this.#transact(dropped.map((ip) => `delete table ${ip} ${TABLE}\n`)));
    }
    await Promise.all(transactions);
    return {
      how: "load",
      elements: this.#perFamily(script.count()),
      foreignRules: false,
      udpEntries: entries,
    };
  }

  async #reconcile(frontends: Frontends, current: Tables<CurrentTable>): Promise<Outcome> {
    const facts = this.#facts;
    const dialects = dialectsOf(facts);
    const known = new Set([...this.#applied.chains, ...this.#strays]);
    const entries = new Map<string, Entry | undefined>();
    const desired = wholeState(this.#applied.takeAll(frontends, facts), this.#applied, (entry) =>
      noteEntry(entries, entry),
    );
    const gone = IPS.filter((ip) => current[ip] && !dialects.some((dialect) => dialect.ip === ip));
    for (const ip of gone) delete current[ip];
    const changes = elementChanges(currentElements(current, dialects), desired.elements);
    const chains = [...desired.shapes.values()].map(({ dialect, name, shape }) =>
      writeChain(dialect, name, shape, facts),
    );
    await this.#transact([
      ...gone.map((ip) => `delete table ${ip} ${TABLE}\n`),
      ...dialects.map((dialect) => declareTable(dialect) + writeFixedChains(dialect, facts)),
      ...chains,
      changes.text,
    ]);
    this.#leftOver = [];
    this.#strays = dialects.flatMap((dialect) => this.#strayChains(dialect, current[dialect.ip]));
    const isForeign = this.#strays.some((place) => !known.has(place));
    const foreignRules = isForeign || rulesDiffer(current, await readRules(this.#exec));
    return { how: "reconcile", elements: this.#perFamily(changes.count), foreignRules, udpEntries: entries };
  }

  #strayChains(dialect: Dialect, current: CurrentTable | undefined): string[] {
    const fixed = new Set(fixedChains(dialect, this.#facts).map(({ name }) => name));
    const places = [...(current?.chains ?? [])].flatMap((name) =>
      fixed.has(name) ? [] : `${dialect.ip} ${name}`,
    );
    return places.filter((place) => !this.#applied.chains.has(place));
  }

  async #transact(script: Iterable<string>): Promise<void> {
    const result = await this.#exec(["nft", "-f", "-"], script);
    if (result.code !== 0) throw nftError("change the kernel's rules", result);
  }
}

/** Takes away all that is Tandem's, in every family; returns the table families that had something. */
export async function removeTables(exec: Exec): Promise<("ip" | "ip6")[]> {
  const present = await familiesWithTable(exec);
  if (present.length === 0) return present;
  const result = await exec(
    ["nft", "-f", "-"],
    present.map((ip) => `delete table ${ip} ${TABLE}\n`),
  );
  if (result.code !== 0) throw nftError("remove the kernel's rules", result);
  return present;
}

const IPS = ["ip", "ip6"] as const;

/** Elements of the maps that are ours, as {@link elementChanges} compares them. */
function currentElements(current: Tables<CurrentTable>, dialects: readonly Dialect[]): Elements {
  const elements = new Map<string, ReadonlyMap<string, string>>();
  for (const dialect of dialects) {
    for (const map of declarations(dialect).keys()) {
      const there = current[dialect.ip]?.elements.get(map);
      if (there !== undefined) elements.set(`${dialect.ip} ${map}`, there);
    }
  }
  return elements;
}

/** Whether a chain had other rules before than the ones that were written over it. */
function rulesDiffer(before: Tables<CurrentTable>, now: Tables<CurrentTable["rules"]>): boolean {
  return IPS.some((ip) =>
    [...(now[ip] ?? [])].some(([chain, rules]) => (before[ip]?.rules.get(chain) ?? rules) !== rules),
  );
}

/** Entries over UDP are what connection tracking has to be cleaned by; others end by themselves. */
function noteEntry(entries: Map<string, Entry | undefined>, entry: Entry): void {
  if (entry.door.protocol === "udp") entries.set(entryKey(entry), entry);
}

function* concat(first: Iterable<string>, second: Iterable<string>): Generator<string> {
  yield* first;
  yield* second;
}
