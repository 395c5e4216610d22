/**
 * The virtual hosts of route tables: each is a resource of its own, so that a changed route costs its host. What is not
 * changed is found by identity.
 */
import type { RouteTable, VirtualHost } from "../../traffic/gateway/model.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { type Resource, type ResourceChange, TYPE_URLS, virtualHostName } from "../resources.ts";
import { ResourceSet, type Wanted } from "./resource-set.ts";
import { type HostEncoder, misdirectedHost } from "./routes.ts";

/** A host of each table without any, that nobody can ask for: a listener waits for the first host of its table. */
const NOBODY = "-";

/** A table as it was taken in last. */
interface Known {
  readonly table: RouteTable;
  /** Its hosts by hostname. */
  readonly hosts: Map<string, VirtualHost>;
}

/** The virtual hosts of all tables of a proxy. */
export class VirtualHostSet {
  readonly #encoder: HostEncoder;
  readonly #set = new ResourceSet("virtualHost");
  readonly #tables = new Map<string, Known>();

  constructor(encoder: HostEncoder) {
    this.#encoder = encoder;
  }

  /** Takes in all tables; adds what changes. `hasCluster` tells which of the clusters that routes name there are. */
  replace(
    tables: ReadonlyMap<string, RouteTable>,
    hasCluster: (name: string) => boolean,
    changes: ResourceChange[],
  ): void {
    for (const [name, known] of this.#tables) {
      if (tables.has(name)) continue;
      for (const hostname of hostnamesOf(known)) this.#set.delete(virtualHostName(name, hostname), changes);
      this.#tables.delete(name);
    }
    for (const [name, table] of tables) {
      const known = this.#tables.get(name);
      if (known?.table === table) continue;
      const hosts = known?.hosts ?? new Map<string, VirtualHost>();
      const touched = takeIn(hosts, known?.table, table);
      this.#tables.set(name, { table, hosts });
      for (const hostname of touched) this.#update({ table, hosts }, hostname, hasCluster, changes);
    }
  }

  /** All of them. */
  all(): Resource[] {
    return this.#set.all();
  }

  #update(
    { table: { name, misdirected = [] }, hosts }: Known,
    hostname: string,
    hasCluster: (name: string) => boolean,
    changes: ResourceChange[],
  ): void {
    const host = hosts.get(hostname);
    const resource = virtualHostName(name, hostname);
    if (host !== undefined) this.#set.put(this.#own(resource, name, host, hasCluster), changes);
    else if (misdirected.includes(hostname))
      this.#set.put(fixed(resource, "421", misdirectedHost(name, hostname)), changes);
    else if (hostname === NOBODY && hosts.size === 0 && misdirected.length === 0)
      this.#set.put(fixed(resource, "nobody", { name: resource, domains: [NOBODY] }), changes);
    else this.#set.delete(resource, changes);
  }

  #own(name: string, table: string, host: VirtualHost, hasCluster: (name: string) => boolean): Wanted {
    return {
      name,
      from: [host],
      make: () => {
        const part = this.#encoder.encode(table, host);
        return {
          bytes: part.bytes,
          needsClusters: part.clusters.filter(hasCluster),
          needsParts: part.filterParts,
          get origins() {
            return part.origins;
          },
        };
      },
    };
  }
}

function fixed(name: string, what: string, json: JsonObject): Wanted {
  return { name, from: [what], make: () => ({ bytes: encode(TYPE_URLS.virtualHost, json) }) };
}

function hostnamesOf({ table: { misdirected = [] }, hosts }: Known): string[] {
  return [...hosts.keys(), ...misdirected, NOBODY];
}

/**
 * Brings the hosts of a table up to date, and gives the hostnames that may have changed. Both lists are walked once side by
 * side: hosts that stay are passed over, wherever others come, go or change.
 */
function takeIn(
  hosts: Map<string, VirtualHost>,
  before: RouteTable | undefined,
  now: RouteTable,
): ReadonlySet<string> {
  const { gone, come } = differences(before?.hosts ?? [], now.hosts, hosts);
  for (const { hostname } of gone) hosts.delete(hostname);
  for (const host of come) hosts.set(host.hostname, host);
  const names = [...gone, ...come].map(({ hostname }) => hostname);
  return new Set([...names, NOBODY, ...(before?.misdirected ?? []), ...(now.misdirected ?? [])]);
}

/** What of one list is not in the other. `known` are those of the first; one in another place counts as gone and come. */
function differences(
  old: readonly VirtualHost[],
  now: readonly VirtualHost[],
  known: ReadonlyMap<string, VirtualHost>,
): { readonly gone: readonly VirtualHost[]; readonly come: readonly VirtualHost[] } {
  const gone: VirtualHost[] = [];
  const come: VirtualHost[] = [];
  let at = 0;
  for (const host of now) {
    if (old[at] !== host && known.get(host.hostname) === host)
      for (let was = old[at]; was !== undefined && was !== host; was = old[++at]) gone.push(was);
    if (old[at] === host) at++;
    else come.push(host);
  }
  return { gone: [...gone, ...old.slice(at)], come };
}
