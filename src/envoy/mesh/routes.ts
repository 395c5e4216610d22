/**
 * Route tables of sidecars: one per port number on which some Service speaks HTTP, or may. Each Service is a virtual host,
 * found by the address that a request was sent to, of either family, whatever host it names: GAMMA's routes belong to
 * Services, and an application may keep the host that its own caller named. What has no address of its own (ExternalName,
 * headless) is found by names, of which the short one is known in its own namespace alone.
 */
import { canonicalAddress } from "../../ip/address.ts";
import type { RouteRule, VirtualHost } from "../../traffic/gateway/model.ts";
import type { MeshPort, MeshService } from "../../traffic/mesh/model.ts";
import { encodeHost, type EncodedTable, joinParts, type Part } from "../desired/routes.ts";
import { encode, type JsonObject } from "../proto/index.ts";
import { CLUSTERS, DESTINATION_HEADER } from "./names.ts";
import { TO_POD } from "./subsets.ts";
import type { UnknownOutbound } from "./outbound-listener.ts";

const TABLE = "envoy.config.route.v3.RouteConfiguration";

/** A Service with one of its ports. */
export interface ServicePort {
  readonly service: MeshService;
  readonly port: MeshPort;
}

/** An encoded virtual host, with the ends or beginnings of what finds it. */
interface Found extends Part {
  readonly domains: readonly string[];
}

/** What a Service has in a table; its pods are there where they have names of their own. */
interface Hosts {
  readonly service: Found;
  readonly pods?: Found;
}

/**
 * A Service's virtual hosts: as all see them, and as some namespaces do: those with routes of their own, and for what is
 * found by names its own. Each is encoded when a sidecar is there that wants it.
 */
class Host {
  readonly #addresses: readonly string[];
  readonly #of: ServicePort;
  readonly #pods: readonly string[];
  readonly #port: number;
  readonly #views = new Map<string | undefined, Hosts>();

  constructor(of: ServicePort, pods: readonly string[], port: number) {
    this.#of = of;
    this.#pods = pods;
    this.#port = port;
    this.#addresses = addressesOf(of.service);
  }

  /** Whether a namespace sees it as others do not. */
  isSpecialIn(namespace: string): boolean {
    const shortName = this.#addresses.length === 0 && namespace === namespaceOf(this.#of.service);
    return shortName || this.#of.port.consumerRules?.[namespace] !== undefined;
  }

  in(namespace: string | undefined): Hosts {
    const view = namespace !== undefined && this.isSpecialIn(namespace) ? namespace : undefined;
    let hosts = this.#views.get(view);
    if (hosts === undefined) {
      hosts = this.#encode(view);
      this.#views.set(view, hosts);
    }
    return hosts;
  }

