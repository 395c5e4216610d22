/** One route table as it grows and shrinks: hosts with the rules of all routes that serve them, in order. */
import type { RouteTable, VirtualHost } from "./model.ts";
import { ruleOnListener } from "./routes/on-listener.ts";
import { compareRules } from "./routes/precedence.ts";
import type { TranslatedRule } from "./routes/types.ts";

/** The listeners that a table is for. */
export interface TableSite {
  readonly name: string;
  readonly port: number;
  readonly scheme: "http" | "https";
  readonly misdirected?: readonly string[];
}

interface Host {
  /** The rules of each route, by its key. */
  readonly routes: Map<string, readonly TranslatedRule[]>;
  /** Of all routes, in the order in which they are tried. */
  sorted: readonly TranslatedRule[];
}

/** A table; a change costs work for its host, and a copy of the list of hosts. */
export class Table {
  readonly #hosts = new Map<string, Host>();
  readonly #dirty = new Set<string>();
  /** Hostnames that have a virtual host though no route serves them, so that wider ones do not answer for them. */
  #anchors: ReadonlySet<string> = new Set();
  #site: TableSite;
  #built: RouteTable;

  constructor(site: TableSite) {
    this.#site = site;
    this.#built = emptyTable(site, []);
  }

  /** Takes another description; hosts stay. */
  describe(site: TableSite, anchors: ReadonlySet<string>): void {
    for (const hostname of [...this.#anchors, ...anchors]) this.#dirty.add(hostname);
    if (site.port !== this.#site.port || site.scheme !== this.#site.scheme)
      for (const hostname of this.#hosts.keys()) this.#dirty.add(hostname);
    this.#anchors = anchors;
    this.#site = site;
  }

  /** Replaces what a route has to say about a hostname; no rules: nothing. */
  set(hostname: string, route: string, rules: readonly TranslatedRule[]): void {
    const host = this.#hosts.get(hostname) ?? { routes: new Map(), sorted: [] };
    const before = host.routes.get(route);
    if (before === rules) return;
    const gone = new Set(before ?? []);
    const rest = gone.size === 0 ? host.sorted : host.sorted.filter((rule) => !gone.has(rule));
    host.routes.set(route, rules);
    host.sorted = merge(rest, [...rules].sort(compareRules));
    this.#hosts.set(hostname, host);
    this.#dirty.add(hostname);
  }

  /** Takes a route away from a hostname. */
  unset(hostname: string, route: string): void {
    const host = this.#hosts.get(hostname);
    const before = host?.routes.get(route);
    if (host === undefined || before === undefined) return;
    const gone = new Set(before);
    host.routes.delete(route);
    host.sorted = host.sorted.filter((rule) => !gone.has(rule));
    if (host.routes.size === 0) this.#hosts.delete(hostname);
    this.#dirty.add(hostname);
  }

  /** The table as of now; the same object while nothing changed, with the same hosts where they did not. */
  build(): RouteTable {
    const hosts = this.#dirty.size === 0 ? this.#built.hosts : this.#updatedHosts();
    this.#dirty.clear();
    const { name, misdirected } = this.#site;
    const same = hosts === this.#built.hosts && name === this.#built.name;
    if (!same || !sameList(misdirected, this.#built.misdirected)) this.#built = emptyTable(this.#site, hosts);
    return this.#built;
  }

  #updatedHosts(): readonly VirtualHost[] {
    const hosts = [...this.#built.hosts];
    let changed = false;
    for (const hostname of this.#dirty) {
      const at = indexOfHost(hosts, hostname);
      const old = hosts[at]?.hostname === hostname ? hosts[at] : undefined;
      const next = this.#host(hostname, old);
      if (next === old) continue;
      changed = true;
      hosts.splice(at, old === undefined ? 0 : 1, ...(next === undefined ? [] : [next]));
    }
    return changed ? hosts : this.#built.hosts;
  }

  #host(hostname: string, old: VirtualHost | undefined): VirtualHost | undefined {
    const host = this.#hosts.get(hostname);
    if (host === undefined && !this.#anchors.has(hostname)) return undefined;
    const rules = (host?.sorted ?? []).map((rule) => ruleOnListener(rule.rule, this.#site));
    return old !== undefined && sameList(old.rules, rules) ? old : { hostname, rules };
  }
}

function emptyTable({ name, misdirected }: TableSite, hosts: readonly VirtualHost[]): RouteTable {
  return { name, hosts, ...(misdirected === undefined ? {} : { misdirected }) };
}

function sameList<T>(one: readonly T[] | undefined, other: readonly T[] | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one.length !== other.length) return false;
  return one.every((item, index) => item === other[index]);
}

/** Where a hostname is, or would have to be, in a list sorted by hostname. */
function indexOfHost(hosts: readonly VirtualHost[], hostname: string): number {
  let low = 0;
  let high = hosts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((hosts[middle]?.hostname ?? "") < hostname) low = middle + 1;
    else high = middle;
  }
  return low;
}

function merge(one: readonly TranslatedRule[], other: readonly TranslatedRule[]): readonly TranslatedRule[] {
  const merged: TranslatedRule[] = [];
  let next = 0;
  for (const rule of one) {
    for (let rival = other[next]; rival !== undefined && compareRules(rival, rule) < 0; rival = other[next]) {
      merged.push(rival);
      next++;
    }
    merged.push(rule);
  }
  return [...merged, ...other.slice(next)];
}
