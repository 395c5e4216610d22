/** The control plane as Envoy reaches it: one host with an address of each family, a name, or a unix socket. Pure. */
import { familyOfText } from "../../ip/address.ts";
import type { JsonObject } from "../proto/index.ts";

/** Where the xDS server is, and how each side knows the other. */
export type XdsServer =
  | { readonly path: string }
  | {
      /** Addresses of one host, the preferred one first, or DNS names. */
      readonly hosts: readonly string[];
      readonly port: number;
      readonly tls: XdsTls;
    };

/** Files of this Envoy's certificate. They may be made anew while it runs: the folder is watched. */
export interface XdsTls {
  /** Holds `ca.crt`, and the certificate's own files. */
  readonly folder: string;
  /** The name of a file in the folder with what {@link certificateSource} says. */
  readonly sourceFile: string;
  /** The URI that the server's certificate must be for. */
  readonly identity: string;
  /** A file with what {@link authoritiesSource} says, where authorities may change while Envoy runs. */
  readonly authoritiesFile?: string;
}

/** A file for Envoy's SDS from files. Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/security/secret. */
export function certificateSource(folder: string): JsonObject {
  const file = (name: string) => ({ filename: `${folder}/${name}` });
  const secret = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    name: "xds",
    tls_certificate: {
      certificate_chain: file("tls.crt"),
      private_key: file("tls.key"),
      watched_directory: { path: folder },
    },
  };
  return { resources: [secret] };
}

/** The same for `ca.crt`: a file of its own, as Envoy takes one secret from each. */
export function authoritiesSource(folder: string): JsonObject {
  const secret = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    name: "xds-ca",
    validation_context: {
      trusted_ca: { filename: `${folder}/ca.crt` },
      watched_directory: { path: folder },
    },
  };
  return { resources: [secret] };
}

/** The cluster `tandem-xds`. */
export function xdsCluster(server: XdsServer): JsonObject {
  const isName = (text: string) => familyOfText(text) === undefined;
  const named = !("path" in server) && server.hosts.some(isName);
  return {
    name: "tandem-xds",
    type: named ? "STRICT_DNS" : "STATIC",
    ...(named && { dns_lookup_family: "ALL" }),
    connect_timeout: "5s",
    load_assignment: {
      cluster_name: "tandem-xds",
      endpoints: [{ lb_endpoints: endpointsOf(server, named).map((endpoint) => ({ endpoint })) }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        // a control plane that is gone without a word is noticed, and the next one asked
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "10s" } },
        },
      },
    },
    ...(!("path" in server) && { transport_socket: tlsSocket(server.tls) }),
  };
}

function endpointsOf(server: XdsServer, named: boolean): JsonObject[] {
  if ("path" in server) return [{ address: { pipe: { path: server.path } } }];
  const at = (address: string) => ({ socket_address: { address, port_value: server.port } });
  if (named) return server.hosts.map((name) => ({ address: at(name) }));
  const [first = "", ...others] = server.hosts;
  return [
    {
      address: at(first),
      ...(others.length > 0 && { additional_addresses: others.map((each) => ({ address: at(each) })) }),
    },
  ];
}

function tlsSocket({ folder, sourceFile, identity, authoritiesFile }: XdsTls): JsonObject {
  const names = { match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: identity } }] };
  const source = (file: string) => ({
    path_config_source: { path: `${folder}/${file}`, watched_directory: { path: folder } },
    resource_api_version: "V3",
  });
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      common_tls_context: {
        // as a client Envoy offers TLS 1.2 at most unless told
        tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
        tls_certificate_sds_secret_configs: [
          {
            name: "xds",
            sds_config: source(sourceFile),
          },
        ],
        ...(authoritiesFile === undefined
          ? { validation_context: { trusted_ca: { filename: `${folder}/ca.crt` }, ...names } }
          : {
              combined_validation_context: {
                default_validation_context: names,
                validation_context_sds_secret_config: { name: "xds-ca", sds_config: source(authoritiesFile) },
              },
            }),
      },
    },
  };
}
