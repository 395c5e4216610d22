import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { type FilterFlags, parseFilter } from "../../src/cli/proxy-config-filter.ts";
import { show } from "../../src/cli/proxy-config.ts";
import { statusTable } from "../../src/cli/proxy-status.ts";
import { DUMP_KINDS, type DumpKind, parseDump } from "../../src/envoy/current/dump.ts";
import { withOutliers } from "../../src/envoy/current/outliers.ts";
import { ROWS } from "../../src/envoy/current/rows.ts";
import { syncOf, versionOf } from "../../src/envoy/current/sync.ts";
import type { JsonObject } from "../../src/envoy/proto/index.ts";
import { createAuthority } from "../../src/pki/issue.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");

const NOW = Date.now();

const socket = (address: string, port: number) => ({ socket_address: { address, port_value: port } });
const listener = {
  name: "tcp-80",
  address: socket("0.0.0.0", 10080),
  additional_addresses: [{ address: socket("::", 10080) }],
  filter_chains: [
    {
      filter_chain_match: { server_names: ["a.example", "*.b.example"] },
      transport_socket: { name: "tls" },
      filters: [
        {
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            rds: { route_config_name: "http-80" },
          },
        },
      ],
    },
    {
      filters: [
        {
          typed_config: {
            "@type": "x.TcpProxy",
            access_log: [
              { typed_config: { log_format: { json_format: { cluster: "%UPSTREAM_CLUSTER_RAW%" } } } },
            ],
            weighted_clusters: { clusters: [{ name: "a", weight: 1 }, { name: "b" }] },
          },
        },
      ],
    },
  ],
};
const endpoints = {
  cluster_name: "service/demo/web/80",
  endpoints: [
    {
      locality: { region: "r", zone: "z" },
      lb_endpoints: [
        {
          health_status: "HEALTHY",
          endpoint: {
            address: socket("10.0.0.1", 80),
            additional_addresses: [{ address: socket("fd00::1", 80) }],
          },
        },
      ],
    },
  ],
};
const routes = {
  name: "http-80",
  virtual_hosts: [
    {
      name: "h",
      domains: ["[fd00::1]", "a.example"],
      routes: [
        { match: { path_separated_prefix: "/a" }, route: { cluster: "c" } },
        { match: { prefix: "/", headers: [{ name: "x" }] }, redirect: {} },
        { match: { safe_regex: { regex: "/x.*" } }, direct_response: { status: 500 } },
      ],
    },
    {
      name: "http-80/*.b.example",
      domains: ["*.b.example"],
      routes: [{ match: { path: "/" }, route: { cluster: "d" } }],
    },
  ],
};

const dumpText = (configs: JsonObject[]) => JSON.stringify({ configs });
const type = (name: string) => `type.googleapis.com/envoy.admin.v3.${name}`;
const dump = parseDump(
  dumpText([
    { "@type": type("EndpointsConfigDump"), dynamic_endpoint_configs: [{ endpoint_config: endpoints }] },
    {
      "@type": type("RoutesConfigDump"),
      dynamic_route_configs: [{ version_info: "1", route_config: routes }],
    },
    {
      "@type": type("ClustersConfigDump"),
      static_clusters: [{ cluster: { name: "admin" } }],
      dynamic_warming_clusters: [
        { version_info: "2", cluster: { name: "service/demo/web/80", type: "EDS" } },
      ],
    },
    {
      "@type": type("ListenersConfigDump"),
      dynamic_listeners: [
        {
          name: "tcp-80",
          active_state: { version_info: "1", listener },
          error_state: { details: "it is refused", failed_configuration: {} },
        },
      ],
    },
  ]),
  "here",
);

const cellsOf = (kind: (typeof DUMP_KINDS)[number]) =>
  dump[kind].flatMap((dumped) => ROWS[kind](dumped, NOW)).map(({ cells }) => cells);

