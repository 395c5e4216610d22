/** Several replicas of the mesh: each serves sidecars, one writes; what any of them hears is told, whichever dies. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { applyManifests, type KubeClient, parseManifest } from "../../src/client/index.ts";
import type { Family } from "../../src/ip/family.ts";
import { outsideOf } from "../../src/lab/index.ts";
import { GATEWAY_KINDS, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Lease, Secret, Service } from "../../src/objects/types.ts";
import { eventually, keepLease } from "../controllers/cluster.ts";
import { ENVOY } from "../envoy/ads-envoy.ts";
import { startLoad, targetsOf } from "./load.ts";
import { DEMO, deployment, echo, service, strictEnvoy } from "./mesh-demo.ts";
import { downAfterTest, type Home, processOf, ROOT, upForTest } from "./tandem.ts";

const SHELL = { image: "curlimages/curl", command: ["sleep", "infinity"] };
const CURL = ["curl", "-gsS", "--max-time", "20"];
/** Requests a second, and under way at once at most: more would only queue up on a busy machine. */
const RATE = "50/16";
/** More than the strict Envoy's 30 instructions. */
const LONG = "/([a-z]{3}[0-9]{4}){5}/abcdef";

const web = (name: string): object[] => [
  service(name, { name: "http", port: 80, targetPort: 8080 }),
  echo(name),
];

/** A replica on one address, see mesh-replica.ts. */
interface Replica {
  readonly said: readonly string[];
  kill(): void;
}

