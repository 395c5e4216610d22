import { KINDS, type Kind } from "../../objects/kinds.ts";

/** The kinds that are served, found by their place in paths. */
export class Resources {
  readonly #byPath = new Map<string, Kind>();

  constructor(kinds: readonly Kind[] = Object.values(KINDS)) {
    for (const kind of kinds) this.#byPath.set(pathOf(kind.group, kind.version, kind.plural), kind);
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#byPath.get(pathOf(group, version, plural));
  }

  /** All kinds served. */
  all(): readonly Kind[] {
    return [...this.#byPath.values()];
  }

  /** The groups that are served and their versions, in the order of the kinds; "" is the core group. */
  groupVersions(): readonly { readonly group: string; readonly version: string }[] {
    const seen = new Map<string, { group: string; version: string }>();
    for (const { group, version } of this.all()) seen.set(`${group}/${version}`, { group, version });
    return [...seen.values()];
  }
}

function pathOf(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}