describe("an Envoy's configuration, shown", () => {
  test("a listener is one row a chain, with the addresses of both families", () => {
    assert.deepEqual(cellsOf("listeners"), [
      ["0.0.0.0,[::]", "10080", "TLS SNI: a.example,*.b.example", "Route: http-80"],
      ["0.0.0.0,[::]", "10080", "ALL", "Cluster: a,b"],
    ]);
  });

  test("an endpoint is one row, with the addresses of both families", () => {
    assert.deepEqual(cellsOf("endpoints"), [
      ["10.0.0.1:80,[fd00::1]:80", "HEALTHY", "-", "service/demo/web/80"],
    ]);
  });

  test("routes say what they match and where they lead", () => {
    assert.deepEqual(
      cellsOf("routes").map((cells) => cells.slice(1)),
      [
        ["h", "[fd00::1],a.example", "/a/*", "c"],
        ["h", "[fd00::1],a.example", "/* +1", "redirect"],
        ["h", "[fd00::1],a.example", "~/x.*", "answer 500"],
        ["*.b.example", "*.b.example", "/", "d"],
      ],
    );
  });

  test("a certificate is valid from its beginning to its end", async () => {
    const { certificate } = await createAuthority("test");
    const { validFrom, validTo } = new X509Certificate(certificate);
    const resource = {
      name: "workload",
      tls_certificate: { certificate_chain: { inline_string: certificate } },
    };
    const validAt = (time: string, later: number) =>
      ROWS.secrets({ name: "workload", state: "active", resource }, Date.parse(time) + later)[0]?.cells[3];
    assert.deepEqual([validAt(validFrom, -1000), validAt(validFrom, 0)], ["false", "true"]);
    assert.deepEqual([validAt(validTo, 0), validAt(validTo, 1000)], ["true", "false"]);
  });

  test("filters leave out what does not fit", () => {
    assert.match(show(dump, ["endpoints"], { cluster: "service/demo/web/80" }, "table"), /fd00::1/);
    assert.equal(show(dump, ["endpoints"], { cluster: "other" }, "table"), "No endpoints found.");
    assert.equal(show(dump, ["listeners"], { port: 10081 }, "json"), "[]");
    assert.equal(JSON.parse(show(dump, ["listeners"], { port: 10080 }, "json"))[0].name, "tcp-80");
  });
});

const VIPS = ["fd00:10:96::f9fc", "10.96.106.11"] as const;
const TCP_ECHO = "outbound|9000||tcp-echo.dual-stack.svc.cluster.local";
const passing = (cluster: string) => [
  {
    name: "tcp",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
      stat_prefix: "x",
      cluster,
    },
  },
];
const inboundHttp = {
  name: "http",
  typed_config: {
    "@type":
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    route_config: { virtual_hosts: [{ routes: [{ route: { cluster: "inbound|8080||" } }] }] },
  },
};
const ANY = "outbound|90||any.demo.svc.cluster.local";
const chosen = (name: string) => ({ action: { name: "-", typed_config: { value: name } } });
const range = (address: string, length: number) => ({ address_prefix: address, prefix_len: length });
const shared = {
  name: "0.0.0.0_90",
  address: socket("0.0.0.0", 90),
  additional_addresses: [{ address: socket("::", 90) }],
  filter_chain_matcher: {
    matcher_tree: {
      exact_match_map: { map: { "'http/1.1'": chosen("http"), "'http/1.0'": chosen("http") } },
    },
    on_no_match: {
      matcher: {
        matcher_tree: {
          custom_match: {
            typed_config: {
              range_matchers: [
                {
                  ranges: [range("10.96.0.5", 32), range("fd00:10:96::5", 128)],
                  on_match: chosen("10.96.0.5"),
                },
                { ranges: [range("10.0.0.0", 8)], on_match: chosen("ten") },
              ],
            },
          },
        },
        on_no_match: chosen("other"),
      },
    },
  },
  filter_chains: [
    {
      name: "http",
      filters: [
        {
          typed_config: {
            "@type": "x.HttpConnectionManager",
            rds: { route_config_name: "90" },
          },
        },
      ],
    },
    { name: "other", filters: passing("PassthroughCluster") },
    { name: "10.96.0.5", filters: passing(ANY) },
    { name: "ten", filters: passing("other") },
  ],
};
const host = (name: string, domains: readonly string[]): JsonObject => ({
  name,
  domains,
  routes: [{ match: { prefix: "/" }, route: { cluster: name } }],
});

