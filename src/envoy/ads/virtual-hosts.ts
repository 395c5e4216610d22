import { tableOfHost } from "../resources.ts";
import { isWanted, markPending, type View } from "./view.ts";

/*
 * Virtual hosts (VHDS, delta only). Envoy asks for all of them at once, when it gets the first route table that says
 * `vhds`, and never again; those of tables that it does not have it throws away, but counts them as had after a
 * reconnect. So the hosts of a table are sent once the table is in force, anew whenever it has come back, and taken away
 * after Envoy has given it up. A listener warms until the first response with hosts of its table.
 */

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
