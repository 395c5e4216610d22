import { formatTime } from "../../objects/time.ts";
import { acceptNames, customKinds, type Definition, isTrueCondition } from "../../objects/crd/index.ts";
import { KINDS, type Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Change, Transaction } from "../../store/contract.ts";
import type { ApiContext } from "../context.ts";
import { decodeObject, encodeObject } from "../registry/encoding.ts";
import { keyOf, prefixOf } from "../registry/keys.ts";
import { needsCleanup, startCleanup } from "./cleanup.ts";

const KIND = KINDS.CustomResourceDefinition;

interface Known {
  readonly definition: Definition;
  /** The revision from which its objects are written under the schema that it has now. */
  readonly since: number;
}

/**
 * Serves the custom resources of all definitions in the store, from now on and as they change: names are accepted,
 * definitions established, and the objects of deleted ones removed, soon after each change
 * (apiextensions pkg/apiserver/customresource_handler.go and pkg/controller).
 */
export function serveDefinitions(context: ApiContext): void {
  const definitions = new Definitions(context);
  const { entries, revision } = context.store.range(prefixOf(KIND));
  for (const entry of entries) definitions.put(entry.value, entry.revision);
  context.store.watch(prefixOf(KIND), revision, { onChanges: (changes) => definitions.changed(changes) });
}

class Definitions {
  readonly #context: ApiContext;
  readonly #known = new Map<string, Known>();
  readonly #waiting = new Set<string>();
  readonly #cleaning = new Set<string>();

  constructor(context: ApiContext) {
    this.#context = context;
  }

  changed(changes: readonly Change<string>[]): void {
    for (const change of changes) {
      if (change.type === "put") this.put(change.value, change.revision);
      else this.#remove((decodeObject(change.previous) as unknown as Definition).metadata.name);
    }
  }

  put(text: string, revision: number): void {
    const definition = decodeObject(text) as unknown as Definition;
    const { name } = definition.metadata;
    const before = this.#known.get(name);
    const isSame = before !== undefined && schemaMark(before.definition) === schemaMark(definition);
    const since = isSame ? before.since : revision;
    this.#known.set(name, { definition, since });
    if (before === undefined || servingMark(before.definition) !== servingMark(definition)) {
      this.#context.resources.setCustom(name, servedKinds(definition, since));
    }
    if (before !== undefined && storageMark(before.definition) !== storageMark(definition))
      this.#retire(name);
    this.#judgeSoon(name);
    if (needsCleanup(definition)) this.#clean(name, definition);
  }

  #remove(name: string): void {
    this.#known.delete(name);
    this.#context.resources.setCustom(name, []);
    this.#retire(name);
    // names that were in use may be free now
    for (const [other, { definition }] of this.#known) {
      if (!isTrueCondition(definition, "NamesAccepted")) this.#judgeSoon(other);
    }
  }

  /**
   * Ends the watches on the kinds that a definition had, as the real server does with their storage; what
   * happened before is told to them first.
   */
  #retire(name: string): void {
    setImmediate(() => this.#context.resources.retire(name));
  }

  /** Judges the names of what changed, all that came in meanwhile in one transaction. */
  #judgeSoon(name: string): void {
    this.#waiting.add(name);
    if (this.#waiting.size > 1) return;
    setImmediate(() => {
      const names = [...this.#waiting];
      this.#waiting.clear();
      this.#attempt("accept names of CustomResourceDefinitions", (tx) => {
        for (const each of names) this.#judge(tx, each);
      });
    });
  }

  #judge(tx: Transaction<string>, name: string): void {
    const key = keyOf(KIND, undefined, name);
    const entry = tx.get(key);
    if (entry === undefined) return;
    const definition = decodeObject(entry.value) as unknown as Definition;
    const others = [...this.#known.values()]
      .map((known) => known.definition)
      .filter((other) => other.metadata.name !== name);
    if (!acceptNames(definition, others, formatTime(this.#context.now()))) return;
    tx.put(key, encodeObject(KIND, definition as unknown as AnyObject, tx.revision));
    // the names are taken for the others of this transaction
    const known = this.#known.get(name);
    if (known !== undefined) {
      const { spec } = known.definition;
      this.#known.set(name, {
        ...known,
        definition: { ...known.definition, spec, status: definition.status ?? {} },
      });
      this.#context.resources.setCustom(name, servedKinds(definition, known.since));
    }
  }

  #clean(name: string, definition: Definition): void {
    if (this.#cleaning.has(name)) return;
    this.#cleaning.add(name);
    startCleanup(this.#context, definition)
      .catch((error: Error) => this.#report(`remove the objects of ${name}`, error))
      .finally(() => this.#cleaning.delete(name));
  }

  #attempt(what: string, work: (tx: Transaction<string>) => void): void {
    if (this.#context.closing.aborted) return;
    this.#context.store.transact(work).catch((error: Error) => this.#report(what, error));
  }

  #report(what: string, error: Error): void {
    if (!this.#context.closing.aborted) this.#context.log(`cannot ${what}: ${error.message}`);
  }
}

function servedKinds(definition: Definition, since: number): Kind[] {
  return isTrueCondition(definition, "Established") ? customKinds(definition, since) : [];
}

function schemaMark({ metadata }: Definition): string {
  return `${metadata.uid}/${metadata.generation}`;
}

/** What the real server makes a new storage for (customresource_handler.go updateCustomResourceDefinition). */
function storageMark(definition: Definition): string {
  return `${schemaMark(definition)} ${JSON.stringify(definition.status?.acceptedNames ?? {})}`;
}

/** What decides about serving: as long as it stays, so do the kinds and all that is compiled for them. */
function servingMark(definition: Definition): string {
  const { metadata, status } = definition;
  const names = JSON.stringify(status?.acceptedNames ?? {});
  const established = isTrueCondition(definition, "Established");
  return [schemaMark(definition), metadata.deletionTimestamp ?? "", established, names].join(" ");
}
