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

/** A Service's virtual host: as all see it, and as its own namespace does. */
interface Host {
  readonly namespace: string;
  readonly everywhere: Part;
  readonly atHome: Part;
}

/** The rules of a port; without any of its own all requests go to its backends. */
export function rulesOf(service: MeshService, { rules, destination }: MeshPort): readonly RouteRule[] {
  if (rules !== undefined) return rules;
  return [
    {
      name: "default",
      match: {},
      action: {
        kind: "forward",
        forward: { shares: [{ weight: 1, destination }] },
        http: { mirrors: [] },
      },
      origin: { kind: "Service", key: service.key },
    },
  ];
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
  put(service: MeshService, rules: readonly RouteRule[]): void {
    const [namespace = "", name = ""] = service.key.split("/");
    const host = { hostname: `${name}.${namespace}`, rules };
    const domains = [...new Set([...service.hostnames, ...addressDomains(service)])];
    const far = domains.filter((domain) => domain !== name);
    const everywhere = encodeHost(host, far);
    const atHome = far.length === domains.length ? everywhere : encodeHost(host, domains);
    this.#hosts.set(service.key, { namespace, everywhere, atHome });
    this.revision++;
  }

  /** Takes out a Service. */
  delete(service: string): void {
    if (this.#hosts.delete(service)) this.revision++;
  }

  /** Whether a namespace sees the table otherwise than others. */
  isHomeOf(namespace: string): boolean {
    for (const host of this.#hosts.values()) if (host.namespace === namespace) return true;
    return false;
  }

  /** The table as the sidecars of a namespace have it. */
  encode(port: number, namespace: string, unknown: UnknownOutbound): Part {
    const hosts = [...this.#hosts.values()];
    return joinParts(
      tableHead(String(port), unknown),
      hosts.map((host) => (host.namespace === namespace ? host.atHome : host.everywhere)),
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
export function ownTable(name: string, service: MeshService, rules: readonly RouteRule[]): Part {
  const host = { hostname: service.key, rules };
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
