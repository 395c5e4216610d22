/** The layer of route tables. */
import type { EncodedTable } from "../desired/routes.ts";
import type { Layer } from "./layer.ts";
import type { Dirty, Outbound } from "./outbound.ts";
import type { UnknownOutbound } from "./outbound-listener.ts";

/** What route tables depend on: the caller's namespace, and what becomes of hosts that nobody knows. */
export interface OfTables {
  readonly namespace: string;
  readonly unknown: UnknownOutbound;
}

/** Brings route tables up to date. */
export function putTables(
  layer: Layer,
  { namespace, unknown }: OfTables,
  outbound: Outbound,
  dirty: Dirty,
): void {
  for (const number of dirty.ports) {
    const port = outbound.ports.get(number);
    if (port === undefined) layer.delete("route", String(number));
    else {
      layer.put("route", {
        name: String(number),
        from: [port, port.revision],
        make: () => knownOnly(port.encode(namespace, unknown), outbound),
      });
    }
  }
}

function knownOnly(table: EncodedTable, { destinations, directs }: Outbound) {
  const needsClusters = table.clusters.filter((name) => destinations.has(name) || directs.has(name));
  return {
    bytes: table.bytes,
    version: table.version,
    needsClusters,
    get origins() {
      return table.origins;
    },
  };
}
