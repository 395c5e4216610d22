/** What a mesh says and does when something is wrong, with real packets; and applications that speak xDS themselves. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../src/client/index.ts";
import { FAMILIES } from "../../src/ip/family.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { MESH_KINDS, type MeshPolicy } from "../../src/objects/mesh/index.ts";
import type { Pod, Secret, Service } from "../../src/objects/types.ts";
import { eventually } from "../controllers/cluster.ts";
import { APP, leaveLoad, NODE, startLoad, startProgram, targetsOf, urlHost } from "./load.ts";
import { DEMO, deployment, service } from "./mesh-demo.ts";
import type { Phase } from "./tcp-load.ts";
import { downAfterTest, type Home, manifestIn, processOf, upForTest } from "./tandem.ts";

const SHELL = { image: "curlimages/curl", command: ["sleep", "infinity"] };
/** Milliseconds for which the mesh and the control plane stand still; TANDEM_TEST_STANDSTILL has seconds instead. */
const STANDSTILL = Number(process.env["TANDEM_TEST_STANDSTILL"] ?? 20) * 1000;
/** Seconds of requests before and after that. */
const AROUND = 4;
/** Requests a second, and under way at once at most: more would only queue up on a busy machine. */
const LOAD = "50/16";
const CLIENT = ["-n", "demo", "deploy/client"];
const CURL = ["curl", "-gsS", "--max-time", "20"];

/** Web, its client on the other node, a gRPC server and a client that speaks xDS itself. */
function manifests(): object {
  const on = (nodeName: string) => ({ nodeName });
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      DEMO,
      service("web", { name: "http", port: 80, targetPort: 8080 }),
      deployment(
        "web",
        {
          image: "hashicorp/http-echo",
          args: ["-listen=:8080", "-text=web"],
          ports: [{ containerPort: 8080 }],
        },
        {},
        on("node-1"),
      ),
      service("bytes", { name: "tcp", port: 9000 }),
      service("pods", { name: "tcp", port: 9000 }, "bytes", { clusterIP: "None" }),
      deployment(
        "bytes",
        {
          image: "docker.io/istio/tcp-echo-server:1.3",
          args: ["9000", "hello"],
          ports: [{ containerPort: 9000 }],
        },
        {},
        on("node-1"),
      ),
      deployment("client", SHELL, {}, on("node-2")),
      service("echo", { name: "grpc", port: 50051 }),
      deployment(
        "echo",
        {
          image: "curlimages/curl",
          command: [NODE, `${APP}/test/whole/grpc-echo.ts`, "50051"],
          ports: [{ containerPort: 50051 }],
        },
        { "tandem.dev/inject": "disabled" },
      ),
      deployment("xds", SHELL, { "tandem.dev/inject": "grpc" }),
    ],
  };
}

