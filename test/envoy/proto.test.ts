import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, toBinary } from "@bufbuild/protobuf";
import {
  decode,
  encode,
  encodeField,
  type JsonObject,
  loadRegistry,
  ProtoFieldError,
} from "../../src/envoy/proto/index.ts";

const CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener";
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** The bytes that @bufbuild/protobuf makes of the same JSON: another implementation, and another way. */
function oracle(typeUrl: string, json: JsonObject): Uint8Array {
  const registry = loadRegistry();
  const type = registry.getMessage(typeUrl.split("/").at(-1) ?? "");
  assert.ok(type !== undefined, typeUrl);
  return toBinary(type, fromJson(type, json as never, { registry }));
}

const cluster: JsonObject = {
  name: "service/demo/web/80",
  type: "EDS",
  connect_timeout: "0.25s",
  eds_cluster_config: { eds_config: { ads: {}, resource_api_version: "V3" }, service_name: "x".repeat(300) },
  per_connection_buffer_limit_bytes: 32768,
  circuit_breakers: { thresholds: [{ max_connections: 1024, priority: "HIGH", track_remaining: true }] },
  metadata: { filter_metadata: { tandem: { list: [1, -0.5, "x", null, true, { deep: {} }], none: null } } },
  upstream_connection_options: {
    happy_eyeballs_config: { first_address_family_version: "V6", first_address_family_count: 1 },
  },
  typed_extension_protocol_options: {
    [HTTP_OPTIONS]: {
      "@type": `type.googleapis.com/${HTTP_OPTIONS}`,
      explicit_http_config: { http2_protocol_options: { max_concurrent_streams: 100 } },
      upstream_http_protocol_options: { auto_sni: true },
    },
  },
  load_assignment: {
    cluster_name: "c",
    endpoints: [
      {
        priority: 0,
        load_balancing_weight: 7,
        lb_endpoints: [
          {
            endpoint: {
              address: { socket_address: { address: "10.0.0.1", port_value: 80 } },
              additional_addresses: [{ address: { socket_address: { address: "fd00::1", port_value: 80 } } }],
            },
          },
        ],
      },
    ],
  },
};

const listener: JsonObject = {
  name: "tcp-443",
  address: { socket_address: { address: "0.0.0.0", port_value: 10443 } },
  additional_addresses: [{ address: { socket_address: { address: "::", port_value: 10443 } } }],
  per_connection_buffer_limit_bytes: 0,
  filter_chains: [
    {
      filter_chain_match: { server_names: ["*.example.com"], source_ports: [1, 300, 65535] },
      transport_socket: {
        name: "tls",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
          common_tls_context: {
            alpn_protocols: ["h2", "http/1.1"],
            tls_certificates: [{ certificate_chain: { inline_bytes: "AP8Qdw==" } }],
          },
        },
      },
      filters: [
        {
          name: "any-of-duration",
          typed_config: { "@type": "type.googleapis.com/google.protobuf.Duration", value: "-1.5s" },
        },
      ],
    },
  ],
};

const routes: JsonObject = {
  name: "http-80",
  virtual_hosts: [
    {
      name: "a",
      domains: ["*"],
      routes: [
        {
          match: { path_separated_prefix: "/a", headers: [{ name: "x", string_match: { exact: "" } }] },
          route: {
            timeout: "0s",
            weighted_clusters: { clusters: [{ name: "b", weight: { value: 0 } as never }] },
          },
        },
      ],
    },
  ],
};

