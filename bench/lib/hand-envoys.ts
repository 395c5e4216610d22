/** A pair of Envoys in pods `a` and `b`, configured by hand for one port: as little as does the same. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { SIDECAR_PORTS } from "../../src/envoy/mesh/index.ts";
import { findEnvoy } from "../../src/envoy/process/find.ts";
import type { JsonObject } from "../../src/envoy/proto/index.ts";
import { applyCapture, DEFAULT_CAPTURE } from "../../src/kernel/capture/index.ts";
import { createExec } from "../../src/kernel/index.ts";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";
import { ADDRESSES, type TestNetwork } from "../../test/kernel/network.ts";

const MARK = 1337;
const ANY = "type.googleapis.com/envoy.extensions";
const FAMILIES = ["IPv4", "IPv6"] as const;

/** Starts both, with capture in both pods. Requests for the hosts `web4` and `web6` go over that family. */
export async function startByHand(
  network: TestNetwork,
  port: number,
  tls: boolean,
): Promise<readonly ChildProcess[]> {
  const socket = tls ? await tlsSockets() : undefined;
  const run = createExec();
  const envoys: ChildProcess[] = [];
  for (const [pod, config] of [
    ["a", outbound(port, socket?.upstream)],
    ["b", inbound(port, socket?.downstream)],
  ] as const) {
    const enter = network.enter(pod);
    const command = [...enter, findEnvoy({ env: process.env }), "--config-yaml", JSON.stringify(config)];
    const flags = ["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"];
    const [program = "", ...args] = [...command, ...flags];
    envoys.push(spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] }));
    const inPod: typeof run = (argv, input, signal) => run([...enter, ...argv], input, signal);
    await applyCapture({ ...DEFAULT_CAPTURE, guards: { users: [], groups: [], mark: MARK } }, inPod);
  }
  await sleep(1_000);
  return envoys;
}

async function tlsSockets(): Promise<{ upstream: JsonObject; downstream: JsonObject }> {
  const authority = await createAuthority("hand");
  const own = await issueCertificate(authority, {
    commonName: "workload",
    subjectAltNames: ["URI:spiffe://cluster.local/ns/default/sa/default"],
    usages: ["serverAuth", "clientAuth"],
    days: 1,
  });
  const inline = (text: string) => ({ inline_string: text });
  const common = {
    tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
    tls_certificates: [{ certificate_chain: inline(own.certificate), private_key: inline(own.key) }],
    validation_context: { trusted_ca: inline(authority.certificate) },
  };
  const socket = (type: string, more: JsonObject) => ({
    name: "tls",
    typed_config: {
      "@type": `${ANY}.transport_sockets.tls.v3.${type}`,
      common_tls_context: common,
      ...more,
    },
  });
  return {
    upstream: socket("UpstreamTlsContext", { sni: "b" }),
    downstream: socket("DownstreamTlsContext", { require_client_certificate: true }),
  };
}

function outbound(port: number, socket: JsonObject | undefined): JsonObject {
  const clusters = FAMILIES.map((family) =>
    cluster(`web${family.slice(3)}`, ADDRESSES.b[family], port, socket),
  );
  const hosts = clusters.map(({ name }) => ({ name, domains: [name], routes: [everythingTo(String(name))] }));
  return config(clusters, SIDECAR_PORTS.outbound, hosts, undefined);
}

function inbound(port: number, socket: JsonObject | undefined): JsonObject {
  const host = { name: "all", domains: ["*"], routes: [everythingTo("app")] };
  return config([cluster("app", "127.0.0.1", port, undefined)], SIDECAR_PORTS.inbound, [host], socket);
}

function everythingTo(cluster: string): JsonObject {
  return { match: { prefix: "/" }, route: { cluster } };
}

function cluster(name: string, address: string, port: number, socket: JsonObject | undefined): JsonObject {
  return {
    name,
    type: "STATIC",
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketOf(address, port) } }] }],
    },
    ...(socket && { transport_socket: socket }),
  };
}

function socketOf(address: string, port: number): JsonObject {
  return { socket_address: { address, port_value: port } };
}

function config(
  clusters: readonly JsonObject[],
  port: number,
  hosts: readonly JsonObject[],
  socket: JsonObject | undefined,
): JsonObject {
  const manager = {
    "@type": `${ANY}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "hand",
    route_config: { virtual_hosts: hosts },
    http_filters: [{ name: "router", typed_config: { "@type": `${ANY}.filters.http.router.v3.Router` } }],
  };
  const chain = {
    filters: [{ name: "http", typed_config: manager }],
    ...(socket && { transport_socket: socket }),
  };
  return {
    cluster_manager: {
      upstream_bind_config: {
        socket_options: [{ level: 1, name: 36, int_value: MARK, state: "STATE_PREBIND" }],
      },
    },
    static_resources: {
      clusters,
      listeners: [
        {
          name: "hand",
          address: socketOf("0.0.0.0", port),
          additional_addresses: [{ address: socketOf("::", port) }],
          filter_chains: [chain],
        },
      ],
    },
  };
}
