import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Home, makeHome, TANDEM, withPatience } from "./tandem.ts";

/** Wrong input ends before anything is started: a clear error, the right exit code, no cluster. */
describe("tandem up refuses what cannot work", () => {
  let home: Home;
  before(() => {
    home = makeHome({ name: "whoever runs this" });
  });
  after(() => home.remove());

  function manifest(name: string, text: string): string {
    mkdirSync(join(home.path, "manifests"), { recursive: true });
    const file = join(home.path, "manifests", name);
    writeFileSync(file, text);
    return file;
  }

  function refuses(args: readonly string[], status: number, ...expected: RegExp[]): void {
    const result = home.run(["up", "--once", ...args]);
    assert.equal(result.status, status, result.stderr);
    for (const pattern of expected) assert.match(result.stderr, pattern);
    assert.doesNotMatch(result.stderr, /\n {4}at /, "no stack traces");
    assert.ok(!existsSync(join(home.path, "tandem")), `state is left: ${readdirSync(home.path)}`);
  }

  const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";

  test("a manifest that is no YAML: file and line", () => {
    refuses(["-f", manifest("broken.yaml", "apiVersion: v1\nkind: [\n")], 65, /broken\.yaml.*[23]/, /next: /);
  });

  test("without --once the cluster stays, and the error says so and how to end it", () => {
    const file = manifest("stays.yaml", CONFIG.replace("ConfigMap", "ConfigMop"));
    const result = home.run(["up", "--name", "stays", "-f", file]);
    try {
      assert.equal(result.status, 65, result.stderr);
      assert.match(
        result.stderr,
        /next: .*the cluster is up all the same: export KUBECONFIG=\S+stays.*tandem down --name stays/,
      );
    } finally {
      assert.equal(home.run(["down", "--name", "stays"]).status, 0);
    }
  });

  test("a file that is not there", () => {
    refuses(["-f", join(home.path, "nowhere.yaml")], 65, /nowhere\.yaml/);
  });

  test("an unknown kind: file and kind", () => {
    refuses(
      ["-f", manifest("kind.yaml", `${CONFIG}---\n${CONFIG.replace("ConfigMap", "ConfigMop")}`)],
      65,
      /ConfigMop/,
      /kind\.yaml/,
    );
  });

  test("an unknown field: file, object and field; nothing of the file is applied", () => {
    const service =
      "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ipFamilyPolice: x\n  ports:\n    - port: 80\n";
    refuses(
      ["-f", manifest("field.yaml", `${CONFIG}---\n${service}`)],
      65,
      /spec\.ipFamilyPolice/,
      /web/,
      /field\.yaml/,
    );
  });

  test("a Service that the allocator refuses: the real server's words", () => {
    const service =
      "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ipFamilies: [IPv4, IPv6]\n  ports:\n    - port: 80\n";
    refuses(
      ["-f", manifest("families.yaml", service)],
      65,
      /must be 'RequireDualStack' or 'PreferDualStack'/,
    );
  });

  test("bad and overlapping ranges", () => {
    refuses(
      ["--service-cluster-ip-range", "10.96.0.0/99,fd00::/112"],
      65,
      /--service-cluster-ip-range/,
      /not a CIDR/,
    );
    refuses(["--cluster-cidr", "10.96.0.0/16,fd00:10:244::/56"], 65, /overlaps 10\.96\.0\.0\/16/);
  });

  test("a port in use: which port, and what to do", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    refuses(["--port", String(port)], 1, new RegExp(String(port)), /next: /);
    await new Promise((resolve) => server.close(resolve));
  });

  test("nft missing: the package to install", () => {
    const script = `mount --bind /dev/null "$(PATH=$PATH:/usr/sbin:/sbin command -v nft)" && exec "$0" up --once`;
    const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const result = spawnSync("unshare", [...user, "--mount", "sh", "-c", script, TANDEM], {
      encoding: "utf8",
      env: home.command([]).env,
    });
    assert.equal(result.status, 1, result.stderr);
    assert.match(result.stderr, /nft/);
    assert.match(result.stderr, /next: .*nftables/);
  });

  test("unknown flags and commands are usage errors", () => {
    assert.equal(home.run(["up", "--no-such-flag"]).status, 64);
    assert.equal(home.run(["no-such-command"]).status, 64);
  });

  test("no cluster to talk to: the command that brings one up", () => {
    const result = home.run(["matrix"]);
    assert.equal(result.status, 1);
    assert.match(result.stderr, /next: tandem up/);
  });
});

describe("a pod whose program is missing", () => {
  test("fails that pod alone, with the reason in the error, status and events", () => {
    const home = makeHome({ name: "whoever runs this" });
    try {
      const file = join(home.path, "pod.yaml");
      const pod = (name: string, image: string) =>
        `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n    - name: c\n      image: ${image}\n`;
      writeFileSync(
        file,
        `${pod("good", "registry.k8s.io/pause:3.10")}---\n${pod("bad", "example.com/no-such-program:1")}`,
      );
      const result = withPatience(
        (seconds) => home.run(["up", "--once", "-f", file, "--timeout", seconds]),
        ({ stderr }) => /ImagePull/.test(stderr) && !/where: .*default\/good/.test(stderr),
      );
      assert.equal(result.status, 1, result.stderr);
      assert.match(result.stderr, /pod default\/bad/);
      assert.match(result.stderr, /ErrImagePull|ImagePullBackOff/);
      assert.match(result.stderr, /no-such-program/);
      assert.doesNotMatch(result.stderr, /where: .*default\/good/);
    } finally {
      home.run(["down"]);
      home.remove();
    }
  });
});