describe("encode", () => {
  const cases: [string, JsonObject][] = [
    [CLUSTER, cluster],
    [LISTENER, listener],
    ["envoy.config.route.v3.VirtualHost", { name: "v", domains: ["*"], routes: [{ match: { prefix: "" } }] }],
    ["envoy.type.v3.Int64Range", { start: "-9223372036854775808", end: 9007199254740991 }],
    ["envoy.config.core.v3.Node", { id: "n", user_agent_build_version: { metadata: { when: "x" } } }],
    ["envoy.service.discovery.v3.DeltaDiscoveryRequest", { initial_resource_versions: { a: "1", "": "2" } }],
    ["envoy.config.core.v3.RuntimeDouble", { default_value: 0.1, runtime_key: "é€😀" }],
    [
      "envoy.admin.v3.ClustersConfigDump",
      { dynamic_active_clusters: [{ last_updated: "2026-01-31T12:00:00.5Z" }] },
    ],
  ];
  for (const [type, json] of cases) {
    test(`makes of a ${type.split(".").at(-1)} what protobuf-es makes of it`, () => {
      const mine = encode(type, json);
      assert.deepEqual(decode(type, mine), decode(type, oracle(type, json)));
      assert.equal(mine.length, oracle(type, json).length);
    });
  }

  test("takes the names of fields in JSON as well as those of the .proto file", () => {
    const camel = encode(CLUSTER, {
      name: "x",
      connectTimeout: "5s",
      edsClusterConfig: { serviceName: "y" },
    });
    const snake = encode(CLUSTER, {
      name: "x",
      connect_timeout: "5s",
      eds_cluster_config: { service_name: "y" },
    });
    assert.deepEqual(camel, snake);
  });

  test("leaves out what is undefined or null", () => {
    assert.deepEqual(
      encode(CLUSTER, { name: "x", metadata: undefined, type: null }),
      encode(CLUSTER, { name: "x" }),
    );
  });

  test("joins parts to the whole", () => {
    const hosts = ["a", "b"].map((name) => ({ name, domains: [name] }));
    const parts = hosts.map((host) => encodeField(ROUTES, "virtual_hosts", [host]));
    const whole = encode(ROUTES, { name: "r", virtual_hosts: hosts });
    assert.deepEqual(Buffer.concat([encodeField(ROUTES, "name", "r"), ...parts]), Buffer.from(whole));
  });

  test("is not confused by an error before", () => {
    const before = encode(CLUSTER, cluster);
    assert.throws(() => encode(CLUSTER, { ...cluster, load_assignment: { endpoints: [{ priority: -1 }] } }));
    assert.deepEqual(encode(CLUSTER, cluster), before);
  });
});

describe("encode names the field that is wrong", () => {
  const wrong: [string, JsonObject, string][] = [
    [CLUSTER, { nam: "x" }, "nam: no such field"],
    [CLUSTER, { name: 1 }, "name: must be a string"],
    [CLUSTER, { connect_timeout: "5" }, "connect_timeout: must be a duration"],
    [CLUSTER, { type: "EDSX" }, "type: must be one of STATIC, "],
    [CLUSTER, { type: "EDS", cluster_type: {} }, "cluster_type: cannot be set together with type"],
    [CLUSTER, { health_checks: [{}, { timeout: 5 }] }, "health_checks[1].timeout: must be a duration"],
    [CLUSTER, { health_checks: {} }, "health_checks: must be a list"],
    [
      CLUSTER,
      { transport_socket: { typed_config: { "@type": "x/no.Such" } } },
      "transport_socket.typed_config: Envoy's API has no message no.Such",
    ],
    [
      CLUSTER,
      { typed_extension_protocol_options: { a: { "@type": `x/${HTTP_OPTIONS}`, bad: 1 } } },
      'typed_extension_protocol_options["a"].bad: no such field',
    ],
    [
      LISTENER,
      { address: { socket_address: { port_value: -1 } } },
      "address.socket_address.port_value: must be a whole number from 0 to 4294967295",
    ],
    [ROUTES, routes, "weighted_clusters.clusters[0].weight.value: must be"],
  ];
  for (const [type, json, message] of wrong.slice(0, -1)) {
    test(message, () => {
      assert.throws(
        () => encode(type, json),
        (error) => error instanceof ProtoFieldError && error.message.includes(`: ${message}`),
      );
    });
  }

  test("wrappers are their values, not objects", () => {
    assert.throws(
      () => encode(ROUTES, routes),
      /virtual_hosts\[0\]\.routes\[0\]\.route\.weighted_clusters\.clusters\[0\]\.weight: must be a whole number/,
    );
  });

  test("an unknown type", () => {
    assert.throws(() => encode("type.googleapis.com/envoy.Nothing", {}), /has no message envoy\.Nothing/);
  });
});

test("the registry has every kind of resource, and loads all of its types", () => {
  const registry = loadRegistry();
  for (const name of [
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
    "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
    "envoy.service.discovery.v3.AggregatedDiscoveryService",
    "envoy.config.bootstrap.v3.Bootstrap",
  ])
    assert.ok(registry.get(name) !== undefined, name);
  const field = registry.getMessage("envoy.config.listener.v3.Listener")?.fields.find((f) => f.number === 33);
  assert.equal(field?.name, "additional_addresses");
});
