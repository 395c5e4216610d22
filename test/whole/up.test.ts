import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Home, makeHome, ROOT, users, withPatience } from "./tandem.ts";

const EXAMPLE = join(ROOT, "examples/tcp-echo");

/** What of the host a lab could leave behind: namespaces, links, rules, mounts. */
function hostState(): string {
  const commands = [
    ["ip", "netns"],
    ["ip", "-o", "link"],
    ["sh", "-c", "nft list ruleset 2>/dev/null"],
    ["sh", "-c", "sort /proc/self/mounts"],
  ];
  return commands
    .map(([file = "", ...args]) => spawnSync(file, args, { encoding: "utf8" }).stdout)
    .join("\n--\n");
}

for (const user of users()) {
  describe(`the example as ${user.name}`, () => {
    let home: Home;
    let hostBefore: string;

    before(() => {
      home = makeHome(user);
      hostBefore = hostState();
      const up = home.run(["up", "-f", EXAMPLE]);
      assert.equal(up.status, 0, up.stderr + up.stdout);
      assert.match(up.stdout, /dual-stack +tcp-echo +✓ +✓ +✓ +✓ +✓ +✓ +✓ +✓/);
      assert.match(up.stdout, /ipv4 +tcp-echo +✓ +– +✓ +– +✓ +– +✓ +–/);
      assert.match(up.stdout, /ipv6 +tcp-echo +– +✓ +– +✓ +– +✓ +– +✓/);
    });

    after(() => {
      home.run(["down"]);
      home.remove();
    });

    const CALLS: readonly [namespace: string, command: string, answer: string][] = [
      ["dual-stack", "echo dualstack | nc tcp-echo.dual-stack 9000", "hello dualstack\n"],
      ["dual-stack", "echo dualstack | nc -4 tcp-echo.dual-stack 9000", "hello dualstack\n"],
      ["dual-stack", "echo dualstack | nc -6 tcp-echo.dual-stack 9000", "hello dualstack\n"],
      ["ipv4", "echo ipv4 | nc tcp-echo.ipv4 9000", "hello ipv4\n"],
      ["ipv6", "echo ipv6 | nc tcp-echo.ipv6 9000", "hello ipv6\n"],
    ];
    for (const [namespace, command, answer] of CALLS) {
      test(`from namespace ${namespace}: ${command}`, () => {
        const result = home.run(["lab", "exec", "-n", namespace, "deploy/sleep", "--", "sh", "-c", command]);
        assert.equal(result.stdout, answer, result.stderr);
        assert.equal(result.status, 0);
      });
    }

    test("exec hands through input, exit code and standard error", () => {
      const result = home.run(
        ["lab", "exec", "-i", "-n", "ipv4", "deploy/sleep", "--", "sh", "-c", "cat; echo oops >&2; exit 7"],
        "in\n",
      );
      assert.deepEqual([result.stdout, result.stderr, result.status], ["in\n", "oops\n", 7]);
    });

    test("a family that the Service lacks does not resolve", () => {
      const result = home.run([
        "lab",
        "exec",
        "-n",
        "ipv4",
        "deploy/sleep",
        "--",
        "sh",
        "-c",
        "echo x | nc -6 tcp-echo.ipv4 9000",
      ]);
      assert.notEqual(result.status, 0);
    });

    test("the matrix again, as data", () => {
      const result = home.run(["matrix", "-o", "json"]);
      assert.equal(result.status, 0, result.stderr);
      const matrix = JSON.parse(result.stdout) as { ok: boolean; rows: unknown[]; families: string[] };
      assert.equal(matrix.ok, true);
      assert.deepEqual(matrix.families, ["IPv4", "IPv6"]);
      assert.equal(matrix.rows.length, 5);
    });

    test("down leaves nothing behind, and again says so kindly", () => {
      assert.equal(home.run(["down"]).status, 0);
      assert.equal(hostState(), hostBefore);
      assert.equal(home.run(["down"]).status, 0);
    });
  });
}

describe("one family first, one family only", () => {
  for (const families of ["IPv6,IPv4", "IPv4", "IPv6"]) {
    test(`--ip-families ${families}`, () => {
      const home = makeHome({ name: "whoever runs this" });
      try {
        const up = home.run([
          "up",
          "--once",
          "--ip-families",
          families,
          "-f",
          join(ROOT, "examples/any-family"),
        ]);
        assert.equal(up.status, 0, up.stderr + up.stdout);
        const columns = families.split(",").map((family) => `DNS/${family.slice(-1)}`);
        assert.match(up.stdout, new RegExp(`NAMESPACE +SERVICE +${columns.join(" +")} +CLUSTERIP`));
      } finally {
        home.run(["down"]);
        home.remove();
      }
    });
  }
});

test("pods that admission refuses: up says which annotation, and of which Deployment", () => {
  const home = makeHome({ name: "whoever runs this" });
  const file = join(home.path, "refused.yaml");
  writeFileSync(file, JSON.stringify(refusedByInjection()));
  try {
    const up = withPatience(
      (seconds) => home.run(["up", "--once", "-f", file, "--timeout", seconds]),
      ({ stderr }) => /excludeOutboundPorts/.test(stderr),
    );
    assert.notEqual(up.status, 0);
    assert.match(up.stderr, /excludeOutboundPorts: "eighty" is no port/);
    assert.match(up.stderr, /where: deployment demo\/web/);
  } finally {
    home.run(["down"]);
    home.remove();
  }
});

function refusedByInjection(): object {
  const metadata = {
    labels: { app: "web" },
    annotations: { "traffic.sidecar.istio.io/excludeOutboundPorts": "80,eighty" },
  };
  const containers = [{ name: "web", image: "hashicorp/http-echo" }];
  const demo = { name: "demo", labels: { "tandem.dev/inject": "enabled" } };
  const spec = { selector: { matchLabels: { app: "web" } }, template: { metadata, spec: { containers } } };
  const items = [
    { apiVersion: "v1", kind: "Namespace", metadata: demo },
    { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "demo" }, spec },
  ];
  return { apiVersion: "v1", kind: "List", items };
}
