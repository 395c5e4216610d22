/** One Gateway's proxy, kept up to date route by route: everything that did not change keeps its identity. */
import type { Attachment } from "./attach.ts";
import { type AttachedRoute, AttachedRoutes, type ProxyRoute } from "./attached.ts";
import { type StreamAt, proxyListener, tableName } from "./chains.ts";
import { equal, keep, keepItems } from "./equality.ts";
import { ownerOf } from "./hostnames.ts";
import type { ResolvedListener } from "./listeners.ts";
import { misdirectedNames } from "./misdirected.ts";
import type { ProxyModel, RouteTable } from "./model.ts";
import { NeededEntries } from "./needed-entries.ts";
import type { Port } from "./ports.ts";
import type { Resolution } from "./resolution.ts";
import { older } from "./rivals.ts";
import { isStream } from "./shadows.ts";
import type { Needs, StreamForward, TranslatedRoute } from "./routes/types.ts";
import { sameSites } from "./sites.ts";
import { Table } from "./table.ts";

interface Placed {
  readonly route: ProxyRoute;
  readonly attachments: readonly Attachment[];
  readonly needs: readonly Needs[];
}

/** The state of one Gateway's proxy. */
export class ProxyState {
  readonly key: string;
  #resolution: Resolution;
  readonly #routes = new Map<string, Placed>();
  readonly #attached = new AttachedRoutes();
  readonly #tables = new Map<string, Table>();
  readonly #portOf = new Map<string, Port>();
  readonly #needed = new NeededEntries();
  #model: ProxyModel | undefined;
  #listenersDirty = true;

  constructor(key: string, resolution: Resolution) {
    this.key = key;
    this.#resolution = resolution;
    this.#describe();
  }

  get resolution(): Resolution {
    return this.#resolution;
  }

  get routes(): Iterable<string> {
    return this.#routes.keys();
  }

  /** Whether a route is attached to any listener. */
  has(route: string): boolean {
    return this.#routes.has(route);
  }

  /** Takes a new resolution; routes are to be put again where {@link sameSites} says that listeners differ. */
  resolve(resolution: Resolution): void {
    const before = this.#resolution;
    this.#resolution = resolution;
    this.#listenersDirty = true;
    const isSame = sameSites(before, resolution);
    for (const { route } of isSame ? [] : [...this.#routes.values()]) this.put(route, []);
    this.#describe();
  }

  /** Places a route on listeners; none: takes it away. Returns whether anything changed. */
  put(route: ProxyRoute, attachments: readonly Attachment[]): boolean {
    const before = this.#routes.get(route.key);
    if (before === undefined && attachments.length === 0) return false;
    if (before?.route.translated === route.translated && samePlaces(before.attachments, attachments))
      return false;
    if (before !== undefined) this.#remove(before, attachments);
    if (attachments.length === 0) this.#routes.delete(route.key);
    else this.#add(route, attachments);
    return true;
  }

  /** The number of routes attached to a listener. */
  attachedRoutes(listener: string): number {
    return this.#attached.count(listener);
  }

  /** The key of the route that a route lost a listener to. */
  lostTo(listener: string, route: string): string | undefined {
    return this.#attached.lostTo(listener, route);
  }

  /** The key of the older stream route that has all that a route wants of a listener. */
  shadowedBy(listener: string, route: string): string | undefined {
    return this.#attached.shadowedBy(listener, route);
  }

  /** Decides between HTTPRoutes and GRPCRoutes where listeners changed; returns the routes for which that changed. */
  settle(): ReadonlySet<string> {
    const changed = this.#attached.settle();
    for (const key of changed) this.#place(key);
    return changed;
  }

  /** The model as of now; the same object while nothing changed. */
  build(): ProxyModel {
    this.#needed.sweep();
    const before = this.#model;
    const { families } = this.#resolution;
    const next: ProxyModel = {
      key: this.key,
      families: keep(before?.families, families),
      listeners: this.#listenersDirty || before === undefined ? this.#listeners(before) : before.listeners,
      routeTables: this.#routeTables(before?.routeTables),
      ...this.#needed.take(before, this.#resolution),
    };
    this.#listenersDirty = false;
    if (before === undefined || PARTS.some((part) => before[part] !== next[part])) this.#model = next;
    return this.#model ?? next;
  }

  #add(route: ProxyRoute, attachments: readonly Attachment[]): void {
    const needs = needsOf(attachments);
    for (const need of needs) this.#needed.add(need, this.#resolution);
    this.#routes.set(route.key, { route, attachments, needs });
    for (const { listener, hostnames } of attachments) this.#attached.add(listener.id, route, hostnames);
    this.#place(route.key);
  }

  #remove({ route, attachments, needs }: Placed, next: readonly Attachment[]): void {
    const staying = new Set<string>();
    for (const { listener, hostnames } of next)
      for (const hostname of hostnames) staying.add(`${tableName(listener)} ${hostname}`);
    for (const { listener, hostnames } of attachments) {
      this.#attached.remove(listener.id, route);
      if (isStream(route)) this.#listenersDirty = true;
      const table = this.#tables.get(tableName(listener));
      for (const hostname of hostnames)
        if (!staying.has(`${tableName(listener)} ${hostname}`)) table?.unset(hostname, route.key);
    }
    for (const need of needs) this.#needed.release(need);
  }

