/**
 * A node, its pods and a machine outside, as network namespaces that belong to one process of this test: they go with
 * it. Needs no root.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import { createExec, type Exec, type NodeFacts } from "../../src/kernel/index.ts";
import type { Request } from "./agent.ts";

/** The port on which every pod and the machine outside serve. */
export const SERVED = 8080;

/** Addresses by namespace; the node is `node`. */
export const ADDRESSES = {
  a: { IPv4: "10.244.0.3", IPv6: "fd00:10:244::3" },
  b: { IPv4: "10.244.0.4", IPv6: "fd00:10:244::4" },
  client: { IPv4: "10.244.0.5", IPv6: "fd00:10:244::5" },
  outside: { IPv4: "172.18.0.1", IPv6: "fd00:172:18::1" },
  node: { IPv4: "172.18.0.2", IPv6: "fd00:172:18::2" },
} as const;

/** Addresses in the service ranges that answer outside of the cluster, if the node lets anybody through. */
export const UNASSIGNED = { IPv4: "10.96.0.9", IPv6: "fd00:10:96::9" } as const;

/** The node's address towards its pods. */
export const GATEWAY = { IPv4: "10.244.0.1", IPv6: "fd00:10:244::1" } as const;

/** A balancer's own addresses: they are outside, unless the node takes what is sent there; no random case uses them. */
export const BALANCER = { IPv4: "192.0.2.250", IPv6: "2001:db8:1::99" } as const;

/** A network namespace of the test. */
export type Place = keyof typeof ADDRESSES;

/** The node of the test; pods `a` and `client` are on it, and `b` only if a slice says so. */
export const FACTS: NodeFacts = {
  nodeName: "node-1",
  families: ["IPv4", "IPv6"],
  addresses: { IPv4: [ADDRESSES.node.IPv4], IPv6: [ADDRESSES.node.IPv6] },
  podRanges: { IPv4: ["10.244.0.0/16"], IPv6: ["fd00:10:244::/56"] },
  serviceRanges: { IPv4: ["10.96.0.0/16"], IPv6: ["fd00:10:96::/112"] },
};

/** The namespaces, and how to do things in them. */
export interface TestNetwork {
  /** Runs programs in the node's namespace. */
  readonly exec: Exec;
  /** Makes connections from a place; the answers are `NAME ADDRESS` or an error code. */
  ask(from: Place, request: Omit<Request, "id" | "count"> & { count?: number }): Promise<string[]>;
  /** What runs a program in a place, before the program and its arguments. */
  enter(place: Place): string[];
  close(): Promise<void>;
}

/** A namespace of its own with IPv4, IPv6 and loopback, in which `exec` runs programs. */
export async function createNamespace(): Promise<{ exec: Exec; prefix: string[]; close(): Promise<void> }> {
  const asRoot = process.getuid?.() === 0;
  const script = "mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec cat";
  const holder = spawn("unshare", [asRoot ? "-nm" : "-Urnm", "sh", "-c", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  const prefix = [
    "nsenter",
    "-t",
    String(holder.pid),
    ...(asRoot ? [] : ["-U", "--preserve-credentials"]),
    "-n",
    "-m",
  ];
  const run = createExec();
  return {
    prefix,
    exec: (argv, input, signal) => run([...prefix, ...argv], input, signal),
    close: async () => {
      holder.stdin.end();
      await once(holder, "close");
    },
  };
}

/** One for a test file, from before its first test until after its last. */
export function useNamespace(): { readonly exec: Exec } {
  let space: Awaited<ReturnType<typeof createNamespace>>;
  before(async () => {
    space = await createNamespace();
  });
  after(() => space.close());
  return { exec: (...command) => space.exec(...command) };
}

/** Builds the node, pods `a`, `b` and `client`, and `outside`, which routes the service ranges through the node. */
export async function createNetwork(): Promise<TestNetwork> {
  const space = await createNamespace();
  const built = await space.exec(["sh", "-e"], [buildScript()]);
  if (built.code !== 0) throw new Error(`cannot build the test network: ${built.stderr}`);
  const agents = new Map<Place, Agent>();
  const enter = (place: Place) => [
    ...space.prefix,
    ...(place === "node" ? [] : ["ip", "netns", "exec", place]),
  ];
  for (const place of Object.keys(ADDRESSES) as Place[]) {
    agents.set(place, await Agent.start(enter(place), place));
  }
  return {
    enter,
    exec: space.exec,
    ask: (from, request) => (agents.get(from) as Agent).ask({ count: 1, ...request }),
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.close()));
      await space.close();
    },
  };
}

