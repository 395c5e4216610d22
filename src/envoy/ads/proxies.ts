import type { Resource, ResourceChange, ResourceKind } from "../resources.ts";
import type { Refused } from "./acknowledge.ts";
import { type Connection, createConnection, type Receiver, type Sink } from "./connection.ts";
import { type Counters, createCounters } from "./counters.ts";
import type { NodeInfo } from "./messages.ts";
import type { StreamStatus } from "./status.ts";
import { createTable, type TableWriter } from "./table.ts";

/** A resource that one client of a proxy refused. */
export interface Nack extends Refused {
  readonly proxy: string;
  /** The id of the client's node. */
  readonly node: string;
}

/** The tables of all proxies, and the streams that they are sent on. */
export interface Proxies {
  set(proxy: string, changes: readonly ResourceChange[]): void;
  replace(proxy: string, resources: readonly Resource[]): void;
  remove(proxy: string): void;
  /** Those of the names that the proxy has no resource of; none before it has a table. */
  lacking(proxy: string, kind: ResourceKind, names: readonly string[]): string[];
  applied(proxy: string): Promise<void>;
  status(proxy: string): readonly StreamStatus[];
  keys(): string[];
  onNack(listener: (nack: Nack) => void): () => void;
  connect<Request extends { readonly typeUrl: string }>(
    proxy: string,
    node: NodeInfo,
    sink: Sink<Request>,
  ): Receiver<Request>;
  readonly counters: Counters;
  close(): void;
}

/** Changes that come within this time of the last ones are sent together. Milliseconds. */
const GATHER_MS = 8;

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

interface Proxy {
  readonly key: string;
  /** Undefined until the first configuration: its clients keep what they have, rather than losing it all. */
  table: TableWriter | undefined;
  readonly connections: Set<Connection>;
  readonly waiters: Set<Waiter>;
  gathering: NodeJS.Timeout | undefined;
  flushedAt: number;
}

/** Holds the tables of proxies and serves their streams; knows no sockets. */
export function createProxies(): Proxies {
  const proxies = new Map<string, Proxy>();
  const listeners = new Set<(nack: Nack) => void>();
  const counters = createCounters();

  function proxyOf(key: string): Proxy {
    const proxy = proxies.get(key) ?? newProxy(key);
    proxies.set(key, proxy);
    return proxy;
  }

  function remove(key: string): void {
    const proxy = proxies.get(key);
    if (proxy === undefined) return;
    release(proxy);
    proxy.table = undefined;
    for (const connection of [...proxy.connections])
      connection.drop("this proxy has no configuration any more");
    if (proxy.connections.size === 0) proxies.delete(key);
  }

  function connect<Request extends { readonly typeUrl: string }>(
    key: string,
    node: NodeInfo,
    sink: Sink<Request>,
  ): Receiver<Request> {
    const proxy = proxyOf(key);
    const refused = (from: NodeInfo, all: readonly Refused[]) => {
      for (const one of all) {
        proxy.table?.noteRefused(one.kind, one.name, one.version);
        for (const tell of listeners) tell({ ...one, proxy: key, node: from.id });
      }
    };
    const events = { refused, progressed: () => wakeWaiters(proxy) };
    const connection = createConnection(node, sink, events, counters);
    proxy.connections.add(connection);
    counters.streamsOpened++;
    counters.streams++;
    if (proxy.table !== undefined) connection.begin(proxy.table);
    return { ...connection, close: () => disconnect(proxy, connection) };
  }

  function disconnect(proxy: Proxy, connection: Connection): void {
    if (!proxy.connections.delete(connection)) return;
    connection.close();
    counters.streams--;
    wakeWaiters(proxy);
    if (proxy.connections.size === 0 && proxy.table === undefined) proxies.delete(proxy.key);
  }

  return {
    set: (key, changes) => change(proxyOf(key), (table) => table.apply(changes)),
    replace: (key, resources) => change(proxyOf(key), (table) => table.replace(resources)),
    remove,
    lacking: (key, kind, names) => {
      const table = proxies.get(key)?.table;
      return table === undefined ? [] : names.filter((name) => !table.has(kind, name));
    },
    applied: (key) => waitApplied(proxies.get(key)),
    status: (key) => [...(proxies.get(key)?.connections ?? [])].flatMap((one) => one.status() ?? []),
    keys: () => [...proxies.keys()],
    onNack: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    connect,
    counters,
    close: () => proxies.forEach(release),
  };
}

function newProxy(key: string): Proxy {
  const parts = { connections: new Set<Connection>(), waiters: new Set<Waiter>() };
  return { key, table: undefined, ...parts, gathering: undefined, flushedAt: 0 };
}

/** The first table begins the streams that wait for it; later changes are told to them. */
function change(proxy: Proxy, apply: (table: TableWriter) => readonly ResourceChange[]): void {
  if (proxy.table === undefined) {
    proxy.table = createTable();
    apply(proxy.table);
    for (const connection of proxy.connections) connection.begin(proxy.table);
    return;
  }
  const changes = apply(proxy.table);
  if (changes.length === 0) return;
  for (const connection of proxy.connections) connection.changed(changes);
  gather(proxy);
}

/** Sends at once where nothing was sent just now, and together with what follows where changes come in a burst. */
function gather(proxy: Proxy): void {
  if (proxy.gathering !== undefined) return;
  const wait = Math.max(0, proxy.flushedAt + GATHER_MS - Date.now());
  proxy.gathering = setTimeout(() => {
    proxy.gathering = undefined;
    proxy.flushedAt = Date.now();
    for (const connection of proxy.connections) connection.flush();
  }, wait);
}

function waitApplied(proxy: Proxy | undefined): Promise<void> {
  if (proxy?.table === undefined) return Promise.resolve();
  const { revision } = proxy.table;
  return new Promise((resolve) => {
    proxy.waiters.add({ revision, resolve });
    wakeWaiters(proxy);
  });
}

function wakeWaiters(proxy: Proxy): void {
  if (proxy.waiters.size === 0) return;
  let oldest = Number.POSITIVE_INFINITY;
  for (const connection of proxy.connections) oldest = Math.min(oldest, connection.oldestMissing());
  for (const waiter of proxy.waiters) {
    if (waiter.revision >= oldest) continue;
    proxy.waiters.delete(waiter);
    waiter.resolve();
  }
}

function release(proxy: Proxy): void {
  clearTimeout(proxy.gathering);
  proxy.gathering = undefined;
  for (const waiter of proxy.waiters) waiter.resolve();
  proxy.waiters.clear();
}
