import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RUNTIME } from "../../src/envoy/process/bootstrap.ts";
import { findEnvoy } from "../../src/envoy/process/find.ts";
import type { JsonObject } from "../../src/envoy/proto/index.ts";

/** Where the real Envoy is; undefined where it is not set up, and the tests with it are skipped. */
export const ENVOY = found();

function found(): string | undefined {
  try {
    return findEnvoy({ env: process.env });
  } catch {
    return undefined;
  }
}

/** A running Envoy. */
export interface TestEnvoy {
  readonly process: ChildProcess;
  readonly folder: string;
  /** Reads a page of the admin interface. */
  admin(path: string): Promise<string>;
  stop(): Promise<void>;
}

/** How an Envoy reaches its management server: the endpoint's address, and the cluster's transport socket if any. */
export interface Management {
  readonly address: JsonObject;
  readonly transportSocket?: JsonObject;
  /** `GRPC` for state of the world; delta if missing. */
  readonly apiType?: "GRPC" | "DELTA_GRPC";
}

/** Starts an Envoy that takes everything over ADS. */
export async function startEnvoy(nodeId: string, management: Management): Promise<TestEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), "tandem-ads-"));
  const adminFile = join(folder, "admin");
  await writeFile(join(folder, "bootstrap.json"), JSON.stringify(bootstrap(nodeId, management)));
  const args = ["-c", join(folder, "bootstrap.json"), "--admin-address-path", adminFile];
  const child = spawn(
    ENVOY ?? "envoy",
    [...args, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warn"],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const exited = once(child, "exit");
  const admin = async (path: string) => {
    // empty between being made and being written
    const address = () => readFile(adminFile, "utf8").catch(() => "");
    for (let tries = 0; (await address()) === "" && tries < 12_000; tries++) await sleep(25);
    const response = await fetch(`http://${await address()}${path}`);
    return response.text();
  };
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  return { process: child, folder, admin, stop };
}

function bootstrap(nodeId: string, management: Management): JsonObject {
  const source = { ads: {}, resource_api_version: "V3" };
  const services = [{ envoy_grpc: { cluster_name: "xds" } }];
  const http2 = {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: management.address } }] }];
  const xds = {
    ...(management.transportSocket && { transport_socket: management.transportSocket }),
    name: "xds",
    type: "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 },
    load_assignment: { cluster_name: "xds", endpoints },
  };
  return {
    node: { id: nodeId, cluster: "test" },
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
    dynamic_resources: {
      ads_config: {
        api_type: management.apiType ?? "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: services,
      },
      cds_config: source,
      lds_config: source,
    },
    static_resources: { clusters: [xds] },
    layered_runtime: RUNTIME,
  };
}

/** An HTTP server on the loopback that answers with its name. */
export async function startBackend(name: string): Promise<{ port: number; close(): void }> {
  const server: Server = createServer((_request, response) => response.end(name));
  // Envoy keeps connections: one that is closed for its idleness as it is used again is a request that fails
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

const given = new Set<number>();

/**
 * A TCP port that was free just now, on the wildcards of both families. Below the ports that the kernel gives to outgoing
 * connections, so that no other test's client takes it before Envoy does; never the same twice.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (given.has(port)) continue;
    given.add(port);
    if ((await isFree(port, "0.0.0.0")) && (await isFree(port, "::"))) return port;
  }
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host, ipv6Only: host === "::" });
    await once(server, "listening");
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false;
    throw error;
  } finally {
    if (server.listening) {
      server.close();
      await once(server, "close");
    }
  }
}

/** Asks until the answer is as expected; gives the last answer. */
export async function eventually<T>(ask: () => Promise<T>, expected: (answer: T) => boolean): Promise<T> {
  let answer = await ask();
  for (let tries = 0; tries < 12_000 && !expected(answer); tries++) {
    await sleep(25);
    answer = await ask();
  }
  return answer;
}

/** GETs a path through Envoy: `200 text`, or why not. */
export async function get(port: number, path: string): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
    return `${response.status} ${await response.text()}`;
  } catch (error) {
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}