const sidecar = parseDump(
  dumpText([
    {
      "@type": type("ListenersConfigDump"),
      dynamic_listeners: [
        {
          name: `${VIPS[0]}_9000`,
          active_state: {
            listener: {
              name: `${VIPS[0]}_9000`,
              address: socket(VIPS[0], 9000),
              additional_addresses: [{ address: socket(VIPS[1], 9000) }],
              filter_chains: [{ filters: passing(TCP_ECHO) }],
              metadata: { filter_metadata: { "my.own_key": { an_item: 1 } } },
            },
          },
        },
        { name: "0.0.0.0_90", active_state: { listener: shared } },
        {
          name: "virtualInbound",
          active_state: {
            listener: {
              name: "virtualInbound",
              address: socket("0.0.0.0", 15006),
              additional_addresses: [{ address: socket("::", 15006) }],
              filter_chains: [
                {
                  filter_chain_match: {
                    destination_port: 8080,
                    transport_protocol: "tls",
                    application_protocols: ["h2", "http/1.1"],
                  },
                  filters: [inboundHttp],
                },
                { filters: passing("InboundPassthroughCluster") },
              ],
            },
          },
        },
      ],
    },
    {
      "@type": type("ClustersConfigDump"),
      dynamic_active_clusters: [
        { cluster: { name: TCP_ECHO, type: "EDS" } },
        { cluster: { name: "outbound|80|v1|web.demo.svc.cluster.local", type: "EDS" } },
        { cluster: { name: "inbound|9000||", type: "ORIGINAL_DST" } },
        { cluster: { name: "PassthroughCluster", type: "ORIGINAL_DST" } },
      ],
    },
    {
      "@type": type("EndpointsConfigDump"),
      dynamic_endpoint_configs: [
        { endpoint_config: { ...endpoints, cluster_name: TCP_ECHO } },
        { endpoint_config: { ...endpoints, cluster_name: "outbound|9000||tcp-echo.ipv6.svc.cluster.local" } },
      ],
    },
  ]),
  "here",
);