/** Link-local addresses too must be usable at once: neighbour discovery starts from them. */
const NO_DAD = "sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0";

/** Every refusal must arrive, however many there are at once: no kind of ICMP error that says so is limited. */
const NO_ICMP_LIMIT =
  "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0 net.ipv6.icmp.ratemask=129";

function buildScript(): string {
  const pods = (["a", "b", "client"] as const).flatMap((pod) => [
    `ip netns add ${pod}`,
    ...inside(pod, [NO_DAD]),
    `ip link add v-${pod} type veth peer name eth0 netns ${pod}`,
    ...addressLines(`v-${pod}`, "10.244.0.1", "fd00:10:244::1"),
    `ip route add ${ADDRESSES[pod].IPv4}/32 dev v-${pod}`,
    `ip route add ${ADDRESSES[pod].IPv6}/128 dev v-${pod}`,
    ...inside(pod, [
      "ip link set lo up",
      ...addressLines("eth0", ADDRESSES[pod].IPv4, ADDRESSES[pod].IPv6),
      "ip route add 10.244.0.1 dev eth0",
      "ip route add fd00:10:244::1 dev eth0",
      "ip route add default via 10.244.0.1",
      "ip route add default via fd00:10:244::1",
    ]),
  ]);
  return [
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
    NO_ICMP_LIMIT,
    NO_DAD,
    ...pods,
    "ip netns add outside",
    ...inside("outside", [NO_DAD]),
    "ip link add eth0 type veth peer name eth0 netns outside",
    ...addressLines("eth0", "172.18.0.2/16", "fd00:172:18::2/64"),
    "ip route add default via 172.18.0.1",
    "ip route add default via fd00:172:18::1",
    ...inside("outside", [
      "ip link set lo up",
      // Addresses in the service ranges that no Service has: whoever lets traffic to them through, hears from here.
      ...addressLines("lo", UNASSIGNED.IPv4, UNASSIGNED.IPv6),
      ...addressLines("lo", BALANCER.IPv4, BALANCER.IPv6),
      ...addressLines("eth0", "172.18.0.1/16", "fd00:172:18::1/64"),
      "ip route add 10.0.0.0/8 via 172.18.0.2",
      "ip route add 192.0.2.0/24 via 172.18.0.2",
      "ip route add fd00:10::/32 via fd00:172:18::2",
      "ip route add 2001:db8::/32 via fd00:172:18::2",
    ]),
  ].join("\n");
}

function addressLines(link: string, v4: string, v6: string): string[] {
  const withLength = (address: string, length: number) =>
    address.includes("/") ? address : `${address}/${length}`;
  return [
    `ip address add ${withLength(v4, 32)} dev ${link}`,
    `ip address add ${withLength(v6, 128)} dev ${link} nodad`,
    `ip link set ${link} up`,
  ];
}

function inside(space: string, lines: readonly string[]): string[] {
  return lines.map((line) => `ip netns exec ${space} ${line}`);
}

class Agent {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answers: string[]) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(prefix: readonly string[], name: string): Promise<Agent> {
    const [program = "", ...args] = [...prefix, process.execPath, `${import.meta.dirname}/agent.ts`, name];
    const child = spawn(program, [...args, String(SERVED)], { stdio: ["pipe", "pipe", "inherit"] });
    const agent = new Agent(child);
    const ready = new Promise<void>((resolve) => agent.#waiting.set(0, () => resolve()));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const { id, answers } = JSON.parse(line) as { id: number; answers: string[] };
      agent.#waiting.get(id)?.(answers);
      agent.#waiting.delete(id);
    });
    await ready;
    return agent;
  }

  ask(request: Omit<Request, "id">): Promise<string[]> {
    const id = ++this.#lastId;
    const answered = new Promise<string[]>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin?.write(`${JSON.stringify({ id, ...request })}\n`);
    return answered;
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await once(this.#child, "close");
  }
}
