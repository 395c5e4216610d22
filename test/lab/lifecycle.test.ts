import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { tearDown } from "../../src/lab/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Node, Pod } from "../../src/objects/types.ts";
import { parentOf } from "./processes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PARENT = join(import.meta.dirname, "parent.ts");

const homes: string[] = [];
const children: ChildProcess[] = [];
after(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const home of homes) {
    process.env["TANDEM_HOME"] = home;
    await tearDown("life");
  }
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), "tandem-life-"));
  chmodSync(home, 0o777);
  homes.push(home);
  return home;
}

/** Names in the host's namespaces that only a lab would use. */
function tracesOnHost(home: string): string[] {
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8" });
  const links = (JSON.parse(run("ip", "-json", "link")) as { ifname: string }[]).map(({ ifname }) => ifname);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...links.filter((name) => /^(fabric|node\d+|pod\d+)$/.test(name)),
    ...run("ip", "netns")
      .split("\n")
      .filter((line) => /^node-\d+/.test(line)),
    ...mounts.filter((line) => line.includes(home) || line.includes("/run/tandem")),
  ];
}

/** Processes that work for a lab below this home: their command lines name it. */
function labProcesses(home: string): string[] {
  return processes().filter((pid) => pid !== String(process.pid) && mentions(`/proc/${pid}/cmdline`, home));
}

function processes(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

/** Network namespaces of the lab's processes, pods and nodes included. */
function labNamespaces(home: string): Set<string> {
  const { pid } = JSON.parse(readFileSync(join(home, "life", "pid.json"), "utf8")) as { pid: number };
  const found = new Set([String(pid)]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const other of processes()) if (found.has(parentOf(other))) found.add(other);
  }
  return new Set([...found].map(namespaceOf).filter((item) => item !== "" && item !== namespaceOf("self")));
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return "";
  }
}

/** Waits until no process is left, and none in any of these namespaces. */
async function allGone(home: string, namespaces: Set<string>): Promise<void> {
  await until("no process is left", () => labProcesses(home).length === 0);
  await until("no namespace is left", () => processes().every((pid) => !namespaces.has(namespaceOf(pid))));
  assert.deepEqual(tracesOnHost(home), []);
}

function mentions(file: string, text: string): boolean {
  try {
    return readFileSync(file, "utf8").includes(text);
  } catch {
    return false;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 12_000; attempt++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not so in time: ${what}`);
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 12_000; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not so in time: ${what}`);
}

interface User {
  readonly name: string;
  readonly prefix: readonly string[];
}

/** Whoever runs this test; and, where that is root, a user without rights as well. */
const USERS: User[] = [{ name: "this user", prefix: [] }];
if (process.getuid?.() === 0) {
  USERS.push({
    name: "a plain user",
    prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
  });
}

