import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createMeshOutput, type MeshOutput, missingTarget } from "../../src/envoy/mesh/index.ts";
import { freePort } from "./ads-envoy.ts";
import { serveEcho } from "./grpc-echo-service.ts";
import { emptyModels, type Models, objectsOf, take } from "../traffic/mesh/text.ts";

/** A gRPC server on one loopback address that answers with that address. */
function startEcho(host: string, port: number): Promise<{ port: number; close(): void }> {
  return serveEcho(`${host.includes(":") ? `[${host}]` : host}:${port}`, () => host);
}

function objects(port: number): string {
  const slice = (family: string, address: string) => `
kind: EndpointSlice
metadata: { name: echo-${family}, labels: { kubernetes.io/service-name: echo } }
addressType: ${family}
ports: [{ name: grpc, port: ${port}, protocol: TCP }]
endpoints: [{ addresses: ["${address}"], targetRef: { kind: Pod, name: echo, namespace: default, uid: e } }]
---`;
  return `
kind: Service
metadata: { name: echo }
spec:
  type: ClusterIP
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1, "fd00:10:96::1"]
  ipFamilies: [IPv4, IPv6]
  ports: [{ name: grpc, port: 50051, protocol: TCP }]
---${slice("IPv4", "127.0.0.1")}${slice("IPv6", "::1")}`;
}

const PROGRAM = join(import.meta.dirname, "../../conformance/grpc-xds");
const goVersion = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).stdout ?? "";
const goMinor = Number(/^go1\.(\d+)/.exec(goVersion)?.[1] ?? 0);
/** gRPC's own clients, and how each is made ready in a folder for the test: the command that runs it. */
const CLIENTS: readonly {
  readonly name: string;
  readonly skip: string | false;
  /** What it says of a call where it was told that there is nobody; where it was told nothing, it names the listener. */
  readonly nobody: string;
  readonly prepare: (folder: string) => readonly string[];
}[] = [
  {
    name: "Node",
    skip: false,
    nobody: "failed: 14 Failed to route call to method /echo.Echo/Say",
    prepare: () => [process.execPath, join(import.meta.dirname, "mesh-grpc-client.ts")],
  },
  {
    name: "Go",
    skip: goMinor >= 26 ? false : "2026-11-21: needs Go 1.26 or newer on PATH, which Debian 12 does not have",
    nobody: "failed: [xDS node id: app]: rpc error: code = Unavailable desc = no matched route was found",
    prepare: (folder) => {
      const program = join(folder, "client");
      const built = spawnSync("go", ["build", "-o", program, "."], { cwd: PROGRAM, encoding: "utf8" });
      assert.equal(built.status, 0, built.stderr);
      return [program];
    },
  },
];

for (const { name, skip, nobody, prepare } of CLIENTS) {
  describe(`gRPC's client for ${name}, which speaks xDS itself`, { skip }, () => {
    const models: Models = emptyModels();
    let folder: string;
    let ads: AdsServer;
    let output: MeshOutput;
    let client: ChildProcess;
    let lines: Interface;
    let v4: { port: number; close(): void };
    let v6: { port: number; close(): void };
    const refused: string[] = [];

    before(async () => {
      v4 = await startEcho("127.0.0.1", await freePort());
      v6 = await startEcho("::1", v4.port);
      folder = await mkdtemp(join(tmpdir(), "tandem-grpc-"));
      ads = await startAdsServer({
        listen: [{ host: "127.0.0.1", port: 0 }],
        // as while nothing is known yet of the pod's addresses
        authorize: async () => sleep(500, "grpc/app"),
        standIn: (_proxy, name) => missingTarget(name),
      });
      ads.onNack((nack) => refused.push(JSON.stringify(nack)));
      output = createMeshOutput({ identity: () => undefined });
      for (const object of objectsOf(objects(v4.port))) take(models, object);
      output.update(models.mesh, models.mesh.flush(), (key) => models.traffic.get(key));
      ads.replace("grpc/app", output.clientResources("grpc/app", ["IPv4", "IPv6"]));
      const xds = ads.addresses[0] as AddressInfo | { port: number };
      const config = {
        xds_servers: [
          {
            server_uri: `127.0.0.1:${xds.port}`,
            channel_creds: [{ type: "insecure" }],
            server_features: ["xds_v3"],
          },
        ],
        node: { id: "app", locality: {} },
      };
      const [program = "", ...args] = prepare(folder);
      client = spawn(program, args, {
        env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(config) },
        stdio: ["pipe", "pipe", "inherit"],
      });
      lines = createInterface({ input: client.stdout as NodeJS.ReadableStream });
    });
    after(async () => {
      client?.kill("SIGKILL");
      v4?.close();
      v6?.close();
      await ads?.close();
      await rm(folder, { recursive: true, force: true });
    });

    async function call(target: string): Promise<string> {
      const answered = once(lines, "line");
      client.stdin?.write(`${target}\n`);
      return ((await answered) as [string])[0];
    }

    test("reaches the backend over the Service's first family, and over the other once that is gone", {
      timeout: 300_000,
    }, async () => {
      const target = "xds:///echo.default.svc.cluster.local:50051";
      assert.equal(await call(target), "127.0.0.1");
      assert.deepEqual(refused, []);
      v4.close();
      let answer = await call(target);
      // a call may leave by the connection that ends in this moment, which nobody has noticed yet
      for (let tries = 0; tries < 100 && answer.startsWith("failed: "); tries++) answer = await call(target);
      assert.equal(answer, "::1");
    });

    test("of a target that is not there a client is told so, and does not give up by itself", {
      timeout: 300_000,
    }, async () => {
      assert.equal(await call("xds:///late.default.svc.cluster.local:50051"), nobody);
    });

    test("a Service that comes later is found, by what is told of it alone", {
      timeout: 300_000,
    }, async () => {
      for (const object of objectsOf(objects(v6.port).replaceAll("echo", "late"))) take(models, object);
      const { changed } = output.update(models.mesh, models.mesh.flush(), (key) => models.traffic.get(key));
      const changes = changed.get("grpc/app") ?? [];
      assert.deepEqual(changes.map(({ kind }) => kind).sort(), ["cluster", "endpoint", "listener", "route"]);
      ads.set("grpc/app", changes);
      // the client has been told before that there is nobody, and learns the opposite in its own time
      let answer = "";
      for (let tries = 0; tries < 100 && answer !== "::1"; tries++) {
        if (tries > 0) await sleep(50);
        answer = await call("xds:///late.default.svc.cluster.local:50051");
      }
      assert.equal(answer, "::1");
      assert.deepEqual(refused, []);
    });
  });
}
