/** Places of a lab outside of its pods: a node's network namespace, a client's of its own, a part's process. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { extname, join } from "node:path";
import { MAIN } from "../../lab/host/main-path.ts";
import { outsideOf } from "../../lab/index.ts";
import { CommandFailed, run } from "../../lab/run.ts";
import type { ScenarioRoom } from "./scenario.ts";

/** A lab, by the folder of its cluster. */
export type LabPlace = Pick<ScenarioRoom, "stateDir">;

/** A client's place on the fabric, with an address of IPv6 and none of IPv4. */
const CLIENT = { link: "client6", address: "fd00:172:18:0:fc::1" } as const;

/** What goes before a command to run it in a network namespace of the lab, by its name; files are the host's. */
export function inNetns({ stateDir }: LabPlace, netns: string): string[] {
  const [nsenter = "", target = "", ...rest] = outsideOf(stateDir)?.prefix ?? [];
  const pid = target.replace("--target=", "");
  const others = rest.filter((part) => part !== "--net");
  return [
    nsenter,
    target,
    ...others.slice(0, -1),
    `--net=${join("/proc", pid, "root", "run/netns", netns)}`,
    "--",
  ];
}

/** The client's places, by room: a process that holds its network namespace until ours ends. */
const clients = new WeakMap<ScenarioRoom, readonly string[]>();

/** Makes the client. Its only way is the fabric, where load balancers' addresses are. */
export async function makeIpv6Client(room: ScenarioRoom): Promise<void> {
  const prefix = outsideOf(room.stateDir)?.prefix ?? [];
  const [program = "", ...args] = [...prefix, "unshare", "--net", "cat"];
  const holder = spawn(program, args, { stdio: ["pipe", "ignore", "ignore"] });
  holder.unref();
  (holder.stdin as Socket).unref();
  const others = await Promise.all([namespaceOf([]), namespaceOf(prefix)]);
  const target = `--target=${holder.pid}`;
  clients.set(
    room,
    prefix.map((part) => (part.startsWith("--target=") ? target : part)),
  );
  const { link, address } = CLIENT;
  const lines = [
    `link add ${link} type veth peer name eth0 netns ${holder.pid}`,
    `link set ${link} master fabric up`,
  ];
  await room.until("a network namespace for the client", async () => {
    const made = await namespaceOf(inClient(room)).catch(() => undefined);
    return made === undefined || others.includes(made) ? undefined : true;
  });
  await run([...prefix, "ip", "-batch", "-"], lines.map((line) => `${line}\n`).join(""));
  const own = ["link set lo up", `address add ${address}/64 dev eth0 nodad`, "link set eth0 up"];
  await run([...inClient(room), "ip", "-batch", "-"], own.map((line) => `${line}\n`).join(""));
}

function namespaceOf(prefix: readonly string[]): Promise<string> {
  return run([...prefix, "readlink", "/proc/self/ns/net"]);
}

function inClient(room: ScenarioRoom): readonly string[] {
  return clients.get(room) ?? [];
}

/** The address that the IPv6-only client comes from. */
export const CLIENT_ADDRESS: string = CLIENT.address;

/** A request of the IPv6-only client: the answer, or curl's complaint. */
export async function askOverIpv6(
  room: ScenarioRoom,
  name: string,
  address: string,
): Promise<{ readonly ok: boolean; readonly said: string }> {
  const host = address.includes(":") ? `[${address}]` : address;
  const url = `http://${name}/`;
  const curl = ["curl", "-sS", "--fail", "--max-time", "5", "--resolve", `${name}:80:${host}`, url];
  try {
    return { ok: true, said: (await run([...inClient(room), ...curl])).trim() };
  } catch (error) {
    return { ok: false, said: error instanceof CommandFailed ? error.stderr.trim() : String(error) };
  }
}

