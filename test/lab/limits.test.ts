import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { readConfig, statePaths } from "../../src/lab/index.ts";
import type { LabCgroups } from "../../src/lab/host/cgroups.ts";
import type { Pod } from "../../src/objects/types.ts";
import { temporaryHome, TestCluster } from "./cluster.ts";
import { parentOf } from "./processes.ts";

const home = temporaryHome();
const otherHome = mkdtempSync(join(tmpdir(), "tandem-limits-"));
const parents: ChildProcess[] = [];
let lab: TestCluster;
let cgroups: LabCgroups;

before(async () => {
  lab = await TestCluster.start("limits", ["IPv4", "IPv6"], 1);
  cgroups = readConfig(statePaths(lab.cluster.stateDir).config).cgroups;
});

after(async () => {
  for (const parent of parents) parent.kill("SIGKILL");
  await lab?.stop();
  home.remove();
  rmSync(otherHome, { recursive: true, force: true });
});

/** Folder of the lab's group for a controller; skips the test with the reason where there is none. */
function groupOf(controller: string, context: TestContext): string | undefined {
  const lacking = cgroups.lacking.find((entry) => entry.controller === controller);
  if (lacking !== undefined) context.skip(`${lacking.why}; ${lacking.next}`);
  return cgroups.groups.find((entry) => entry.controller === controller)?.dir;
}