describe("a mesh in which things go wrong", () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest((at) => ["--nodes", "2", "-f", manifestIn(at, manifests())]));
  });

  after(() => downAfterTest({ home, client }));

  const podOf = async (app: string): Promise<Pod> => {
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace: "demo", labelSelector: `app=${app}` });
    return items.find(({ metadata }) => !metadata.deletionTimestamp) as Pod;
  };
  const inPod = (app: string, ...command: string[]) =>
    home.run(["lab", "exec", "-n", "demo", `deploy/${app}`, "--", ...command]);
  const addressesOf = async (name: string) =>
    (await client.get<Service>(KINDS.Service, name, "demo")).spec.clusterIPs ?? [];
  const policy = (name: string, spec: object) =>
    client.create(MESH_KINDS.MeshPolicy, { metadata: { name, namespace: "demo" }, spec });
  const conditions = async (name: string): Promise<string[]> => {
    const { status } = await client.get<MeshPolicy>(MESH_KINDS.MeshPolicy, name, "demo");
    return (status?.conditions ?? []).map(({ type, status: is, reason, message }) =>
      `${type}=${is} ${reason} ${message}`.trim(),
    );
  };

  test("an application that speaks xDS itself reaches a Service over both families", async () => {
    const { spec } = await podOf("xds");
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ["xds"],
    );
    assert.equal((spec.initContainers ?? []).length, 0);
    const ask = (app: string, target: string) => {
      const program = `${NODE} ${APP}/test/envoy/mesh-grpc-client.ts`;
      return inPod(app, "sh", "-c", `echo xds:///${target} | timeout 60 ${program}`);
    };
    const target = "echo.demo.svc.cluster.local:50051";
    // the first family; where it is slow the other one is tried beside it, and may be faster
    await eventually(
      async () => ask("xds", target).stdout.trim(),
      (family) => family === "IPv4",
    );
    const { metadata } = await podOf("echo");
    const broken = home.run(["lab", "break", "pod", `demo/${metadata.name}`, "--family", "IPv4"]);
    assert.equal(broken.status, 0, broken.stderr);
    await eventually(
      async () => ask("xds", target).stdout.trim(),
      (family) => family === "IPv6",
    );
    assert.equal(home.run(["lab", "mend"]).status, 0);
  });

  test("policies that contradict each other say so, and which of them counts", async () => {
    await policy("first", { mutualTls: "Strict" });
    await sleep(1100); // creationTimestamp is in seconds
    await policy("second", { mutualTls: "Permissive" });
    const said = await eventually(
      () => conditions("second"),
      (lines) => lines.length === 2,
    );
    assert.deepEqual(said, [
      "Accepted=True Accepted",
      "Conflicted=True Contradicts mutualTls: Permissive does not count for pods that demo/first is about as well, " +
        "which says Strict",
    ]);
    await eventually(
      () => conditions("first"),
      (lines) => /mutualTls: Strict counts, .* demo\/second/.test(lines[1] ?? ""),
    );
    await client.delete(MESH_KINDS.MeshPolicy, "first", "demo");
    await eventually(
      () => conditions("second"),
      (lines) => lines.length === 1,
    );
    await client.delete(MESH_KINDS.MeshPolicy, "second", "demo");
  });

  test("access logs of a pod's sidecar are its container's, and name identities and families", async () => {
    await policy("seen", { telemetry: { accessLog: "All", metrics: true } });
    const { metadata } = await podOf("client");
    const logs = async () => {
      inPod("client", ...CURL, "http://web.demo/");
      const path = `/api/v1/namespaces/demo/pods/${metadata.name}/log?container=tandem-proxy`;
      const { body } = await client.request("GET", path);
      return String(body)
        .split("\n")
        .filter((line) => line.includes('"reporter":"source"'));
    };
    const [line = ""] = await eventually(logs, (lines) => lines.length > 0);
    const fields = JSON.parse(line.slice(line.indexOf("{"))) as Record<string, unknown>;
    assert.equal(fields["source"], "spiffe://cluster.local/ns/demo/sa/default");
    assert.equal(fields["destination"], "spiffe://cluster.local/ns/demo/sa/default");
    assert.equal(fields["cluster"], "outbound|80||web.demo.svc.cluster.local");
    assert.equal(fields["response_code"], 200);
    for (const field of ["source_family", "destination_family"])
      assert.ok((FAMILIES as readonly unknown[]).includes(fields[field]), field);
    for (const { ip } of (await podOf("client")).status?.podIPs ?? []) {
      const host = ip.includes(":") ? `[${ip}]` : ip;
      // counters begin anew where a listener is replaced: only what is asked now is in them for sure
      const counters = async () => {
        inPod("client", ...CURL, "http://web.demo/");
        const { stdout } = inPod("web", ...CURL, `http://${host}:15090/stats/prometheus?filter=tandem`);
        return stdout.split("\n").filter((text) => text.startsWith("envoy_tandem_requests{"));
      };
      await eventually(counters, (lines) =>
        lines.some((text) => text.includes('{reporter="source",workload="demo/client"')),
      );
    }
    await client.delete(MESH_KINDS.MeshPolicy, "seen", "demo");
  });

  test("the authority's Secret is put back when somebody takes it away", async () => {
    const name = "tandem-mesh-ca";
    const before = await client.get<Secret>(KINDS.Secret, name, "tandem-system");
    await client.delete(KINDS.Secret, name, "tandem-system");
    const after = await eventually(
      () => client.get<Secret>(KINDS.Secret, name, "tandem-system").catch(() => undefined),
      (secret) => secret !== undefined,
    );
    assert.deepEqual(after?.data, before.data);
    assert.notEqual(after?.metadata.uid, before.metadata.uid);
  });

  test("a pod that asks for a capture that cannot be is refused, with the annotation and what is wrong", async () => {
    const bad = {
      metadata: {
        name: "uncaptured",
        namespace: "demo",
        annotations: { "tandem.dev/excludeUsers": "4294967295999" },
      },
      spec: { containers: [{ name: "main", ...SHELL }] },
    };
    const outcome = await client.create<Pod>(KINDS.Pod, bad as unknown as Pod).then(
      () => "made",
      (error: Error) => error.message,
    );
    assert.match(outcome, /excludeUsers.*4294967295999/);
    assert.equal(
      (await client.get(KINDS.Pod, "uncaptured", "demo").catch(() => undefined)) === undefined,
      true,
    );
  });

  test("requests go on while the mesh and the control plane stand still", async (t) => {
    const targets = targetsOf("web.demo", await addressesOf("web"));
    const report = leaveLoad(home, CLIENT, LOAD, targets, STANDSTILL / 1000 + AROUND);
    const pids = ["mesh", "control-plane"].map((part) => processOf(home, part) ?? Number.NaN);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    try {
      await sleep(STANDSTILL);
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    const seen = await eventually(
      async () => report(),
      (found) => found !== undefined,
    );
    t.diagnostic(JSON.stringify(seen));
    // one that waited for either of them would have been given up
    assert.deepEqual(seen?.failed, {});
    assert.ok(seen.gap < STANDSTILL, "they are answered meanwhile");
  });

  test("connections to Services and to their very pods go over the other family once one is lost between two nodes", async (t) => {
    for (const family of FAMILIES) {
      const pods = (await podOf("bytes")).status?.podIPs ?? [];
      const hosts = [...(await addressesOf("bytes")), ...pods.map(({ ip }) => ip)];
      const targets = hosts.map((host) => `${host}/9000`);
      const load = await startProgram<Phase[]>(home, CLIENT, "tcp-load.ts", ["20", ...targets]);
      await sleep(1_000);
      const broken = home.run(["lab", "break", "link", "node-1", "node-2", "--family", family]);
      assert.equal(broken.status, 0, broken.stderr);
      load.say("lost");
      await sleep(3_000);
      const [before, after] = await load.end();
      t.diagnostic(`${family} lost between nodes: ${JSON.stringify({ before, after })}`);
      assert.equal(home.run(["lab", "mend"]).status, 0);
      // the sidecar tries a connection once: one that waits for the lost family is closed by its connect timeout
      assert.deepEqual(after?.failed, {});
      assert.ok((after?.opened ?? 0) > 0);
    }
  });

  test("requests go on, and new ones go over the other family, while one is lost between two nodes", async (t) => {
    /** What each address answers where nothing is tried again: 503 to what waits for a family until it is given up. */
    const answersOf = (hosts: readonly string[]) =>
      hosts.map((host) => {
        const form = ["-o", "/dev/null", "-w", "%{http_code}", "-H", "x-envoy-max-retries: 0"];
        return inPod("client", ...CURL, ...form, `http://${urlHost(host)}/`).stdout;
      });
    for (const family of FAMILIES) {
      const hosts = await addressesOf("web");
      const load = await startLoad(home, CLIENT, LOAD, targetsOf("web.demo", hosts));
      await sleep(2_000);
      const broken = home.run(["lab", "break", "link", "node-1", "node-2", "--family", family]);
      assert.equal(broken.status, 0, broken.stderr);
      await sleep(3_000);
      await eventually(
        async () => answersOf(hosts),
        (answers) => answers.every((answer) => answer === "200"),
      );
      const report = await load.end();
      t.diagnostic(`${family} lost between nodes: ${JSON.stringify(report)}`);
      assert.deepEqual(report.failed, {});
      assert.equal(home.run(["lab", "mend"]).status, 0);
      await sleep(2_000);
    }
  });
});