const LOOK_UP = `
const resolver = new (require("node:dns").promises.Resolver)({ timeout: 2000, tries: 2 });
resolver.setServers(["[fd00:172:18::1]:53"]);
const of = (ask) => ask.then((found) => found, (error) => error.code);
Promise.all([of(resolver.resolve4(process.argv[1])), of(resolver.resolve6(process.argv[1]))])
  .then(([A, AAAA]) => console.log(JSON.stringify({ A, AAAA })));
`;

/** What the lab's DNS says to the IPv6-only client: addresses, or the code of the failure. */
export async function lookUp(
  room: ScenarioRoom,
  name: string,
): Promise<{ readonly A: readonly string[] | string; readonly AAAA: readonly string[] | string }> {
  return JSON.parse(await run([...inClient(room), process.execPath, "-e", LOOK_UP, name]));
}

const TABLE = "tandem-scenario";

/** Begins to count the packets of TCP and UDP that come to a node, by family. */
export async function countOnNode(room: ScenarioRoom, node: string): Promise<void> {
  const rules = `
table inet ${TABLE} {
  counter IPv4 { }
  counter IPv6 { }
  chain prerouting {
    type filter hook prerouting priority -300
    meta nfproto ipv4 meta l4proto { tcp, udp } counter name "IPv4"
    meta nfproto ipv6 meta l4proto { tcp, udp } counter name "IPv6"
  }
}
`;
  await run([...inNetns(room, node), "nft", "-f", "-"], rules);
}

/** What has been counted on a node so far. */
export async function readNode(room: ScenarioRoom, node: string): Promise<{ IPv4: number; IPv6: number }> {
  const out = await run([...inNetns(room, node), "nft", "list", "counters", "table", "inet", TABLE]);
  const of = (name: string) =>
    Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(out)?.[1] ?? 0);
  return { IPv4: of("IPv4"), IPv6: of("IPv6") };
}

/** The process of a part of the lab, as the host sees it; undefined while it is not running. */
export function processOf({ stateDir }: LabPlace, part: string): number | undefined {
  const wanted = `\0internal\0${part}\0${join(stateDir, "lab.json")}\0`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").endsWith(wanted);
      } catch {
        return false;
      }
    });
}

/** An orphan as the command shows it. */
export interface ShownOrphan {
  readonly kind: string;
  readonly id: string;
  readonly why: string;
}

/** `tandem balancer orphans` on the load balancers' host. */
export async function balancerOrphans(room: LabPlace, ...flags: string[]): Promise<ShownOrphan[]> {
  const { stateDir } = room;
  const kubeconfig = outsideOf(stateDir)?.env["KUBECONFIG"] ?? "";
  const own = ["--provider=local", `--state-dir=${join(stateDir, "balancer")}`, `--kubeconfig=${kubeconfig}`];
  const tandem = [process.execPath, ...process.execArgv, MAIN, "balancer", ...own, "orphans"];
  const command = [...inNetns(room, "cloud"), ...tandem, "-o", "json", ...flags];
  // findings have an exit code of their own
  const shell = ["sh", "-c", '"$@" || [ $? -eq 79 ]', "sh", ...command];
  try {
    return JSON.parse(await run(shell)) as ShownOrphan[];
  } catch (error) {
    throw error instanceof CommandFailed ? new Error(error.stderr, { cause: error }) : error;
  }
}

/** A load that runs: its counts come when it is ended. */
export interface RunningLoad {
  end(): Promise<LoadCounts>;
}

/** What became of the connections of a load. */
export interface LoadCounts {
  readonly connections: number;
  readonly ok: number;
  readonly failed: Readonly<Record<string, number>>;
}

/** Sends requests to a URL from outside of the cluster, half of them on connections that are kept. */
export function startLoad({ stateDir }: LabPlace, url: string): RunningLoad {
  const { prefix } = outsideOf(stateDir) ?? { prefix: [] };
  const [program = "", ...args] = [
    ...prefix,
    process.execPath,
    join(import.meta.dirname, `load${extname(import.meta.filename)}`),
    url,
  ];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    async end() {
      child.stdin.end();
      await ended;
      return JSON.parse(text) as LoadCounts;
    },
  };
}
