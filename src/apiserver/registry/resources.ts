import { compareVersions } from "../../objects/crd/index.ts";
import { KINDS, type Kind } from "../../objects/kinds.ts";

/** The kinds that are served, found by their place in paths. */
export class Resources {
  readonly #byPath = new Map<string, Kind>();
  readonly #builtIn: ReadonlySet<string>;
  readonly #custom = new Map<string, readonly Kind[]>();
  readonly #retiring = new Map<string, AbortController>();

  constructor(kinds: readonly Kind[] = Object.values(KINDS)) {
    for (const kind of kinds) this.#byPath.set(pathOf(kind.group, kind.version, kind.plural), kind);
    this.#builtIn = new Set(this.#byPath.keys());
  }

  /** Serves these kinds for a CustomResourceDefinition in the place of those it had. Built-in ones stay what they are. */
  setCustom(definition: string, kinds: readonly Kind[]): void {
    for (const kind of this.#custom.get(definition) ?? []) {
      const path = pathOf(kind.group, kind.version, kind.plural);
      if (this.#byPath.get(path) === kind) this.#byPath.delete(path);
    }
    this.#custom.set(definition, kinds);
    if (kinds.length === 0) this.#custom.delete(definition);
    for (const kind of kinds) {
      const path = pathOf(kind.group, kind.version, kind.plural);
      if (!this.#builtIn.has(path)) this.#byPath.set(path, kind);
    }
  }

  /** A signal that aborts when a custom kind is replaced or served no longer; undefined for built-in ones. */
  untilRetired({ custom, plural, group }: Kind): AbortSignal | undefined {
    if (custom === undefined) return undefined;
    const definition = `${plural}.${group}`;
    let controller = this.#retiring.get(definition);
    if (controller === undefined) {
      controller = new AbortController();
      this.#retiring.set(definition, controller);
    }
    return controller.signal;
  }

  /** Ends what holds on to the kinds that a definition had. */
  retire(definition: string): void {
    this.#retiring.get(definition)?.abort();
    this.#retiring.delete(definition);
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#byPath.get(pathOf(group, version, plural));
  }

  /** All kinds served. */
  all(): readonly Kind[] {
    return [...this.#byPath.values()];
  }

  /** The groups that are served and their versions, in the order of the kinds; "" is the core group. Those of custom
   * resources follow by name, better versions first, as the aggregator's priorities have it. */
  groupVersions(): readonly { readonly group: string; readonly version: string }[] {
    const seen = new Map<string, { group: string; version: string }>();
    const custom = new Map<string, { group: string; version: string }>();
    for (const { group, version, custom: isCustom } of this.all()) {
      const key = `${group}/${version}`;
      if (isCustom === undefined) seen.set(key, { group, version });
      else custom.set(key, { group, version });
    }
    const added = [...custom].filter(([key]) => !seen.has(key)).map(([, each]) => each);
    added.sort((a, b) =>
      a.group === b.group ? compareVersions(a.version, b.version) : a.group < b.group ? -1 : 1,
    );
    return [...seen.values(), ...added];
  }
}

function pathOf(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}