const folders = (of: LabCgroups) => of.groups.map(({ dir }) => dir);
const terminatedOf = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.terminated;
const groupsOfPod = (pod: Pod) =>
  folders(cgroups).map((dir) => join(dir, "node-1", `pod-${pod.metadata.uid}`));

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 12_000; attempt++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not so in time: ${what}`);
}

/** Takes memory until it is killed; what it has taken is never given back. */
const HOG = ["sh", "-c", "tail /dev/zero"];
const LITTLE = { limits: { memory: "24Mi" } };

test("a container that takes more memory than its limit ends as OOMKilled", async (context) => {
  if (groupOf("memory", context) === undefined) return;
  await lab.create("hog", { command: HOG, resources: LITTLE }, { restartPolicy: "Never" });
  const pod = await lab.until("hog", "failed", ({ status }) => status?.phase === "Failed");
  assert.equal(terminatedOf(pod)?.reason, "OOMKilled");
  assert.equal(terminatedOf(pod)?.exitCode, 137);
});

test("it is started again by its policy, and the next end tells of its own", async (context) => {
  if (groupOf("memory", context) === undefined) return;
  // the second run ends once the end of the first has been seen: a third waits, and is about another end
  const second = "until [ -e /tmp/seen ]; do sleep 0.05; done; exit 3";
  const once = `if [ -e /tmp/been ]; then ${second}; fi; : > /tmp/been; exec tail /dev/zero`;
  await lab.create(
    "again",
    { command: ["sh", "-c", once], resources: LITTLE },
    { restartPolicy: "OnFailure" },
  );
  const statusOf = (pod: Pod) => pod.status?.containerStatuses?.[0];
  await lab.until(
    "again",
    "restarted after OOMKilled",
    (pod) =>
      statusOf(pod)?.lastState?.terminated?.reason === "OOMKilled" &&
      statusOf(pod)?.state?.running !== undefined,
  );
  assert.equal((await lab.exec("again", ["touch", "/tmp/seen"])).code, 0);
  await lab.until("again", "ended otherwise", (pod) => {
    const ends = [statusOf(pod)?.state?.terminated, statusOf(pod)?.lastState?.terminated];
    return ends.some((end) => end?.reason === "Error" && end.exitCode === 3);
  });
});

test("what `exec` runs counts for its container", async (context) => {
  if (groupOf("memory", context) === undefined) return;
  await lab.create("guest", { command: ["sleep", "infinity"], resources: LITTLE });
  await lab.ready("guest");
  assert.equal((await lab.exec("guest", HOG)).code, 137);
});

test("a memory limit that nothing can start with is told as by runc", async () => {
  await lab.create(
    "tiny",
    { command: ["true"], resources: { limits: { memory: "4Ki" } } },
    { restartPolicy: "Never" },
  );
  const pod = await lab.until("tiny", "failed", ({ status }) => status?.phase === "Failed");
  assert.equal(terminatedOf(pod)?.reason, "StartError");
  assert.equal(terminatedOf(pod)?.exitCode, 128);
  assert.match(terminatedOf(pod)?.message ?? "", /memory limit too low\?/);
});

/** Of a group: the CPUs that its processes may use together, and how often the kernel has held them back. */
function cpuOf(group: string): { limit: number; throttled: number } {
  const read = (file: string) => readFileSync(join(group, file), "utf8").trim();
  const [quota, period] = existsSync(join(group, "cpu.max"))
    ? read("cpu.max").split(" ")
    : [read("cpu.cfs_quota_us"), read("cpu.cfs_period_us")];
  const throttled = /^nr_throttled (\d+)$/m.exec(read("cpu.stat"))?.[1];
  return { limit: Number(quota) / Number(period), throttled: Number(throttled) };
}

test("containers are held back by the kernel when they reach their limits of CPU, each at its own", async (context) => {
  const group = groupOf("cpu", context);
  if (group === undefined) return;
  // little, so that they reach it on a busy machine too
  const limits = { slow: 0.025, fast: 0.1 };
  const containers = Object.entries(limits).map(([name, cpu]) => ({
    name,
    image: "busybox",
    command: ["sh", "-c", "while :; do :; done"],
    resources: { limits: { cpu: String(cpu) } },
  }));
  await lab.create("spin", {}, { containers });
  const { metadata } = await lab.ready("spin");
  for (const [name, limit] of Object.entries(limits)) {
    const own = join(group, "node-1", `pod-${metadata.uid}`, `${name}-1`);
    assert.equal(cpuOf(own).limit, limit, name);
    await until(`${name} was held back`, () => cpuOf(own).throttled > 0);
  }
  await lab.client.request("DELETE", "/api/v1/namespaces/default/pods/spin");
});

test("a container, its probes and `exec` are in the container's group, from inside of namespaces", async (context) => {
  if (folders(cgroups).length === 0) return context.skip(cgroups.lacking[0]?.why);
  // it is ready once the application has told of itself, and no later probe takes away what one has told
  const tell = "test -s /tmp/main && cat /proc/self/cgroup > /tmp/new && mv /tmp/new /tmp/probe";
  const exec = { command: ["sh", "-c", tell] };
  // a busy machine may take longer than the default second for the command
  const readinessProbe = { exec, periodSeconds: 1, timeoutSeconds: 60 };
  const command = ["sh", "-c", "cat /proc/self/cgroup > /tmp/main; exec sleep infinity"];
  const volumeMounts = [{ name: "empty", mountPath: "/empty" }];
  const volumes = [{ name: "empty", emptyDir: {} }];
  await lab.create("inside", { command, readinessProbe, volumeMounts }, { volumes } as never);
  const pod = await lab.ready("inside");
  const { out } = await lab.exec("inside", ["sh", "-c", "cat /tmp/main /tmp/probe /proc/self/cgroup"]);
  const end = `/node-1/pod-${pod.metadata.uid}/main-1`;
  const found = out.split("\n").filter((line) => line.endsWith(end));
  assert.equal(found.length, 3 * new Set(folders(cgroups)).size, out);
});

test("the lab's pods together have a bound of processes", (context) => {
  const group = groupOf("pids", context);
  if (group === undefined) return;
  assert.ok(Number(readFileSync(join(group, "pids.max"), "utf8")) <= 32_768);
});

test("limits that are not enforced are told of, with the reason and what to do", async () => {
  const limits = { memory: "64Mi", cpu: "100m", "ephemeral-storage": "1Gi" };
  await lab.create("told", { command: ["sleep", "infinity"], resources: { limits } });
  assert.match(await lab.event("told", "LimitsNotEnforced"), /does not enforce limits \([^)]+\): \w+/);
  for (const { next } of cgroups.lacking) assert.notEqual(next, "");
});

test("a pod's groups go with it", async () => {
  await lab.create("brief", { command: ["sh", "-c", "setsid sleep 1000 & exec sleep infinity"] });
  const pod = await lab.ready("brief");
  for (const group of groupsOfPod(pod)) assert.ok(existsSync(join(group, "main-1")), group);
  await lab.client.request("DELETE", "/api/v1/namespaces/default/pods/brief");
  await lab.gone("brief");
  for (const group of groupsOfPod(pod)) assert.equal(existsSync(group), false, group);
});

test("a node's agent that starts again clears what the last one left", async () => {
  const [group] = folders(cgroups);
  if (group === undefined) return;
  const stale = join(group, "node-1", "pod-of-the-last", "main-1");
  mkdirSync(stale, { recursive: true });
  let agents: string[] = [];
  await until("the agent is found, alone", () => {
    const all = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isAgent(pid));
    // a child of the agent has its command line until it runs a program of its own; one that has ended has no parent
    agents = all.filter((pid) => !all.includes(parentOf(pid)));
    return agents.length === 1;
  });
  process.kill(Number(agents[0]), "SIGKILL");
  await until("the next agent cleared up", () => !existsSync(stale));
});

/** Whether a process is the agent of this cluster's node. */
function isAgent(pid: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words.some((word) => word.startsWith(home.path)) && words.includes("node-1");
  } catch {
    return false;
  }
}

/** Runs `parent.ts once`, which brings the cluster `life` up and says `ready`. */
async function startParent(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "parent.ts"), "once"], {
    env: { ...process.env, TANDEM_HOME: otherHome },
    stdio: ["ignore", "pipe", "inherit"],
  });
  parents.push(child);
  let out = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  await until("the cluster is up", () => out.includes("ready") || child.exitCode !== null);
  assert.match(out, /ready/);
  return child;
}

test("no group is left after any end of a cluster", async () => {
  const stateDir = join(otherHome, "life");
  const start = async () => {
    const parent = await startParent();
    const groups = folders(readConfig(statePaths(stateDir).config).cgroups);
    for (const group of groups) assert.ok(existsSync(group), group);
    return { parent, groups };
  };
  const gone = (groups: string[]) => groups.every((group) => !existsSync(group));

  const first = await start();
  const { pid } = JSON.parse(readFileSync(statePaths(stateDir).pid, "utf8")) as { pid: number };
  process.kill(pid, "SIGKILL");
  await until("the parent heard of it", () => first.parent.exitCode !== null);
  assert.ok(gone(first.groups), "the lab's first process was killed");

  const second = await start();
  second.parent.kill("SIGKILL");
  await until("the parent ended", () => second.parent.signalCode !== null);
  // nobody was there to remove the groups: the next start does
  const third = await start();
  third.parent.kill("SIGTERM");
  await until("the parent ended", () => third.parent.exitCode !== null);
  assert.ok(
    gone([...second.groups, ...third.groups]),
    "the parent was killed, another came and was told to end",
  );
});