describe("a sidecar's configuration, shown", () => {
  const rows = (text: string) => text.split("\n").map((line) => line.trim().split(/ {2,}/));

  test("clusters are told by name, port, subset and direction", () => {
    assert.deepEqual(rows(show(sidecar, ["clusters"], {}, "table")), [
      ["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "FAMILY FIRST"],
      ["-", "9000", "-", "inbound", "ORIGINAL_DST", "-"],
      ["PassthroughCluster", "-", "-", "-", "ORIGINAL_DST", "-"],
      ["tcp-echo.dual-stack.svc.cluster.local", "9000", "-", "outbound", "EDS", "-"],
      ["web.demo.svc.cluster.local", "80", "v1", "outbound", "EDS", "-"],
    ]);
  });

  test("a cluster is found by the name that is shown, and by Envoy's", () => {
    for (const name of ["web.demo.svc.cluster.local", "outbound|80|v1|web.demo.svc.cluster.local"])
      assert.equal(
        rows(show(sidecar, ["clusters"], { name }, "table"))[1]?.[0],
        "web.demo.svc.cluster.local",
        name,
      );
  });

  test("what has an address of either family is found by it, however it is written", () => {
    const found = (address: string, kinds: readonly DumpKind[]) =>
      rows(show(sidecar, kinds, parseFilter({ address }, kinds), "table")).slice(1);
    for (const address of ["10.96.106.11", "fd00:10:96:0::f9fc", "[FD00:10:96::F9FC]"])
      assert.deepEqual(
        found(address, ["listeners"]).map((cells) => cells[3]),
        [`Cluster: ${TCP_ECHO}`],
      );
    assert.deepEqual(
      found("fd00:10:96::5", ["listeners"]).map((cells) => cells[3]),
      [`Cluster: ${ANY}`],
      "of a listener that Services share",
    );
    for (const address of ["10.0.0.1", "fd00::1"])
      assert.equal(found(address, ["endpoints"]).length, 2, address);
    assert.deepEqual(found("fd00::2", ["endpoints"]), []);
  });

  test("flags that istioctl has choose by host, subset, direction, type and health", () => {
    const first = (kind: DumpKind, flags: FilterFlags) =>
      rows(show(sidecar, [kind], parseFilter(flags, [kind]), "table"))
        .slice(1)
        .map((cells) => (kind === "listeners" ? cells[3] : cells[0]));
    assert.deepEqual(first("clusters", { fqdn: "web.demo" }), ["web.demo.svc.cluster.local"]);
    assert.deepEqual(first("clusters", { subset: "v1" }), ["web.demo.svc.cluster.local"]);
    assert.deepEqual(first("clusters", { direction: "INBOUND" }), ["-"]);
    assert.deepEqual(first("clusters", { type: "original_dst", port: "9000" }), ["-"]);
    assert.deepEqual(first("listeners", { type: "http" }), ["Route: 90", "Inline Route: inbound|8080||"]);
    assert.deepEqual(first("listeners", { fqdn: "tcp-echo" }), [`Cluster: ${TCP_ECHO}`]);
    assert.equal(first("endpoints", { status: "healthy", fqdn: "ipv6.svc" }).length, 1);
    assert.deepEqual(first("endpoints", { status: "draining" }), []);
  });

  test("endpoints are found by their own port, and by that of their Service", () => {
    for (const port of [80, 9000])
      assert.equal(rows(show(sidecar, ["endpoints"], { port }, "table")).length, 3, String(port));
    assert.equal(show(sidecar, ["endpoints"], { port: 8080 }, "table"), "No endpoints found.");
  });

  test("rows come by port or by host, in whatever order Envoy tells of them", () => {
    const backwards = Object.fromEntries(
      DUMP_KINDS.map((kind) => [kind, sidecar[kind].toReversed()]),
    ) as unknown as typeof sidecar;
    for (const kind of DUMP_KINDS)
      assert.equal(show(backwards, [kind], {}, "table"), show(sidecar, [kind], {}, "table"));
    assert.deepEqual(
      [...new Set(rows(show(sidecar, ["listeners"], {}, "table")).map((cells) => cells[1]))],
      ["PORT", "90", "9000", "15006"],
    );
  });

  test("a flag that cannot be read, or that a kind has nothing for, is refused with what is meant", () => {
    const refused = (flags: FilterFlags, kinds: readonly DumpKind[], message: RegExp) =>
      assert.throws(() => parseFilter(flags, kinds), message);
    refused({ port: "0" }, ["listeners"], /1 to 65535\n {2}where: flag --port, value "0"/);
    refused({ address: "10.0.0.0/8" }, ["listeners"], /one address.*\n {2}where: flag --address/);
    refused({ status: "healty" }, ["endpoints"], /next: for example --status HEALTHY/);
    refused({ direction: "in" }, ["clusters"], /one of inbound, outbound/);
    refused({ status: "HEALTHY" }, ["clusters"], /clusters have no status\n.*--status\n.*for endpoints/);
    refused({ port: "80" }, [], /the bootstrap is shown as a whole/);
    assert.deepEqual(parseFilter({ status: "HEALTHY" }, DUMP_KINDS), { status: "HEALTHY" });
  });

  test("the listener of a Service has both of its addresses, and is found by its port", () => {
    assert.deepEqual(rows(show(sidecar, ["listeners"], { port: 9000 }, "table")), [
      ["ADDRESSES", "PORT", "MATCH", "DESTINATION"],
      ["[fd00:10:96::f9fc],10.96.106.11", "9000", "ALL", `Cluster: ${TCP_ECHO}`],
    ]);
  });

  test("of a listener that Services share each chain says which addresses lead to it", () => {
    assert.deepEqual(rows(show(sidecar, ["listeners"], { port: 90 }, "table")).slice(1), [
      ["0.0.0.0,[::]", "90", "App: http/1.0,http/1.1", "Route: 90"],
      ["0.0.0.0,[::]", "90", "ALL", "Cluster: PassthroughCluster"],
      ["0.0.0.0,[::]", "90", "Addr: 10.96.0.5,[fd00:10:96::5]", `Cluster: ${ANY}`],
      ["0.0.0.0,[::]", "90", "Addr: 10.0.0.0/8", "Cluster: other"],
    ]);
  });

  test("of what hosts and addresses are looked for by, the part that counts is shown", () => {
    const resource: JsonObject = {
      vhost_header: "x-tandem-destination",
      virtual_hosts: [
        host("any.demo", ["*|10.96.0.5", "*|fd00:10:96::5"]),
        host("outside.demo", ["outside|*", "outside:90|*"]),
        host("allow_any", ["*"]),
      ],
    };
    assert.deepEqual(
      ROWS.routes({ name: "90", state: "active", resource }, NOW).map(({ cells }) => cells[2]),
      ["10.96.0.5,[fd00:10:96::5]", "outside,outside:90", "*"],
    );
  });

  test("what comes in is told by protocol and port", () => {
    assert.deepEqual(rows(show(sidecar, ["listeners"], { name: "virtualInbound" }, "table")).slice(1), [
      ["0.0.0.0,[::]", "15006", "TLS App: h2,http/1.1 Addr: *:8080", "Inline Route: inbound|8080||"],
      ["0.0.0.0,[::]", "15006", "ALL", "Cluster: InboundPassthroughCluster"],
    ]);
  });

  test("JSON has the names that istioctl prints, and leaves data alone", () => {
    const [listener] = JSON.parse(show(sidecar, ["listeners"], { port: 9000 }, "json"));
    const address = (host: string) => ({ socketAddress: { address: host, portValue: 9000 } });
    assert.deepEqual(listener, {
      name: "fd00:10:96::f9fc_9000",
      address: address(VIPS[0]),
      additionalAddresses: [{ address: address(VIPS[1]) }],
      filterChains: [
        {
          filters: [
            {
              name: "tcp",
              typedConfig: {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                statPrefix: "x",
                cluster: TCP_ECHO,
              },
            },
          ],
        },
      ],
      metadata: { filterMetadata: { "my.own_key": { an_item: 1 } } },
    });
  });

  test("endpoints say what outlier detection says, where it was asked", () => {
    const status = (name: string, failed: boolean) => ({
      name,
      host_statuses: [
        { address: socket("10.0.0.1", 80), health_status: { ...(failed && { failed_outlier_check: true }) } },
      ],
    });
    const answer = {
      cluster_statuses: [status(TCP_ECHO, true), status(sidecar.endpoints[1]?.name ?? "", false)],
    };
    const checks = (asked: typeof sidecar) =>
      rows(show(asked, ["endpoints"], {}, "table"))
        .slice(1)
        .map((cells) => cells[2]);
    assert.deepEqual(checks(sidecar), ["-", "-"]);
    assert.deepEqual(checks(withOutliers(sidecar, JSON.stringify(answer))), ["FAILED", "OK"]);
    assert.deepEqual(checks(withOutliers(sidecar, "no JSON")), ["-", "-"]);
  });
});

test("the short names of the commands are known", () => {
  for (const [short, name] of [
    ["pc", "proxy-config"],
    ["ps", "proxy-status"],
  ] as const) {
    const { stdout, status } = spawnSync(TANDEM, [short, "--help"], { encoding: "utf8" });
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`${name}\\|${short}`));
  }
});