/** Runs `parent.ts`, which brings a cluster up and says `ready`. */
async function startParent(user: User, home: string, mode: "once" | "detached"): Promise<ChildProcess> {
  const command = [...user.prefix, process.execPath, PARENT, mode];
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: "/",
    env: { ...process.env, TANDEM_HOME: home, HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  children.push(child);
  // not its exit: what it said may still be on its way then
  let closed = false;
  child.stdout!.once("close", () => {
    closed = true;
  });
  await until("the cluster is up", () => out.includes("ready") || closed);
  assert.match(out, /ready/);
  return child;
}

for (const user of USERS) {
  test(`${user.name}: a cluster leaves nothing behind when its parent is killed with -9`, async () => {
    const home = newHome();
    const parent = await startParent(user, home, "once");
    const namespaces = labNamespaces(home);
    // a moment later the host of load balancers has its own, too
    assert.ok(namespaces.size === 3 || namespaces.size === 4, "one of the lab and one of each node");
    assert.deepEqual(tracesOnHost(home), []);
    parent.kill("SIGKILL");
    await allGone(home, namespaces);
    // only the folder is there still; the next start cleans it up
    assert.ok(existsSync(join(home, "life")));
    const next = await startParent(user, home, "once");
    next.kill("SIGTERM");
    await until("the folder is gone", () => !existsSync(join(home, "life")));
    await allGone(home, namespaces);
  });

  test(`${user.name}: nothing is left when the lab's first process is killed with -9`, async () => {
    const home = newHome();
    const parent = await startParent(user, home, "once");
    const namespaces = labNamespaces(home);
    const { pid } = JSON.parse(readFileSync(join(home, "life", "pid.json"), "utf8")) as { pid: number };
    process.kill(pid, "SIGKILL");
    await until("the parent heard of it", () => parent.exitCode !== null);
    await allGone(home, namespaces);
  });
}

test("a cluster outlives its parent until it is taken down; its parts are started again when they die", async () => {
  const home = newHome();
  const parent = await startParent(USERS[0]!, home, "detached");
  await until("the parent has ended", () => parent.exitCode !== null);
  const client = new KubeClient(await loadKubeconfig(join(home, "life", "kubeconfig")));
  const ready = async () => {
    const nodes = await client.list<Node>(KINDS.Node).catch(() => ({ items: [] }));
    return nodes.items.filter((node) =>
      node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"),
    ).length;
  };
  await eventually("both nodes are ready", async () => (await ready()) === 2);
  const pod = {
    metadata: { name: "p", namespace: "default" },
    spec: { nodeName: "node-2", containers: [{ name: "c", image: "pause" }] },
  };
  await client.create(KINDS.Pod, pod);
  const podState = async () =>
    (await client.get<Pod>(KINDS.Pod, "p", "default").catch(() => undefined))?.status?.containerStatuses?.[0];
  await eventually("the pod runs", async () => (await podState())?.ready === true);
  const firstId = (await podState())?.containerID;
  const processOf = (part: string) =>
    labProcesses(home).find((pid) => mentions(`/proc/${pid}/cmdline`, part));
  for (const part of ["\0control-plane\0", "\0node-2"]) {
    const pid = processOf(part);
    assert.ok(pid !== undefined, `${part} runs`);
    process.kill(Number(pid), "SIGKILL");
    await until("another took its place", () => ![undefined, pid].includes(processOf(part)));
  }
  await eventually("the node's agent runs its pod anew", async () => {
    const state = await podState();
    return state?.ready === true && state.containerID !== firstId;
  });
  await eventually("both nodes are ready still", async () => (await ready()) === 2);
  client.close();
  const tandem = (...args: string[]) =>
    execFileSync(join(ROOT, "bin/tandem"), args, {
      encoding: "utf8",
      env: { ...process.env, TANDEM_HOME: home },
      stdio: "pipe",
    });
  tandem("down", "--name", "life");
  assert.equal(existsSync(join(home, "life")), false);
  assert.deepEqual(labProcesses(home), []);
  tandem("down", "--name", "life");
});

test("a folder of another user's is told of as one that may not be used", { skip: USERS.length < 2 }, () => {
  const home = newHome();
  mkdirSync(join(home, "life"), { mode: 0o700 });
  writeFileSync(join(home, "life", "pid.json"), "{}");
  const [plain] = USERS.slice(1);
  const program = `import { createStateDir } from ${JSON.stringify(join(ROOT, "src/lab/host/state.ts"))};
    try { createStateDir(${JSON.stringify(join(home, "life"))}); } catch (error) { console.log(error.parts?.what); }`;
  const command = [...plain!.prefix, process.execPath, "--input-type=module", "-e", program];
  const out = execFileSync(command[0]!, command.slice(1), { encoding: "utf8" });
  assert.equal(out, "cannot create the cluster's folder\n");
});

test("what is wrong with the machine or the request is told, and nothing is left", async () => {
  const home = newHome();
  const parent = await startParent(USERS[0]!, home, "once");
  const run = (extra: Record<string, string>, ...args: string[]) => {
    try {
      return execFileSync(process.execPath, [PARENT, "once", ...args], {
        encoding: "utf8",
        env: { ...process.env, TANDEM_HOME: home, ...extra },
        stdio: "pipe",
      });
    } catch (error) {
      return (error as { stderr: string }).stderr;
    }
  };
  assert.match(run({}), /running already\n {2}where: cluster life\n {2}next: tandem down --name=life/);
  parent.kill("SIGTERM");
  await until("the folder is gone", () => !existsSync(join(home, "life")));

  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  assert.match(
    run({}, String(port)),
    new RegExp(`EADDRINUSE[\\s\\S]*where: flag --port, value ${port}\\n {2}next: `),
  );
  server.close();
  assert.equal(existsSync(join(home, "life")), false);

  // a PATH that has everything but nft, and an unshare that may not
  const bin = mkdtempSync(join(home, "bin-"));
  writeFileSync(
    join(bin, "unshare"),
    "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2; exit 1\n",
    { mode: 0o755 },
  );
  const denied = run({ PATH: `${bin}:${process.env["PATH"]}` });
  assert.match(denied, /cannot start the cluster[\s\S]*next: /);
  assert.match(denied, /Operation not permitted/);
  assert.equal(existsSync(join(home, "life")), false);
  writeFileSync(join(home, "file"), "");
  assert.match(
    run({ TANDEM_HOME: join(home, "file") }),
    /cannot create the cluster's folder[\s\S]*TANDEM_HOME/,
  );
});