  #encode(namespace: string | undefined): Hosts {
    const { service } = this.#of;
    const [home = "", name = ""] = service.key.split("/");
    const hostname = `${name}.${home}`;
    const names = service.hostnames.filter((one) => one !== name || namespace === home);
    const byAddress = this.#addresses.map((address) => `*|${address}`);
    const domains = byAddress.length > 0 ? byAddress : this.#byName(names);
    const pods = this.#byName(this.#pods.flatMap((pod) => names.map((one) => `${pod}.${one}`)));
    const rules = rulesOf(this.#of, namespace);
    return {
      service: rules ? found({ hostname, rules }, domains) : this.#toBackends(hostname, domains),
      // Routes are a Service's: a pod that is called by its own name is reached as if there were none.
      ...(pods.length > 0 && { pods: this.#toBackends(`*.${hostname}`, pods) }),
    };
  }

  #toBackends(hostname: string, domains: readonly string[]): Found {
    const isHeadless = this.#of.service.kind === "headless";
    const more = isHeadless ? { typed_per_filter_config: TO_POD } : {};
    return found({ hostname, rules: [toBackends(this.#of)] }, domains, more);
  }

  #byName(hostnames: readonly string[]): string[] {
    return hostnames.flatMap((hostname) => [`${hostname}|*`, `${hostname}:${this.#port}|*`]);
  }
}

function found(host: VirtualHost, domains: readonly string[], more: JsonObject = {}): Found {
  return { ...encodeHost(host, domains, more), domains };
}

/** As Envoy writes them, without brackets. */
function addressesOf({ addresses, kind }: MeshService): string[] {
  if (kind !== "virtual") return [];
  return Object.values(addresses).map((address: string) => canonicalAddress(address) ?? address);
}

/**
 * Those of which no address or name is another's: of several that have one the first is kept. That is hardly ever so (two
 * Services with one address; a pod `a.b` and a Service `a` in the namespace `b`), and Envoy would refuse the whole for it.
 */
export function withoutRivals<T>(all: Iterable<T>, keysOf: (one: T) => readonly string[]): T[] {
  const taken = new Set<string>();
  return [...all].filter((one) => {
    const keys = keysOf(one);
    if (keys.some((key) => taken.has(key))) return false;
    for (const key of keys) taken.add(key);
    return true;
  });
}

function namespaceOf({ key }: MeshService): string {
  return key.slice(0, key.indexOf("/"));
}

/** The rules for callers of a namespace. */
function rulesOf({ port }: ServicePort, namespace?: string): readonly RouteRule[] | undefined {
  const own = namespace === undefined ? undefined : port.consumerRules?.[namespace];
  return own ?? port.rules;
}

/** Without any rules all requests go to the port's backends; of a headless Service to the very pod. */
function toBackends({ service: { key }, port: { destination } }: ServicePort): RouteRule {
  return {
    name: "default",
    match: {},
    action: {
      kind: "forward",
      forward: { shares: [{ weight: 1, destination }] },
      http: { mirrors: [] },
    },
    origin: { kind: "Service", key },
  };
}

/** The virtual hosts of one port number. */
export class HttpPort {
  readonly #hosts = new Map<string, Host>();
  readonly #port: number;
  /** What all namespaces have in which nothing is special, until the next change. */
  readonly #common = new Map<UnknownOutbound, EncodedTable>();
  /** How often it was changed. */
  revision = 0;

  constructor(port: number) {
    this.#port = port;
  }

  get isEmpty(): boolean {
    return this.#hosts.size === 0;
  }

  /** Takes in a Service's port; `pods`: names of single pods before those of the Service. */
  put(of: ServicePort, pods: readonly string[]): void {
    this.#hosts.set(of.service.key, new Host(of, pods, this.#port));
    this.#changed();
  }

  /** Takes out a Service. */
  delete(service: string): void {
    if (this.#hosts.delete(service)) this.#changed();
  }

  /** The table as the sidecars of a namespace have it. */
  encode(namespace: string, unknown: UnknownOutbound): EncodedTable {
    const isSpecial = [...this.#hosts.values()].some((host) => host.isSpecialIn(namespace));
    if (isSpecial) return this.#encode(namespace, unknown);
    let table = this.#common.get(unknown);
    if (table === undefined) {
      table = this.#encode(undefined, unknown);
      this.#common.set(unknown, table);
    }
    return table;
  }

  #encode(namespace: string | undefined, unknown: UnknownOutbound): EncodedTable {
    const hosts = [...this.#hosts.values()].map((host) => host.in(namespace));
    const found = [...hosts.map(({ service }) => service), ...hosts.flatMap(({ pods }) => pods ?? [])];
    return joinParts(
      tableHead(String(this.#port), unknown),
      withoutRivals(found, ({ domains }) => domains),
    );
  }

  #changed(): void {
    this.revision++;
    this.#common.clear();
  }
}

function tableHead(name: string, unknown: UnknownOutbound): Uint8Array {
  return encode(TABLE, {
    name,
    vhost_header: DESTINATION_HEADER,
    request_headers_to_remove: [DESTINATION_HEADER],
    virtual_hosts: [
      unknown === "passthrough"
        ? {
            name: "allow_any",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, route: { cluster: CLUSTERS.passthrough, timeout: "0s" } }],
          }
        : {
            name: "block_all",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, direct_response: { status: 502 } }],
          },
    ],
  });
}
