/**
 * Route tables of sidecars: one per port number on which some Service speaks HTTP. Each Service is a virtual host with
 * its names and its addresses of both families. Only its short name is known in its own namespace alone; so tables
 * are the same for all sidecars but for those of namespaces with Services on that port.
 */
import type { RouteRule } from "../../traffic/gateway/model.ts";
import type { MeshPort, MeshService } from "../../traffic/mesh/model.ts";
import { encodeHost, joinParts, type Part } from "../desired/routes.ts";
import { encode } from "../proto/index.ts";
import { CLUSTERS } from "./names.ts";
import type { UnknownOutbound } from "./outbound-listener.ts";

const TABLE = "envoy.config.route.v3.RouteConfiguration";

/** A Service with one of its ports. */
export interface ServicePort {
  readonly service: MeshService;
  readonly port: MeshPort;
}

/**
 * A Service's virtual host: as all see it, and as some namespaces do: its own, and those with routes of their own. Each
 * is encoded when a sidecar is there that wants it.
 */
class Host {
  readonly #of: ServicePort;
  readonly #parts = new Map<string | undefined, Part>();

  constructor(of: ServicePort) {
    this.#of = of;
  }

  in(namespace: string): Part {
    const special = namespace === this.#home || this.#of.port.consumerRules?.[namespace] !== undefined;
    const view = special ? namespace : undefined;
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
    const all = [...new Set([...service.hostnames, ...addressDomains(service)])];
    const domains = namespace === home ? all : all.filter((domain) => domain !== name);
    return encodeHost({ hostname: `${name}.${home}`, rules: rulesOf(this.#of, namespace) }, domains);
  }
}

function namespaceOf({ key }: MeshService): string {
  return key.slice(0, key.indexOf("/"));
}

/** The rules for callers of a namespace; without any all requests go to the port's backends. */
function rulesOf({ service, port }: ServicePort, namespace?: string): readonly RouteRule[] {
  const own = namespace === undefined ? undefined : port.consumerRules?.[namespace];
  return own ?? port.rules ?? [toBackends(service, port)];
}

function toBackends({ key }: MeshService, { destination }: MeshPort): RouteRule {
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
  /** How often it was changed. */
  revision = 0;

  get isEmpty(): boolean {
    return this.#hosts.size === 0;
  }

  /** Takes in a Service's port. */
  put(of: ServicePort): void {
    this.#hosts.set(of.service.key, new Host(of));
    this.revision++;
  }

  /** Takes out a Service. */
  delete(service: string): void {
    if (this.#hosts.delete(service)) this.revision++;
  }

  /** The table as the sidecars of a namespace have it. */
  encode(port: number, namespace: string, unknown: UnknownOutbound): Part {
    const hosts = [...this.#hosts.values()];
    return joinParts(
      tableHead(String(port), unknown),
      hosts.map((host) => host.in(namespace)),
    );
  }
}

/** As they stand in a URL: those of IPv6 in brackets. */
function addressDomains({ addresses, kind }: MeshService): string[] {
  if (kind !== "virtual") return [];
  return Object.values(addresses).map((address: string) =>
    address.includes(":") ? `[${address}]` : address,
  );
}

/** The table of a Service whose port is told by its address, whatever host a request names. */
export function ownTable(name: string, of: ServicePort, namespace: string): Part {
  const host = { hostname: of.service.key, rules: rulesOf(of, namespace) };
  return joinParts(encode(TABLE, { name }), [encodeHost(host, ["*"])]);
}

function tableHead(name: string, unknown: UnknownOutbound): Uint8Array {
  return encode(TABLE, {
    name,
    ignore_port_in_host_matching: true,
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