describe("several replicas of the mesh", { skip: ENVOY === undefined }, () => {
  let home: Home;
  let client: KubeClient;
  const replicas = new Set<Replica>();

  before(async () => {
    ({ home, client } = await upForTest((at) => ["--envoy", strictEnvoy(at)]));
    // the lab's own mesh, which knows no other, says nothing more
    process.kill(processOf(home, "mesh") ?? Number.NaN, "SIGSTOP");
  });

  after(() => {
    for (const replica of replicas) replica.kill();
    downAfterTest({ home, client });
  });

  async function startReplica(place: Family | "loopback"): Promise<Replica> {
    const stateDir = join(home.path, "tandem");
    const [nsenter = "", ...prefix] = outsideOf(stateDir)?.prefix ?? [];
    const program = [process.execPath, join(ROOT, "test/whole/mesh-replica.ts"), join(stateDir, "lab.json")];
    const child = spawn(nsenter, [...prefix, ...program, place], { stdio: ["ignore", "pipe", "inherit"] });
    const said: string[] = [];
    const serves = Promise.withResolvers<void>();
    child.once("exit", () => serves.reject(new Error(`the replica has ended: ${said.join("; ")}`)));
    createInterface(child.stdout).on("line", (line) => {
      said.push(line);
      if (line === "serves") serves.resolve();
    });
    const replica = { said, kill: () => killTree(child) };
    replicas.add(replica);
    await serves.promise;
    return replica;
  }
  const leads = ({ said }: Replica) =>
    said.some((line) => / leads \(Lease/.test(line) && !/ waits: /.test(line));
  /** Beside this process, which keeps a Lease meanwhile: held up by a slow answer it would let that run out. */
  const inClient = async (...command: string[]) => {
    const it = home.command(["lab", "exec", "-n", "demo", "deploy/client", "--", ...command]);
    const child = spawn(it.file, it.args, { env: it.env, stdio: ["ignore", "pipe", "inherit"] });
    return text(child.stdout);
  };
  const addressesOf = async (name: string) => {
    const { spec } = await client.get<Service>(KINDS.Service, name, "demo");
    return (spec.clusterIPs ?? []).map((address) => (address.includes(":") ? `[${address}]` : address));
  };
  const answers = async (name: string, path = "/") => {
    const said = (await addressesOf(name)).map((host) =>
      inClient(...CURL, "-H", `Host: ${name}.demo`, `http://${host}${path}`),
    );
    return (await Promise.all(said)).map((answer) => answer.trim()).join();
  };
  const answered = (name: string, expected: string, path?: string) =>
    eventually(
      () => answers(name, path),
      (said) => said === expected,
    );
  const apply = (objects: object[]) => {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    return applyManifests(client, parseManifest("this test", JSON.stringify(list)));
  };
  const route = (name: string, regex: string) =>
    client.create(GATEWAY_KINDS.HTTPRoute, {
      metadata: { name, namespace: "demo" },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "web", port: 80 }],
        rules: [
          {
            matches: [{ path: { type: "RegularExpression", value: regex } }],
            backendRefs: [{ name: "shop", port: 80 }],
          },
        ],
      },
    });
  const accepted = async (name: string) => {
    const { status } = await client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, name, "demo");
    const condition = status?.parents[0]?.conditions.find(({ type }) => type === "Accepted");
    return condition === undefined ? "" : `${condition.status} ${condition.message}`;
  };
  const authority = async () =>
    (await client.get<Secret>(KINDS.Secret, "tandem-mesh-ca", "tandem-system")).data;

  test("a refusal that one hears is in the status that another one writes, and goes with its cause", async () => {
    const leader = await startReplica("loopback");
    await eventually(async () => leads(leader), Boolean);
    const other = await startReplica("IPv4");
    await apply([DEMO, ...web("web"), ...web("shop"), deployment("client", SHELL)]);
    await answered("web", "web,web");
    await route("long", LONG);
    const told = await eventually(
      () => accepted("long"),
      (said) => said.startsWith("False"),
    );
    assert.match(told, /RE2 program size of 57/);
    const heard = ({ said }: Replica) => said.some((line) => /refuses route .*RE2 program size/.test(line));
    await eventually(async () => heard(other), Boolean);
    assert.equal(heard(leader), false);
    assert.equal(leads(other), false);
    const mended = [{ op: "replace", path: "/spec/rules/0/matches/0/path/value", value: "/long[0-9]" }];
    await client.patch(GATEWAY_KINDS.HTTPRoute, "long", "demo", mended, { type: "json" });
    await eventually(
      () => accepted("long"),
      (said) => said.startsWith("True"),
    );
    await answered("web", "shop,shop", "/long1");
    leader.kill();
    await eventually(async () => leads(other), Boolean);
  });

  test("requests go on when the one that leads and serves is killed; another one takes all of it over", async (t) => {
    const leader = [...replicas].find(({ said }) => said.some((line) => /refuses route/.test(line)));
    const next = await startReplica("IPv6");
    assert.equal(leads(next), false);
    const before = await authority();
    const targets = targetsOf("web.demo", await addressesOf("web"), "/long1");
    const load = await startLoad(home, ["-n", "demo", "deploy/client"], RATE, targets);
    leader?.kill();
    const endLease = keepLease(client, "tandem-mesh");
    await apply([service("again", { name: "http", port: 80, targetPort: 8080 }, "web")]);
    await answered("again", "web,web");
    assert.equal(leads(next), false, "sidecars are served before anybody leads");
    await endLease();
    await eventually(async () => leads(next), Boolean);
    await route("short", "/short[0-9]");
    assert.match(await eventually(() => accepted("short"), Boolean), /^True/);
    await answered("web", "shop,shop", "/short1");
    await apply(web("late"));
    await answered("late", "late,late");
    const report = await load.end();
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual(report.failed, {});
    assert.ok(report.ok > 0);
    assert.deepEqual(await authority(), before);
    const { spec } = await client.get<Lease>(KINDS.Lease, "tandem-mesh", "kube-system");
    assert.equal(spec?.leaseTransitions, 2);
  });
});

/** `nsenter` has a child of its own where it enters a namespace of processes. */
function killTree(child: ChildProcess): void {
  spawnSync("pkill", ["-KILL", "-P", String(child.pid)]);
  child.kill("SIGKILL");
}
