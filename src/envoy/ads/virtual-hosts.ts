import { type Resource, tableOfHost } from "../resources.ts";
import { type Entry, isWanted, markPending, type View } from "./view.ts";

/*
 * Virtual hosts (VHDS, delta only). Envoy asks for all of them at once, when it gets the first route table that says
 * `vhds`, and never again; those of tables that it does not have it throws away, but counts them as had after a
 * reconnect. So the hosts of a table are sent once the table is in force, anew whenever it has come back, and taken away
 * after Envoy has given it up. A listener warms until the first response with hosts of its table.
 *
 * Whether a stream broke between a table and its hosts, the next stream could not know. So a table comes with a version of
 * its own at first, and with its proper one when its hosts are there: Envoy takes that for the same table, and says on the
 * next stream which of the two it has.
 */

/** At the end of the version of a table whose hosts may be missing. */
const UNSURE = "+";

/** A table in the version that says whether its hosts are there; anything else as it is. */
export function withSureness(view: View, resource: Resource): Resource {
  if (resource.kind !== "route" || resource.hostsApart !== true) return resource;
  const entry = view.kinds.route.entries.get(resource.name);
  const isUnsure = entry?.inForce === undefined || entry.unsure === true;
  return isUnsure ? { ...resource, version: resource.version + UNSURE } : resource;
}

/** Takes what a client says on a new stream of the version of a table; gives the version without what we added. */
export function claimedTable(entry: Entry, version: string): string {
  if (!version.endsWith(UNSURE)) return version;
  entry.unsure = true;
  return version.slice(0, -UNSURE.length);
}

/** Whether a virtual host that a client claims to have has to be sent again. */
export function isUnsureHost(view: View, name: string): boolean {
  return view.kinds.route.entries.get(tableOfHost(name))?.unsure === true;
}

/** Has tables sent in their proper version once nothing of their hosts is under way. */
export function settleTables(view: View): void {
  const { route, virtualHost } = view.kinds;
  if (!virtualHost.subscribed) return;
  for (const name of view.tables.keys()) {
    const entry = route.entries.get(name);
    if (entry?.unsure !== true || isUnderWay(view, name)) continue;
    entry.unsure = false;
    entry.again = true;
    markPending(route, name, Number.MAX_SAFE_INTEGER, 0);
  }
}

function isUnderWay(view: View, table: string): boolean {
  const { pending, inFlight } = view.kinds.virtualHost;
  const lists = [pending, ...inFlight.map(({ items }) => items)];
  return lists.some((list) => [...list.keys()].some((name) => tableOfHost(name) === table));
}

/** What can be done about a virtual host, by its table. */
export type TableState =
  /** The client has the table. */
  | "in force"
  /** The client has asked for it. */
  | "awaited"
  /** The client does not want it (yet). */
  | "unwanted";

/**
 * The state of the table that a virtual host belongs to. To be asked once the client has asked for virtual hosts: by
 * then it has said which tables it wants, on a new stream, too.
 */
export function tableState(view: View, host: string): TableState {
  const { route } = view.kinds;
  const table = tableOfHost(host);
  if (view.tables.has(table)) return "in force";
  return isWanted(route, table) ? "awaited" : "unwanted";
}

/** Notes which tables the client has gained or lost; to be called after its requests about route tables. */
export function followTables(view: View, now: number): void {
  const { route } = view.kinds;
  for (const name of view.tables.keys()) {
    if (route.entries.get(name)?.inForce === undefined) view.tables.delete(name);
  }
  for (const [name, { inForce, heldSince = 0 }] of route.entries) {
    if (inForce === undefined || view.tables.get(name) === heldSince) continue;
    view.tables.set(name, heldSince);
    if (heldSince > 0) sendHosts(view, name, now);
  }
}

/** Has all hosts of a table sent, those that the client seems to have as well: it has lost them with the table. */
function sendHosts(view: View, table: string, now: number): void {
  const { virtualHost: kind } = view.kinds;
  if (!kind.subscribed) return;
  for (const [name, entry] of kind.entries) {
    if (tableOfHost(name) !== table) continue;
    entry.again = true;
    markPending(kind, name, 0, now);
  }
  for (const name of view.table.names("virtualHost"))
    if (tableOfHost(name) === table) markPending(kind, name, 0, now);
}