  /** Puts a route's rules on the hosts that are its own on each listener. */
  #place(key: string): void {
    const placed = this.#routes.get(key);
    if (placed === undefined) return;
    if (isStream(placed.route)) this.#listenersDirty = true;
    else for (const attachment of placed.attachments) this.#placeOn(attachment, placed.route.key);
  }

  #placeOn({ listener, hostnames, translated }: Attachment, key: string): void {
    const table = this.#tables.get(tableName(listener));
    const siblings = this.#portOf.get(listener.id)?.hostnames ?? NO_HOSTNAMES;
    const lost = this.lostTo(listener.id, key) !== undefined;
    for (const hostname of hostnames) {
      const isOwn = ownerOf(hostname, siblings) === listener.hostname;
      if (isOwn && !lost) table?.set(hostname, key, translated.rules);
      else if (isOwn) table?.unset(hostname, key);
    }
  }

  /** Makes the tables that the listeners need. */
  #describe(): void {
    this.#portOf.clear();
    const wanted = new Set<string>();
    for (const port of this.#resolution.ports) {
      for (const listener of port.listeners) this.#portOf.set(listener.id, port);
      // all listeners of an HTTP port share one table
      const sites = port.listeners[0]?.group === "http" ? port.listeners.slice(0, 1) : port.listeners;
      for (const listener of sites)
        if (listener.group === "http" || listener.spec.protocol === "HTTPS")
          wanted.add(this.#table(listener, port));
    }
    for (const name of this.#tables.keys()) if (!wanted.has(name)) this.#tables.delete(name);
  }

  #table(listener: ResolvedListener, { port, listeners, hostnames }: Port): string {
    const name = tableName(listener);
    const isHttp = listener.group === "http";
    const mine = isHttp ? listeners : [listener];
    const scheme = isHttp ? ("http" as const) : ("https" as const);
    const misdirected = isHttp ? undefined : misdirectedNames(listener.hostname, hostnames);
    const site = { name, port, scheme, ...(misdirected === undefined ? {} : { misdirected }) };
    const table = this.#tables.get(name) ?? new Table(site);
    const anchors = mine.map(({ hostname }) => hostname).filter((hostname) => hostname !== "*");
    table.describe(site, new Set(listeners.length > 1 ? anchors : []));
    this.#tables.set(name, table);
    return name;
  }

  #listeners(before: ProxyModel | undefined): ProxyModel["listeners"] {
    const streams = new Map<string, Map<string, ProxyRoute>>();
    for (const id of this.#attached.listeners()) streams.set(id, streamsOf(this.#attached.on(id)));
    const streamAt: StreamAt = (listener, hostname) => {
      const stream = this.#streamOn(listener.id, streams.get(listener.id)?.get(hostname));
      return stream && chosen(stream, listener).forward;
    };
    const hostnames = (listener: ResolvedListener) => [...(streams.get(listener.id)?.keys() ?? [])].sort();
    const next = this.#resolution.ports.flatMap((port) => {
      const old = before?.listeners.find(({ name }) => name === port.name);
      const listener = proxyListener(port, streamAt, hostnames);
      if (listener === undefined) return [];
      return [{ ...listener, chains: keepItems(old?.chains, listener.chains, ({ name }) => name) }];
    });
    return keepItems(before?.listeners, next, ({ name }) => name);
  }

  #streamOn(listener: string, route: ProxyRoute | undefined): TranslatedRoute["stream"] {
    const attachments = this.#routes.get(route?.key ?? "")?.attachments ?? [];
    return attachments.find((attachment) => attachment.listener.id === listener)?.translated.stream;
  }

  #routeTables(before: ReadonlyMap<string, RouteTable> | undefined): ReadonlyMap<string, RouteTable> {
    const serving = new Set(this.#resolution.listeners.filter(({ serves }) => serves).map(tableName));
    const tables = new Map<string, RouteTable>();
    for (const [name, table] of [...this.#tables].sort(([one], [other]) => (one < other ? -1 : 1)))
      if (serving.has(name)) tables.set(name, table.build());
    const same =
      before?.size === tables.size && [...tables].every(([name, table]) => before.get(name) === table);
    return same && before !== undefined ? before : tables;
  }
}

const NO_HOSTNAMES: ReadonlySet<string> = new Set();
const PARTS = [
  "families",
  "listeners",
  "routeTables",
  "destinations",
  "certificates",
  "trust",
  "tokens",
] as const;

/** The stream route of each hostname: the oldest. */
function streamsOf(routes: Iterable<AttachedRoute>): Map<string, ProxyRoute> {
  const streams = new Map<string, ProxyRoute>();
  for (const { route, hostnames } of routes) {
    if (!isStream(route)) continue;
    for (const hostname of hostnames) {
      const rival = streams.get(hostname);
      if (rival === undefined || older(route, rival) < 0) streams.set(hostname, route);
    }
  }
  return streams;
}

function chosen(
  { passthrough, terminated }: NonNullable<TranslatedRoute["stream"]>,
  listener: ResolvedListener,
): StreamForward {
  return listener.terminates ? terminated : passthrough;
}

/** What a route needs on the listeners that it is attached to: for streams only the ways that are in use. */
function needsOf(attachments: readonly Attachment[]): readonly Needs[] {
  const all = attachments.map(({ listener, translated: { stream, needs } }) =>
    stream === undefined ? needs : chosen(stream, listener).needs,
  );
  return [...new Set(all)];
}

function samePlaces(one: readonly Attachment[], other: readonly Attachment[]): boolean {
  return (
    one.length === other.length &&
    one.every(
      ({ listener, hostnames, translated }, index) =>
        listener.id === other[index]?.listener.id &&
        translated === other[index]?.translated &&
        equal(hostnames, other[index]?.hostnames),
    )
  );
}
