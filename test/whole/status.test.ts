import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { ClusterStatus, NotRunning } from "../../src/cli/status/model.ts";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { eventually } from "../controllers/cluster.ts";
import { type Home, makeHome, replacePart, ROOT } from "./tandem.ts";

const V4_ONLY = {
  metadata: { name: "v4-only", namespace: "default" },
  spec: {
    containers: [
      {
        name: "main",
        image: "hashicorp/http-echo",
        args: ["-listen=0.0.0.0:8080", "-text=v4"],
        ports: [{ containerPort: 8080 }],
        readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 },
      },
    ],
  },
};

describe("tandem status", () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    home = makeHome({ name: "whoever runs this" });
    const none = home.run(["status"]);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /no cluster to work with: it is not running[\s\S]*next: tandem up/);
    const { status, stdout } = home.run(["status", "-o", "json"]);
    assert.equal(status, 1);
    const said: NotRunning = { running: false, ok: false, cluster: "tandem", others: [] };
    assert.deepEqual(JSON.parse(stdout), said);
    const up = home.run(["up", "-q", "-f", join(ROOT, "examples/any-family")]);
    assert.equal(up.status, 0, up.stderr + up.stdout);
    client = new KubeClient(await loadKubeconfig(join(home.path, "tandem/kubeconfig")));
  });

  after(() => {
    client?.close();
    home.run(["down"]);
    home.remove();
  });

  const look = (): ClusterStatus => JSON.parse(home.run(["status", "-o", "json"]).stdout) as ClusterStatus;
  const until = (holds: (status: ClusterStatus) => boolean) => eventually(async () => look(), holds);

  test("shows all that runs, and exits with 0 where nothing is down", async () => {
    const status = await until(({ ok }) => ok);
    assert.deepEqual(
      status.parts.map(({ name }) => name),
      ["control-plane", "gateway", "mesh", "balancer", "node-1", "node-2"],
    );
    assert.deepEqual(status.families, ["IPv4", "IPv6"]);
    assert.deepEqual(status.nodes[0]?.addresses, { IPv4: "172.18.0.2", IPv6: "fd00:172:18::2" });
    const web = status.pods.find(({ namespace }) => namespace === "default");
    assert.deepEqual(web, {
      namespace: "default",
      ready: 2,
      total: 2,
      families: { IPv4: { ready: 2, total: 2 }, IPv6: { ready: 2, total: 2 } },
      completed: 0,
    });
    const table = await eventually(
      async () => home.run(["status"]),
      ({ status: code }) => code === 0,
    );
    assert.match(table.stdout, /^default +2\/2 +2\/2 +2\/2 +0$/m);
    assert.match(table.stdout, /Nothing is down/);
  });

  test("a pod that answers over one family counts for that one, and is told of", async () => {
    await client.create(KINDS.Pod, V4_ONLY);
    const expected = { IPv4: { ready: 3, total: 3 }, IPv6: { ready: 2, total: 3 } };
    const { problems } = await until(
      ({ pods, problems: [first] }) =>
        (first?.why.startsWith("silent over IPv6") ?? false) &&
        pods.some(
          ({ namespace, families }) => namespace === "default" && isDeepStrictEqual(families, expected),
        ),
    );
    assert.match(problems[0]?.why ?? "", /listens on 0\.0\.0\.0:8080/);
    assert.equal(home.run(["status"]).status, 79);
    await client.delete(KINDS.Pod, "v4-only", "default", { gracePeriodSeconds: 0 });
    await until(({ ok }) => ok);
  });

  test("faults come with the command that mends them", async () => {
    home.run(["lab", "break", "node", "node-2", "--stop"]);
    const { problems } = await until(
      ({ parts }) => parts.find(({ name }) => name === "node-2")?.state === "frozen",
    );
    const fault = problems.find(({ why }) => why.includes("is in force: stopped"));
    assert.equal(fault?.where, "node node-2");
    const [, ...words] = (fault?.next ?? "").split(" ");
    assert.equal(home.run(words).status, 0);
    assert.deepEqual(look().faults, []);
  });

  test("a process that was killed is counted, and told of until it has lived for a while", async () => {
    let kills = 0;
    const { parts } = await eventually(
      async () => {
        await replacePart(home, "mesh");
        kills++;
        return look();
      },
      // a busy machine may look when that while is over
      ({ problems }) =>
        problems.some(({ where, why }) => where === "part mesh" && /ended with SIGKILL/.test(why)),
    );
    assert.equal(parts.find(({ name }) => name === "mesh")?.restarts, kills);
  });
});
