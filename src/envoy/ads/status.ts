import type { Family } from "../../ip/family.ts";
import { type PerKind, perKind } from "./table.ts";
import type { KindView, View } from "./view.ts";

/** A connected client, as `proxy-status` shows it. */
export interface StreamStatus {
  readonly node: string;
  readonly userAgent: string;
  readonly protocol: "delta" | "sotw";
  /** Where it comes from: an address with port, or the unix socket. */
  readonly peer: string;
  /** The family of its connection; undefined over a unix socket. */
  readonly family?: Family;
  /** Unix milliseconds. */
  readonly connectedAt: number;
  readonly kinds: PerKind<KindStatus>;
}

/** One kind of resource on one stream. */
export interface KindStatus {
  readonly state: "not asked for" | "synced" | "pending" | "refused";
  /** Resources in the table of the proxy; in force in the client; sent and not answered; held back for clusters. */
  readonly wanted: number;
  readonly inForce: number;
  readonly inFlight: number;
  readonly held: number;
  readonly refused: readonly RefusedStatus[];
}

/** A version that the client refused. */
export interface RefusedStatus {
  readonly name: string;
  readonly version: string;
  readonly message: string;
  readonly inForce?: string;
}

/** The status of each kind on a stream. */
export function kindStatuses(view: View): PerKind<KindStatus> {
  return perKind((name) => kindStatus(view, view.kinds[name]));
}

function kindStatus(view: View, kind: KindView): KindStatus {
  let inForce = 0;
  for (const entry of kind.entries.values()) if (entry.inForce !== undefined) inForce++;
  const refused = [...kind.rejected].flatMap((name) => {
    const entry = kind.entries.get(name);
    if (entry?.rejected === undefined) return [];
    return [{ name, ...entry.rejected, ...(entry.inForce && { inForce: entry.inForce.version }) }];
  });
  return {
    state: stateOf(kind),
    wanted: view.table.count(kind.kind),
    inForce,
    inFlight: kind.inFlight.reduce((sum, { items }) => sum + items.size, 0),
    held: kind.held.size,
    refused,
  };
}

function stateOf(kind: KindView): KindStatus["state"] {
  if (!kind.subscribed) return "not asked for";
  if (kind.rejected.size > 0) return "refused";
  return kind.pending.size > 0 || kind.inFlight.length > 0 || kind.answerOwed ? "pending" : "synced";
}