test("what an Envoy was started with is JSON or YAML, without what all of its version have built in", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-bootstrap-"));
  const bootstrap = {
    node: { id: "sidecar~demo/web-1", user_agent_name: "envoy", extensions: [{ name: "built-in" }] },
    static_resources: {},
  };
  const bare = join(folder, "bootstrap.json");
  writeFileSync(bare, JSON.stringify(bootstrap));
  const dumped = join(folder, "dump.json");
  writeFileSync(dumped, dumpText([{ "@type": type("BootstrapConfigDump"), bootstrap }]));
  const other = join(folder, "other.json");
  writeFileSync(other, dumpText([]));
  const said = (...args: string[]) =>
    spawnSync(TANDEM, ["pc", "bootstrap", "-f", ...args], { encoding: "utf8" });
  for (const file of [bare, dumped])
    assert.deepEqual(JSON.parse(said(file).stdout), {
      node: { id: "sidecar~demo/web-1", userAgentName: "envoy" },
      staticResources: {},
    });
  assert.equal(JSON.parse(said(dumped, "-o", "json").stdout).node.extensions[0].name, "built-in");
  assert.match(said(dumped, "-o", "yaml").stdout, /^node:\n {2}id: sidecar~demo/);
  const { status, stderr } = said(other);
  assert.equal(status, 65);
  assert.match(stderr, /this dump does not have the configuration that Envoy started with/);
  rmSync(folder, { recursive: true });
});

