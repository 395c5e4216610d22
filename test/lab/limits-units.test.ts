import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ownGroups } from "../../src/lab/host/cgroup-find.ts";
import { joining } from "../../src/lab/kubelet/cgroup-join.ts";
import { limitsOf, settingsOf } from "../../src/lab/kubelet/cgroup-limits.ts";
import { ConfigError } from "../../src/lab/kubelet/env.ts";
import { StartError } from "../../src/lab/kubelet/process.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-limits-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const MOUNTS_V1 = `22 1 8:1 / / rw - ext4 /dev/sda rw
30 22 0:26 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw
31 22 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct
32 22 0:28 /docker/abc /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory`;

test("own groups are found in v1 hierarchies, alone or joined, and in v2", () => {
  const own = ownGroups(
    MOUNTS_V1,
    "4:memory:/docker/abc/x\n3:cpu,cpuacct:/a:b\n8:pids:/p\n1:name=systemd:/s\n0::/u\n",
  );
  assert.deepEqual(own, {
    v1: {
      memory: { mount: "/sys/fs/cgroup/my memory", path: "/x" },
      cpu: { mount: "/sys/fs/cgroup/cpu,cpuacct", path: "/a:b" },
    },
    v2: { mount: "/sys/fs/cgroup/unified", path: "/u" },
  });
});

test("a group outside of what is mounted is none", () => {
  assert.deepEqual(ownGroups(MOUNTS_V1, "4:memory:/docker/abcd\n").v1, {});
  assert.deepEqual(ownGroups(MOUNTS_V1, "4:memory:/docker/abc\n").v1.memory?.path, "/");
});

const limited = (limits: Record<string, string>) => ({ name: "c", resources: { limits } });

test("limits become bytes and thousandths of a CPU, rounded up; zero is none", () => {
  assert.deepEqual(limitsOf(limited({ memory: "1.5Mi", cpu: "0.0101" }), ["sleep"]), {
    memoryBytes: 1_572_864,
    milliCpu: 11,
  });
  assert.deepEqual(limitsOf(limited({ memory: "0", cpu: "0" }), ["sleep"]), {});
  assert.deepEqual(limitsOf({ name: "c" }, ["sleep"]), {});
});

test("Node's own memory is not counted against a built-in image", () => {
  const { memoryBytes } = limitsOf(limited({ memory: "16Mi" }), ["/run/tandem/node/node", "agnhost"]);
  assert.equal(memoryBytes, 80 * 1024 * 1024);
});

test("a limit that is no quantity, and one that nothing can start with, are told apart", () => {
  assert.throws(() => limitsOf(limited({ cpu: "much" }), ["sleep"]), ConfigError);
  assert.throws(() => limitsOf(limited({ memory: "-1" }), ["sleep"]), ConfigError);
  assert.throws(
    () => limitsOf(limited({ memory: "4Ki" }), ["sleep"]),
    (error) => error instanceof StartError && /memory limit too low\?/.test(error.message),
  );
});

test("what is written for limits, with v1 and v2", () => {
  const lines = (version: 1 | 2, milliCpu = 250) =>
    settingsOf({ memoryBytes: 1_048_576, milliCpu }, version).map(({ file, value }) => `${file} ${value}`);
  assert.deepEqual(lines(1), [
    "memory.limit_in_bytes 1048576",
    "memory.memsw.limit_in_bytes 1048576",
    "cpu.cfs_period_us 100000",
    "cpu.cfs_quota_us 25000",
  ]);
  assert.deepEqual(lines(2), [
    "memory.max 1048576",
    "memory.swap.max 0",
    "memory.oom.group 1",
    "cpu.max 25000 100000",
  ]);
  assert.equal(lines(2, 1).at(-1), "cpu.max 1000 100000");
  assert.deepEqual(settingsOf({}, 2), []);
});

/** Runs `env` as if it joined the groups given. */
function joined(joins: string[], env: Record<string, string>) {
  const started = joining(joins, ["/usr/bin/env", "-0"], env);
  const [program = "", ...words] = started.command;
  const { status, stdout } = spawnSync(program, words, { env: started.env, encoding: "utf8" });
  const lines = stdout.split("\0").filter(Boolean);
  return { status, env: Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2))) };
}

test("a command joins each of its groups, and has the environment that it was given", () => {
  const groups = ["a", "b"].map((name) => join(folder, name));
  const odd = { PATH: "/bin", "my.var-x": "1", IFS: "x", TEXT: "two\nlines = 'q'", EMPTY: "" };
  for (const env of [{}, odd, { ...odd, PWD: "/elsewhere", SHLVL: "7", _: "u" }]) {
    assert.deepEqual(joined(groups, env), { status: 0, env });
  }
  for (const group of groups) assert.equal(readFileSync(group, "utf8"), "0\n");
});

test("a command whose group cannot be joined is not run", () => {
  assert.deepEqual(joined([join(folder, "gone", "cgroup.procs")], {}), { status: 128, env: {} });
});
