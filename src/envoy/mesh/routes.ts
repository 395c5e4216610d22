/**
 * Route tables of sidecars: one per port number on which some Service speaks HTTP, or may. Each Service is a virtual host,
 * found by the address that a request was sent to, of either family, whatever host it names: GAMMA's routes belong to
 * Services, and an application may keep the host that its own caller named. What has no address of its own (ExternalName,
 * headless) is found by names, of which the short one is known in its own namespace alone.
 */
import { canonicalAddress } from "../../ip/address.ts";
import type { RouteRule } from "../../traffic/gateway/model.ts";
import type { MeshPort, MeshService } from "../../traffic/mesh/model.ts";
import { encodeHost, type EncodedTable, joinParts, type Part } from "../desired/routes.ts";
import { encode } from "../proto/index.ts";
import { CLUSTERS, DESTINATION_HEADER } from "./names.ts";
import { TO_POD } from "./subsets.ts";
import type { UnknownOutbound } from "./outbound-listener.ts";

const TABLE = "envoy.config.route.v3.RouteConfiguration";

/** A Service with one of its ports. */
export interface ServicePort {
  readonly service: MeshService;
  readonly port: MeshPort;
}

/**
 * A Service's virtual host: as all see it, and as some namespaces do: those with routes of their own, and for what is found
 * by names its own. Each is encoded when a sidecar is there that wants it.
 */
class Host {
  /** The ends of what is looked for, by address. */
  readonly addresses: readonly string[];
  readonly #of: ServicePort;
  readonly #port: number;
  readonly #parts = new Map<string | undefined, Part>();

  constructor(of: ServicePort, port: number) {
    this.#of = of;
    this.#port = port;
    this.addresses = addressesOf(of.service);
  }

  /** Whether a namespace sees it as others do not. */
  isSpecialIn(namespace: string): boolean {
    const shortName = this.addresses.length === 0 && namespace === this.#home;
    return shortName || this.#of.port.consumerRules?.[namespace] !== undefined;
  }

  in(namespace: string | undefined): Part {
    const view = namespace !== undefined && this.isSpecialIn(namespace) ? namespace : undefined;
    let part = this.#parts.get(view);
    if (part === undefined) {
      part = this.#encode(view);
      this.#parts.set(view, part);
    }
    return part;
  }

  get #home(): string {
    return namespaceOf(this.#of.service);
  }

  #encode(namespace: string | undefined): Part {
    const { service } = this.#of;
    const [home = "", name = ""] = service.key.split("/");
    const names = service.hostnames.filter((hostname) => hostname !== name || namespace === home);
    const domains =
      this.addresses.length > 0
        ? this.addresses.map((address) => `*|${address}`)
        : names.flatMap((hostname) => [`${hostname}|*`, `${hostname}:${this.#port}|*`]);
    const rules = rulesOf(this.#of, namespace);
    return encodeHost({ hostname: `${name}.${home}`, rules: rules ?? [toBackends(this.#of)] }, domains, {
      ...(rules === undefined && service.kind === "headless" && { typed_per_filter_config: TO_POD }),
    });
  }
}

/** As Envoy writes them, without brackets. */
function addressesOf({ addresses, kind }: MeshService): string[] {
  if (kind !== "virtual") return [];
  return Object.values(addresses).map((address: string) => canonicalAddress(address) ?? address);
}

/**
 * Those of which no address is another's: of several that have one the first is kept. That is never so in a cluster that
 * is well, and Envoy would refuse the whole for it.
 */
export function withoutRivals<T>(all: Iterable<T>, addressesOf: (one: T) => readonly string[]): T[] {
  const taken = new Set<string>();
  return [...all].filter((one) => {
    const addresses = addressesOf(one);
    if (addresses.some((address) => taken.has(address))) return false;
    for (const address of addresses) taken.add(address);
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

  /** Takes in a Service's port. */
  put(of: ServicePort): void {
    this.#hosts.set(of.service.key, new Host(of, this.#port));
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
    const hosts = withoutRivals(this.#hosts.values(), (host) => host.addresses);
    return joinParts(
      tableHead(String(this.#port), unknown),
      hosts.map((host) => host.in(namespace)),
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
