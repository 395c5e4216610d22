import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { downAfterTest, type Home, kubectlMinor, type OwnCluster, ROOT, upForTest } from "./tandem.ts";

const minor = kubectlMinor();
const skip = minor >= 31 ? false : "2026-11-21: needs kubectl 1.31 or newer on PATH";

/** Servers that send back every byte: on both families, and on one loopback address each. */
const ECHO = `
const net = require("node:net");
const echo = () => net.createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => {}).pipe(socket));
echo().listen(9000, "::");
echo().listen(9004, "127.0.0.1");
echo().listen(9006, "::1", () => console.log("listening"));
`;

const PODS = `
apiVersion: v1
kind: Pod
metadata: {name: echo, labels: {app: echo}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: echo, image: busybox, command: [/run/tandem/node/node, -e, ${JSON.stringify(ECHO)}]}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {selector: {app: echo}, ports: [{port: 80, targetPort: 9000}]}
---
apiVersion: v1
kind: Pod
metadata: {name: logs, labels: {app: logs}}
spec:
  restartPolicy: OnFailure
  terminationGracePeriodSeconds: 0
  containers:
  - name: twice
    image: busybox
    command: [sh, -c, 'if [ -e /tmp/ran ]; then echo second run; else : > /tmp/ran; echo first run; echo err >&2; exit 1; fi']
  - name: lines
    image: busybox
    command: [sh, -c, 'for i in 1 2 3 4 5; do echo "line $i"; done; sleep 3; echo last']
`;

/** The size comes after the start: waits for it, a minute at most. */
const SIZED = 'for i in $(seq 600); do [ "$(stty size)" = "33 91" ] && break; sleep 0.1; done';

/** Ways that clients of different ages speak. */
const TRANSPORTS = { WebSocket: "true", SPDY: "false" };

