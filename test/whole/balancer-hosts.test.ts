/** Two hosts of load balancers beside a lab: one has the addresses, the other takes them when it dies. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { outsideOf } from "../../src/lab/index.ts";
import { ENVOY } from "../envoy/ads-envoy.ts";
import { type Home, makeHome, TANDEM } from "./tandem.ts";

const CLASS = "example.com/two-hosts";
const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: agnhost, args: [netexec, --http-port=8080], readinessProbe: { tcpSocket: { port: 8080 }, timeoutSeconds: 10 } }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: LoadBalancer
  loadBalancerClass: ${CLASS}
  ipFamilyPolicy: RequireDualStack
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
`;

/** A machine beside the nodes: a network namespace with a link to the fabric and a name of its own. */
interface Host {
  readonly prefix: readonly string[];
  readonly holder: ChildProcess;
  readonly mac: string;
}

describe("two hosts of load balancers", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let home: Home;
  let outside: { prefix: readonly string[]; env: Readonly<Record<string, string>> };
  const hosts: Host[] = [];
  const balancers: ChildProcess[] = [];

  const run = (command: readonly string[], input = "") =>
    execFileSync(command[0] as string, command.slice(1), { input, encoding: "utf8", stdio: "pipe" });

  async function makeHost(number: number): Promise<Host> {
    const [program = "", ...args] = [...outside.prefix, "unshare", "--net", "--uts", "cat"];
    const holder = spawn(program, args, { stdio: ["pipe", "ignore", "inherit"] });
    const prefix = outside.prefix.flatMap((part) => {
      if (part.startsWith("--target=")) return [`--target=${holder.pid}`];
      return part === "--net" ? ["--net", "--uts"] : [part];
    });
    const space = (before: readonly string[]) => run([...before, "readlink", "/proc/self/ns/net"]).trim();
    const others = [readlinkSync("/proc/self/ns/net"), space(outside.prefix)];
    await until(`a network namespace for host ${number}`, () => {
      try {
        return others.includes(space(prefix)) ? undefined : true;
      } catch {
        return undefined; // not there yet
      }
    });
    const link = `host${number}`;
    run(
      [...outside.prefix, "ip", "-batch", "-"],
      `link add ${link} type veth peer name eth0 netns ${holder.pid}\nlink set ${link} master fabric up\n`,
    );
    run([...prefix, "hostname", link]);
    run(
      [...prefix, "ip", "-batch", "-"],
      `link set lo up\naddress add 172.18.252.${number}/16 dev eth0\naddress add fd00:172:18:0:fb::${number}/64 dev eth0 nodad\nlink set eth0 up\n`,
    );
    const [shown] = JSON.parse(run([...prefix, "ip", "-json", "link", "show", "dev", "eth0"]));
    return { prefix, holder, mac: shown.address };
  }

  function serve(host: Host, number: number): ChildProcess {
    const flags = [
      "--provider=local",
      "--interface=eth0",
      `--load-balancer-class=${CLASS}`,
      `--state-dir=${join(home.path, `host${number}`)}`,
      `--kubeconfig=${outside.env["KUBECONFIG"]}`,
    ];
    const [program = "", ...args] = [...host.prefix, TANDEM, "balancer", ...flags];
    return spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  }

  const addressesOf = (host: Host) =>
    (
      JSON.parse(run([...host.prefix, "ip", "-json", "address", "show", "dev", "eth0"])) as {
        addr_info: { local: string }[];
      }[]
    )
      .flatMap(({ addr_info }) => addr_info.map(({ local }) => local))
      .filter((ip) => ip.startsWith("172.18.254.") || ip.startsWith("fd00:172:18:0:fe:"));

  const ask = (ip: string): string => {
    const url = ip.includes(":") ? `http://[${ip}]/hostname` : `http://${ip}/hostname`;
    try {
      return run([...outside.prefix, "curl", "-sS", "--fail", "--max-time", "10", url]);
    } catch {
      return "";
    }
  };

  const neighbour = (ip: string): string | undefined => {
    const family = ip.includes(":") ? "-6" : "-4";
    const found = JSON.parse(run([...outside.prefix, "ip", "-json", family, "neigh", "show", ip]) || "[]");
    return found[0]?.lladdr;
  };

  async function until<T>(what: string, look: () => T | undefined): Promise<T> {
    for (let tries = 0; tries < 3000; tries++) {
      const found = look();
      if (found !== undefined) return found;
      await sleep(100);
    }
    throw new Error(`${what} did not come`);
  }

  before(async () => {
    home = makeHome({ name: "whoever runs the tests" });
    const up = home.run(["up", "--name", "two-hosts", "-q", "-f", "-"], MANIFEST);
    assert.equal(up.status, 0, up.stderr);
    outside = outsideOf(join(home.path, "two-hosts")) as typeof outside;
    hosts.push(await makeHost(1), await makeHost(2));
  });

  after(async () => {
    for (const child of balancers) {
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
    for (const number of [1, 2]) {
      try {
        const pid = readFileSync(join(home.path, `host${number}`, "envoy", "envoy.pid"), "utf8");
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // it ended with its balancer
      }
    }
    for (const { holder } of hosts) holder.kill("SIGKILL");
    home.run(["down", "--name", "two-hosts"]);
    home.remove();
  });

  test("the other takes both addresses, neighbours learn of it, and clients of both families are served", async () => {
    const [first, second] = hosts as [Host, Host];
    balancers.push(serve(first, 1));
    const ips = await until("both addresses", () => {
      const found = addressesOf(first);
      return found.length === 2 ? found : undefined;
    });
    for (const ip of ips) await until(`an answer over ${ip}`, () => ask(ip) || undefined);
    for (const ip of ips) assert.equal(neighbour(ip), first.mac);
    balancers.push(serve(second, 2));
    await sleep(3_000);
    assert.deepEqual(addressesOf(second), [], "one host at a time");
    balancers[0]?.kill("SIGKILL");
    const both: string[][] = [];
    await until("the other host", () => {
      const taken = addressesOf(second);
      both.push(addressesOf(first).filter((ip) => taken.includes(ip)));
      return taken.length === 2 ? taken : undefined;
    });
    assert.deepEqual(addressesOf(second).toSorted(), ips.toSorted());
    assert.ok(
      both.every((list) => list.length === 0),
      "no address is on two hosts",
    );
    // told by the kernel of the new host, not found out: entries of neighbours live longer than this
    for (const ip of ips)
      await until("the neighbours' news", () => (neighbour(ip) === second.mac ? true : undefined));
    for (const ip of ips) await until(`an answer over ${ip}`, () => ask(ip) || undefined);
  });

  test("a host that ends in order gives its addresses back at once", async () => {
    const [first, second] = hosts as [Host, Host];
    balancers[1]?.kill("SIGTERM");
    await once(balancers[1] as ChildProcess, "exit");
    assert.deepEqual(addressesOf(second), []);
    balancers.push(serve(first, 1));
    const ips = await until("the addresses", () => {
      const found = addressesOf(first);
      return found.length === 2 ? found : undefined;
    });
    for (const ip of ips) await until(`an answer over ${ip}`, () => ask(ip) || undefined);
  });
});
