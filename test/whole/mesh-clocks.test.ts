/** Clocks that differ: mutual TLS between sidecars of which some are minutes ahead or behind. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { applyManifests, type KubeClient, parseManifest } from "../../src/client/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { MESH_KINDS } from "../../src/objects/mesh/index.ts";
import type { Pod, Service } from "../../src/objects/types.ts";
import { eventually } from "../controllers/cluster.ts";
import { ENVOY } from "../envoy/ads-envoy.ts";
import { DEMO, echo, realEnvoy, service } from "./mesh-demo.ts";
import { downAfterTest, type Home, manifestIn, ROOT, upForTest } from "./tandem.ts";

const CURL = ["curl", "-gsS", "--max-time", "20"];
/** Seconds by which the clocks of Envoys in pods of these names are off. */
const OFFSETS = { ahead: 300, behind: -300, late: -1200 };

const COMPILED = join(ROOT, "test/whole/clock-shim.c");
const compiler = spawnSync("cc", ["--version"]).status === 0;
const skip = ENVOY === undefined ? "no Envoy" : compiler ? false : "no C compiler for clock-shim.c";

/** Envoy, with another clock in some pods; the library comes along in the script, as pods see other files than the host. */
function envoyWithClocks(home: Home): string {
  const library = join(home.path, "clock.so");
  const made = spawnSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, COMPILED], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  const cases = Object.entries(OFFSETS).map(
    ([name, seconds]) => `  ${name}-*) export CLOCK_OFFSET=${seconds} ;;`,
  );
  const path = join(home.path, "envoy-with-clocks");
  const script = `#!/bin/bash
${realEnvoy()}
case "$POD_NAME" in
${cases.join("\n")}
esac
if [ -n "$CLOCK_OFFSET" ]; then
  base64 -d >/tmp/clock.so <<'LIBRARY'
${readFileSync(library).toString("base64")}
LIBRARY
  export LD_PRELOAD=/tmp/clock.so
fi
exec "$envoy" "$@"
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

const list = (...items: object[]) => ({ apiVersion: "v1", kind: "List", items });
const web = (name: string) => [service(name, { name: "http", port: 80, targetPort: 8080 }), echo(name)];
const STRICT = {
  apiVersion: "tandem.dev/v1alpha1",
  kind: "MeshPolicy",
  metadata: { name: "strict", namespace: "demo" },
  spec: { mutualTls: "Strict" },
};

describe("sidecars whose clocks differ", { skip }, () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest((at) => [
      "--envoy",
      envoyWithClocks(at),
      "-f",
      manifestIn(at, list(DEMO, ...["web", "ahead", "behind"].flatMap(web))),
    ]));
    await client.create(MESH_KINDS.MeshPolicy, STRICT);
  });

  after(() => downAfterTest({ home, client }));

  const ask = (from: string, url: string) =>
    home.run(["lab", "exec", "-n", "demo", `deploy/${from}`, "--", ...CURL, url]).stdout.trim();
  const addressesOf = async (name: string) => {
    const { spec } = await client.get<Service>(KINDS.Service, name, "demo");
    return (spec.clusterIPs ?? []).map((address) => (address.includes(":") ? `[${address}]` : address));
  };
  /** Answers over each family. */
  const answers = async (from: string, to: string) =>
    (await addressesOf(to)).map((host) => ask(from, `http://${host}/`)).join();
  /** Connections that a sidecar has taken over mutual TLS. */
  const handshakes = (name: string) =>
    Number(/: (\d+)/.exec(ask(name, "http://127.0.0.1:15000/stats?filter=15006.ssl.handshake$"))?.[1] ?? 0);

  test("speak mutual TLS both ways over both families, five minutes ahead and behind", async () => {
    for (const name of ["ahead", "behind"])
      for (const [from, to] of [
        ["web", name],
        [name, "web"],
      ] as const) {
        // counters begin anew where a listener is replaced, as by the policy: only what is asked now is in them for sure
        await eventually(
          async () => ({ said: await answers(from, to), taken: handshakes(to) }),
          ({ said, taken }) => said === `${to},${to}` && taken > 0,
        );
      }
    await eventually(
      () => answers("ahead", "behind"),
      (said) => said === "behind,behind",
    );
    const { stdout } = await eventually(
      async () => home.run(["proxy-status", "-n", "demo"]),
      ({ status }) => status === 0,
    );
    // what an answer takes on its way is in it
    assert.match(stdout, /^ahead-\S+: its clock is (5m|4m[345]\ds) ahead of this machine's$/m);
    assert.match(stdout, /^behind-\S+: its clock is (5m|4m59s|5m[12]?\ds) behind this machine's$/m);
  });

  test("twenty minutes behind, one starts nothing, and proxy-status and its log say why", async () => {
    await applyManifests(client, parseManifest("this test", JSON.stringify(list(...web("late")))));
    const told = await eventually(
      async () => home.run(["proxy-status", "-n", "demo"]),
      ({ stdout }) => /^late-\S+: its clock is/m.test(stdout),
    );
    assert.equal(told.status, 79);
    assert.match(
      told.stdout,
      /^late-\S+: its clock is \S+ behind this machine's; certificates begin 10 minutes before/m,
    );
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace: "demo", labelSelector: "app=late" });
    const name = items[0]?.metadata.name ?? "";
    assert.equal(items[0]?.status?.phase, "Pending");
    const path = `/api/v1/namespaces/demo/pods/${name}/log?container=tandem-proxy`;
    await eventually(
      async () => String((await client.request("GET", path)).body),
      (log) => /certificate_is_not_yet_valid/.test(log),
    );
    assert.equal(await answers("web", "ahead"), "ahead,ahead");
  });
});