describe("streams of kubectl", { skip }, () => {
  let cluster: OwnCluster;
  let home: Home;
  let kubeconfig: string;

  before(async () => {
    cluster = await upForTest(() => ["-f", join(ROOT, "examples/any-family")]);
    ({ home, kubeconfig } = cluster);
    kubectl(["apply", "-f", "-"], PODS);
    kubectl(["wait", "--for=condition=Ready", "pod/echo", "--timeout=300s"]);
  });

  after(() => downAfterTest(cluster));

  function environment(webSockets = "true"): NodeJS.ProcessEnv {
    return {
      ...process.env,
      KUBECONFIG: kubeconfig,
      HOME: home.path,
      KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets,
      KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets,
    };
  }

  function run(args: readonly string[], input?: string | Buffer, webSockets?: string) {
    const result = spawnSync("kubectl", args, {
      env: environment(webSockets),
      maxBuffer: 64 * 1024 * 1024,
      ...(input === undefined ? {} : { input }),
    });
    return {
      code: result.status,
      out: result.stdout.toString(),
      err: result.stderr.toString(),
      raw: result.stdout,
    };
  }

  function kubectl(args: readonly string[], input?: string): string {
    const { code, out, err } = run(args, input);
    assert.equal(code, 0, `kubectl ${args.join(" ")}: ${err}`);
    return out;
  }

  /** Starts a port-forward to free ports of loopback; gives them in the order of the ports asked for. */
  async function forward(target: string, ports: readonly number[], webSockets: string) {
    const args = ["port-forward", "-v=4", "--address=127.0.0.1", target, ...ports.map((port) => `:${port}`)];
    const child = spawn("kubectl", args, { env: environment(webSockets), stdio: ["ignore", "pipe", "pipe"] });
    const closed = once(child, "close");
    let err = "";
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    const local: number[] = [];
    let out = "";
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      out += chunk;
      local.splice(
        0,
        local.length,
        ...[...out.matchAll(/127\.0\.0\.1:(\d+) ->/g)].map((match) => Number(match[1])),
      );
      if (local.length === ports.length) break;
    }
    child.stdout.resume();
    assert.equal(local.length, ports.length, err);
    assert.doesNotMatch(err, /fallback/); // kubectl turns to SPDY without a word where WebSockets fail
    return { child, local, said: () => err, closed };
  }

  async function stop(child: ChildProcess): Promise<void> {
    const exited = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, "exit");
    child.kill();
    await exited;
  }

  /** Sends bytes, ends its side, and gives the hash of what comes back. */
  async function echoed(port: number, bytes: Buffer): Promise<string> {
    const socket: Socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const hash = createHash("sha256");
    socket.end(bytes);
    for await (const chunk of socket) hash.update(chunk as Buffer);
    return hash.digest("hex");
  }

  const hashOf = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

  for (const [name, webSockets] of Object.entries(TRANSPORTS)) {
    test(`exec over ${name}: exit codes, both outputs, input to its end, large transfers`, () => {
      const failing = run(
        ["exec", "echo", "--", "sh", "-c", "echo out; echo err >&2; exit 9"],
        undefined,
        webSockets,
      );
      assert.deepEqual([failing.code, failing.out], [9, "out\n"]);
      assert.match(failing.err, /^err\n/);
      assert.equal(run(["exec", "-i", "echo", "--", "cat"], "through\n", webSockets).out, "through\n");
      const bytes = randomBytes(5_000_000);
      const cat = run(["exec", "-i", "echo", "--", "cat"], bytes, webSockets);
      assert.equal(hashOf(cat.raw), hashOf(bytes));
      const missing = run(["exec", "echo", "--", "no-such-program"], undefined, webSockets);
      assert.equal(missing.code, 1);
      assert.doesNotMatch(run(["exec", "-v=4", "echo", "--", "true"], undefined, webSockets).err, /fallback/);
      assert.match(missing.err, /executable file not found in \$PATH/);
    });

    test(`exec over ${name} has a terminal of the client's size`, () => {
      const command = `stty cols 91 rows 33; exec kubectl exec -it echo -- sh -c '${SIZED}; stty size; exit 3'`;
      const shown = spawnSync("script", ["-qec", command, "/dev/null"], {
        env: { ...environment(webSockets), SHELL: "/bin/sh" },
        stdio: ["pipe", "pipe", "pipe"],
        encoding: "utf8",
      });
      assert.match(shown.stdout, /33 91/);
      assert.equal(shown.status, 3);
    });

    test(`cp over ${name}: both ways`, () => {
      const from = join(home.path, `from-${name}`);
      const back = join(home.path, `back-${name}`);
      writeFileSync(from, randomBytes(300_000));
      assert.equal(run(["cp", from, `echo:/tmp/${name}`], undefined, webSockets).code, 0);
      assert.equal(run(["cp", `echo:/tmp/${name}`, back], undefined, webSockets).code, 0);
      assert.ok(readFileSync(from).equals(readFileSync(back)));
    });

    test(`run -i over ${name} passes input on, and its exit code back`, () => {
      const flags = ["-i", "--rm", "--restart=Never", "--image=busybox", "--pod-running-timeout=5m"];
      const cat = run(["run", `cat-${webSockets}`, ...flags, "--", "cat"], "from stdin\n", webSockets);
      assert.equal(cat.code, 0, cat.err);
      assert.match(cat.out, /^from stdin\n/);
      const exit = run(
        ["run", `exit-${webSockets}`, ...flags, "--", "sh", "-c", "cat; exit 5"],
        "x\n",
        webSockets,
      );
      assert.equal(exit.code, 5, exit.err);
    });

    test(`port-forward over ${name}: several ports, both loopback addresses, a Service`, async () => {
      const { child, local } = await forward("pod/echo", [9000, 9004, 9006], webSockets);
      const bytes = randomBytes(1_000);
      for (const port of local) assert.equal(await echoed(port, bytes), hashOf(bytes));
      await stop(child);
      const service = await forward("service/echo", [80], webSockets);
      assert.equal(await echoed(service.local[0]!, bytes), hashOf(bytes));
      await stop(service.child);
    });

    test(`port-forward over ${name}: large transfers both ways and many connections at once`, async () => {
      const { child, local } = await forward("pod/echo", [9000], webSockets);
      const large = randomBytes(10_000_000);
      assert.equal(await echoed(local[0]!, large), hashOf(large));
      const parts = Array.from({ length: 40 }, () => randomBytes(50_000));
      const hashes = await Promise.all(parts.map((part) => echoed(local[0]!, part)));
      assert.deepEqual(hashes, parts.map(hashOf));
      await stop(child);
    });

    test(`port-forward over ${name} says why a port refuses`, async () => {
      const { local, said, closed } = await forward("pod/echo", [9999], webSockets);
      await echoed(local[0]!, Buffer.from("x")).catch(() => {});
      await closed;
      assert.match(said(), /dial tcp4 127\.0\.0\.1:9999: connect: connection refused/);
      assert.match(said(), /dial tcp6 \[::1\]:9999: connect: connection refused/);
    });
  }

  test("attach and logs -f show what a running container writes, until it ends", async () => {
    kubectl([
      "run",
      "ticks",
      "--image=busybox",
      "--restart=Never",
      "--command",
      "--",
      "sh",
      "-c",
      "i=0; until [ -e /tmp/enough ]; do i=$((i+1)); echo tick $i; sleep 0.2; done; echo last",
    ]);
    kubectl(["wait", "--for=condition=Ready", "pod/ticks", "--timeout=300s"]);
    const follower = spawn("kubectl", ["logs", "-f", "ticks"], { env: environment() });
    let followed = "";
    follower.stdout.on("data", (chunk) => {
      followed += chunk;
    });
    const ended = once(follower, "close");
    const attached = spawn("kubectl", ["attach", "ticks"], { env: environment() });
    let seen = "";
    const sawTick = new Promise<void>((resolve) => {
      attached.stdout.on("data", (chunk) => {
        seen += chunk;
        if (/tick \d+\n/.test(seen)) resolve();
      });
    });
    const left = once(attached, "close");
    await Promise.race([sawTick, left]);
    kubectl(["exec", "ticks", "--", "touch", "/tmp/enough"]);
    assert.equal((await left)[0], 0);
    assert.match(seen, /tick \d+\nlast\n$/);
    assert.deepEqual(await ended, [0, null]);
    const lines = followed.split("\n");
    assert.deepEqual(lines.slice(-2), ["last", ""]);
    assert.deepEqual(
      lines.slice(0, -2),
      lines.slice(0, -2).map((_, index) => `tick ${index + 1}`),
    );
    assert.ok(lines.length > 2);
  });

  test("logs: follow to the end, previous, tail, since, limit, timestamps, containers, selectors", () => {
    assert.equal(
      kubectl(["logs", "-f", "logs", "-c", "lines"]),
      "line 1\nline 2\nline 3\nline 4\nline 5\nlast\n",
    );
    kubectl(["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/logs", "--timeout=300s"]);
    assert.equal(kubectl(["logs", "logs", "-c", "twice"]), "second run\n");
    assert.match(
      kubectl(["logs", "logs", "-c", "twice", "--previous"]),
      /^(first run\nerr|err\nfirst run)\n$/,
    );
    assert.equal(kubectl(["logs", "logs", "-c", "lines", "--tail=2"]), "line 5\nlast\n");
    assert.equal(kubectl(["logs", "logs", "-c", "lines", "--limit-bytes=9"]), "line 1\nli");
    assert.equal(kubectl(["logs", "logs", "-c", "lines", "--since=1h", "--tail=1"]), "last\n");
    assert.equal(kubectl(["logs", "logs", "-c", "lines", "--since-time=2999-01-01T00:00:00Z"]), "");
    assert.match(
      kubectl(["logs", "logs", "-c", "lines", "--tail=1", "--timestamps"]),
      /^\d{4}-.*T.*\.\d{9}Z last\n$/,
    );
    const all = kubectl(["logs", "logs", "--all-containers", "--prefix"]);
    assert.match(all, /^\[pod\/logs\/twice\] second run$/m);
    assert.match(all, /^\[pod\/logs\/lines\] line 1$/m);
    assert.equal(kubectl(["logs", "-l", "app=logs", "-c", "lines", "--tail=1"]), "last\n");
    const none = run(["logs", "logs", "-c", "lines", "--previous"]);
    assert.equal(none.code, 1);
    assert.match(none.err, /\(BadRequest\): previous terminated container "lines" in pod "logs" not found/);
  });

  test("no relay and no command outlives its client", async () => {
    const { child } = await forward("pod/echo", [9000], "true");
    const sleeper = spawn("kubectl", ["exec", "echo", "--", "sleep", "98765"], {
      env: environment(),
      stdio: "ignore",
    });
    const running = () =>
      commandsOf(home.path).filter((line) => /^\S*node .*server\/relay\.|^sleep 98765/.test(line)).length;
    const becomes = async (count: number) => {
      for (let left = 1200; left > 0 && running() !== count; left--)
        await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(running(), count);
    };
    await becomes(2);
    await Promise.all([stop(child), stop(sleeper)]);
    await becomes(0);
  });
});

/** The command lines of a lab's processes: those that come from one that names its folder. */
function commandsOf(folder: string): string[] {
  const { stdout } = spawnSync("ps", ["-ww", "-eo", "pid=,ppid=,args="], { encoding: "utf8" });
  const all = [...stdout.matchAll(/^ *(\d+) +(\d+) (.*)$/gm)].map(([, pid, parent, args = ""]) => ({
    pid,
    parent,
    args,
  }));
  const known = new Set(all.filter(({ args }) => args.includes(`${folder}/`)).map(({ pid }) => pid));
  for (let size = 0; size !== known.size; ) {
    size = known.size;
    for (const { pid, parent } of all) if (known.has(parent)) known.add(pid);
  }
  return all.filter(({ pid }) => known.has(pid)).map(({ args }) => args);
}