test("the kinds have the short names of istioctl", () => {
  const file = join(mkdtempSync(join(tmpdir(), "tandem-proxy-config-")), "dump.json");
  writeFileSync(file, JSON.stringify({ configs: [] }));
  for (const [short, expected] of [
    ["l", "No listeners found."],
    ["ep", "No endpoints found."],
    ["eds", "No endpoints found."],
    ["route", "No routes found."],
  ] as const)
    assert.equal(
      spawnSync(TANDEM, ["pc", short, "-f", file, "-o", "short"], { encoding: "utf8" }).stdout.trim(),
      expected,
    );
  rmSync(dirname(file), { recursive: true });
});

describe("an Envoy's state", () => {
  test("is told for each type, with what was refused and why", () => {
    const types = syncOf(dump);
    assert.deepEqual(
      types.map(({ type, state, resources }) => [type, state, resources]),
      [
        ["CDS", "STALE", 1],
        ["LDS", "ERROR", 1],
        ["EDS", "SYNCED", 1],
        ["RDS", "SYNCED", 1],
        ["SDS", "NOT SENT", 0],
      ],
    );
    const table = statusTable([{ name: "web-1.demo", types }], false);
    assert.match(
      table,
      /^NAME +CDS +LDS +EDS +RDS +SDS\nweb-1\.demo +STALE +ERROR +SYNCED +SYNCED +NOT SENT\n/,
    );
    assert.match(table, /web-1\.demo: LDS tcp-80: it is refused$/);
  });

  test("has the release of Envoy with it, where more is asked for", () => {
    const of = (version: object) =>
      versionOf({ ...dump, bootstrap: { node: { user_agent_build_version: { version } } } } as typeof dump);
    assert.equal(of({ major_number: 1, minor_number: 40 }), "1.40.0");
    assert.equal(versionOf(dump), undefined);
    const status = { name: "web-1.demo", types: syncOf(dump), version: "1.40.0" };
    assert.match(statusTable([status], true), /SDS +VERSION\n.*NOT SENT \(0\) +1\.40\.0\n/);
    assert.doesNotMatch(statusTable([status], false), /1\.40/);
  });

  test("of one without its control plane is told beside what it has", () => {
    const types = syncOf(dump);
    const table = (connected: boolean) => statusTable([{ name: "web-1.demo", types, connected }], false);
    assert.match(table(false), /\nweb-1\.demo: it is not connected to its control plane/);
    assert.doesNotMatch(table(true), /connected/);
  });

  test("of one that does not answer is told beside the others", () => {
    assert.match(
      statusTable([{ name: "a.b", types: [], error: "gone" }], false),
      /a\.b +NO ANSWER.*\n\na\.b: gone$/,
    );
  });
});

test("who looks for the levels of logs, as with istioctl, is told where they are", () => {
  const { status, stderr } = spawnSync(TANDEM, ["pc", "log", "web-1.demo"], { encoding: "utf8" });
  assert.equal(status, 64);
  assert.match(stderr, /set at Envoy itself[\s\S]*next: kubectl port-forward.*logging\?level=debug/);
});

test("what is no dump is refused with its place", () => {
  assert.throws(
    () => parseDump("{}", "file x"),
    /cannot read Envoy's configuration: it has no `configs`\n {2}where: file x/,
  );
  assert.throws(() => parseDump("<html>", "file x"), /where: file x/);
});
