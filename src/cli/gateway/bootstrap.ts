/** How the Envoy of a Gateway is started in its pod: arguments, and the configuration that it has before xDS. Pure. */
import {
  type InfrastructureRequest,
  type ProxyContainer,
  XDS_CERTIFICATE_FOLDER,
} from "../../controllers/gateway/index.ts";
import { familyOfText } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";

/** The ports of every proxy beside those of its listeners. */
export const PROXY_PORTS = { admin: 19000, stats: 19001, ready: 19003 } as const;

/** The Envoy that Tandem is made for. */
const ENVOY_IMAGE = "docker.io/envoyproxy/envoy:v1.40.0";

export interface XdsAccess {
  /** Addresses or names by which proxies reach the control plane. */
  readonly advertise: readonly string[];
  readonly port: number;
  /** What its certificate has to say that it is. */
  readonly identity: string;
}

/** The file of the Secret with the proxy's certificate that Envoy reads first; it names the others. */
export const CERTIFICATE_FILE = "sds.json";

/**
 * What {@link CERTIFICATE_FILE} says: by going through a file of this form, Envoy takes in certificates that are made
 * anew while it runs. Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/security/secret.
 */
export function certificateFile(): string {
  const file = (name: string) => ({ filename: `${XDS_CERTIFICATE_FOLDER}/${name}` });
  const secret = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    name: "xds",
    tls_certificate: {
      certificate_chain: file("tls.crt"),
      private_key: file("tls.key"),
      watched_directory: { path: XDS_CERTIFICATE_FOLDER },
    },
  };
  return JSON.stringify({ resources: [secret] });
}

/** The container of a Gateway's proxy. */
export function proxyContainer(
  { gateway, parameters }: InfrastructureRequest,
  families: readonly Family[],
  xds: XdsAccess,
): ProxyContainer {
  const { concurrency, logLevel = "warn" } = parameters?.envoy ?? {};
  const { name, namespace = "default" } = gateway.metadata;
  const args = ["--config-yaml", JSON.stringify(bootstrap(`${namespace}/${name}`, families, xds))];
  args.push("--log-level", logLevel, "--disable-hot-restart", "--drain-time-s", "60");
  if (concurrency !== undefined) args.push("--concurrency", String(concurrency));
  return {
    image: ENVOY_IMAGE,
    command: ["envoy"],
    args,
    readyPort: PROXY_PORTS.ready,
    statsPort: PROXY_PORTS.stats,
  };
}

/** Without a time limit: a proxy that has no configuration yet is not ready, however long that takes. */
const ADS = { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" };

/** Health and stats follow the same rule as everything else: one listener, an address of each family. */
function bootstrap(gateway: string, families: readonly Family[], xds: XdsAccess): object {
  const admin = { address: LOOPBACK[families[0] ?? "IPv4"], port_value: PROXY_PORTS.admin };
  return {
    node: {
      id: `$(POD_NAME).${gateway.split("/")[0]}`,
      cluster: gateway,
      metadata: { podIPs: "$(POD_IPS)" },
    },
    admin: { address: { socket_address: admin } },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "tandem-xds" } }],
      },
      lds_config: ADS,
      cds_config: ADS,
    },
    static_resources: {
      listeners: [
        adminListener("tandem-ready", PROXY_PORTS.ready, ["/ready"], families),
        adminListener("tandem-stats", PROXY_PORTS.stats, ["/stats/prometheus", "/stats"], families),
      ],
      clusters: [adminCluster(admin), xdsCluster(xds)],
    },
  };
}

const LOOPBACK: Readonly<Record<Family, string>> = { IPv4: "127.0.0.1", IPv6: "::1" };
const WILDCARD: Readonly<Record<Family, string>> = { IPv4: "0.0.0.0", IPv6: "::" };

/** Lets some paths of the admin interface be asked for from other machines. */
function adminListener(
  name: string,
  port: number,
  paths: readonly string[],
  families: readonly Family[],
): object {
  const [first, ...others] = families.map((family) => ({
    socket_address: { address: WILDCARD[family], port_value: port },
  }));
  const routes = paths.map((path) => ({ match: { path }, route: { cluster: "tandem-admin" } }));
  return {
    name,
    address: first,
    ...(others.length > 0 && { additional_addresses: others.map((address) => ({ address })) }),
    // readiness must still be told when connections are limited
    ignore_global_conn_limit: true,
    filter_chains: [{ filters: [httpFilter(name, routes)] }],
  };
}

function httpFilter(name: string, routes: readonly object[]): object {
  const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type":
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      stat_prefix: name,
      normalize_path: true,
      http_filters: [{ name: "envoy.filters.http.router", typed_config: { "@type": router } }],
      route_config: { name, virtual_hosts: [{ name, domains: ["*"], routes }] },
    },
  };
}

function adminCluster(admin: object): object {
  return {
    name: "tandem-admin",
    type: "STATIC",
    load_assignment: {
      cluster_name: "tandem-admin",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: admin } } }] }],
    },
  };
}

/** The control plane: one host with an address of each family, or names. */
function xdsCluster({ advertise, port, identity }: XdsAccess): object {
  const addresses = advertise.filter((text) => familyOfText(text) !== undefined);
  const names = advertise.filter((text) => !addresses.includes(text));
  const at = (address: string) => ({ socket_address: { address, port_value: port } });
  const [first = "", ...others] = addresses;
  const host = {
    address: at(first),
    ...(others.length > 0 && { additional_addresses: others.map((each) => ({ address: at(each) })) }),
  };
  const endpoints = names.length > 0 ? names.map((name) => ({ address: at(name) })) : [host];
  return {
    name: "tandem-xds",
    type: names.length > 0 ? "STRICT_DNS" : "STATIC",
    ...(names.length > 0 && { dns_lookup_family: "ALL" }),
    connect_timeout: "5s",
    load_assignment: {
      cluster_name: "tandem-xds",
      endpoints: [{ lb_endpoints: endpoints.map((endpoint) => ({ endpoint })) }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "10s" } },
        },
      },
    },
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: tlsContext(identity),
    },
  };
}

function tlsContext(identity: string): object {
  const watched = { watched_directory: { path: XDS_CERTIFICATE_FOLDER } };
  return {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    common_tls_context: {
      // as a client Envoy offers TLS 1.2 at most unless told
      tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
      tls_certificate_sds_secret_configs: [
        {
          name: "xds",
          sds_config: {
            path_config_source: { path: `${XDS_CERTIFICATE_FOLDER}/${CERTIFICATE_FILE}`, ...watched },
            resource_api_version: "V3",
          },
        },
      ],
      validation_context: {
        trusted_ca: { filename: `${XDS_CERTIFICATE_FOLDER}/ca.crt` },
        match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: identity } }],
      },
    },
  };
}
