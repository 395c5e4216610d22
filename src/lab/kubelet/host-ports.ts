import { writeFileSync } from "node:fs";
import { familyOfText } from "../../ip/address.ts";
import type { Family, PerFamily } from "../../ip/family.ts";
import type { Pod } from "../../objects/types.ts";
import { run } from "../run.ts";

/** One port of a node that leads to a pod, in one family. */
export interface PortMapping {
  readonly family: Family;
  readonly protocol: string;
  /** The address of the node that it counts for; undefined: all of them. */
  readonly hostIP?: string;
  readonly hostPort: number;
  readonly podIP: string;
  readonly containerPort: number;
}

/**
 * The mappings of a pod's ports with hostPort. No hostIP is both families, 0.0.0.0 all of IPv4, `::` all of IPv6. Pods in
 * the node's network have none: they listen there themselves.
 */
function portMappings(pod: Pod, addresses: PerFamily<string>): PortMapping[] {
  if (pod.spec.hostNetwork) return [];
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return containers
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ hostPort, hostIP = "", containerPort, protocol = "TCP" }) => {
      if (!hostPort) return [];
      const families = hostIP === "" ? (["IPv4", "IPv6"] as const) : [familyOfText(hostIP) ?? "IPv4"];
      const only = ["", "0.0.0.0", "::"].includes(hostIP) ? {} : { hostIP };
      return families.flatMap((family) => {
        const podIP = addresses[family];
        const base = { family, protocol: protocol.toLowerCase(), hostPort, containerPort, ...only };
        return podIP === undefined ? [] : [{ ...base, podIP }];
      });
    });
}

/** Whether a pod wants a port of the node that another one has. An address of a family clashes with all of it. */
export function portsTaken(pod: Pod, other: Pod): boolean {
  const any = { IPv4: "*", IPv6: "*" };
  const taken = portMappings(other, any);
  return portMappings(pod, any).some((wanted) =>
    taken.some(
      (held) =>
        held.family === wanted.family &&
        held.protocol === wanted.protocol &&
        held.hostPort === wanted.hostPort &&
        (held.hostIP === undefined || wanted.hostIP === undefined || held.hostIP === wanted.hostIP),
    ),
  );
}

const TABLE = "inet tandem-hostport";
const WORDS: Record<Family, { nfproto: string; ip: string }> = {
  IPv4: { nfproto: "ipv4", ip: "ip" },
  IPv6: { nfproto: "ipv6", ip: "ip6" },
};

function mappingRule({ family, protocol, hostIP, hostPort, podIP, containerPort }: PortMapping): string {
  const { nfproto, ip } = WORDS[family];
  const to = family === "IPv6" ? `[${podIP}]` : podIP;
  const only = hostIP === undefined ? "" : `${ip} daddr ${hostIP} `;
  return `meta nfproto ${nfproto} ${only}${protocol} dport ${hostPort} dnat ${ip} to ${to}:${containerPort}`;
}

/**
 * The script that replaces the table of host ports: a port of any of the node's addresses, from outside and from the
 * node itself, leads to the pod. Masqueraded are a pod that calls itself this way, and IPv4's loopback, as the answers
 * would not come back.
 */
export function hostPortScript(mappings: readonly PortMapping[]): string {
  const remove = `table ${TABLE}\ndelete table ${TABLE}\n`;
  if (mappings.length === 0) return remove;
  const hairpins = [
    ...new Set(
      mappings.map(
        ({ family, podIP }) =>
          `${WORDS[family].ip} saddr ${podIP} ${WORDS[family].ip} daddr ${podIP} masquerade`,
      ),
    ),
  ];
  const chain = (name: string, lines: readonly string[]) =>
    `chain ${name} {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
  return `${remove}table ${TABLE} {
${chain("ports", mappings.map(mappingRule))}${chain("prerouting", ["type nat hook prerouting priority dstnat; policy accept", "fib daddr type local jump ports"])}${chain("output", ["type nat hook output priority -100; policy accept", "fib daddr type local jump ports"])}${chain(
  "postrouting",
  [
    "type nat hook postrouting priority srcnat; policy accept",
    'ip saddr 127.0.0.0/8 oifname != "lo" masquerade',
    ...hairpins,
  ],
)}}
`;
}

/** Keeps the rules of a node's host ports in step with its pods; run in the node's network namespace. */
export class HostPorts {
  readonly #nodeAddresses: PerFamily<string>;
  readonly #pods = new Map<string, readonly PortMapping[]>();
  #last: Promise<void> = Promise.resolve();

  constructor(nodeAddresses: PerFamily<string>) {
    this.#nodeAddresses = nodeAddresses;
  }

  /** Leads a pod's host ports to its addresses. @throws CommandFailed when the kernel refuses the rules */
  open(pod: Pod, addresses: PerFamily<string>): Promise<void> {
    const mappings = portMappings(pod, addresses);
    if (mappings.length === 0) return Promise.resolve();
    if (this.#pods.size === 0 && this.#nodeAddresses.IPv4 !== undefined) allowLoopback();
    this.#pods.set(pod.metadata.uid ?? "", mappings);
    return this.#load();
  }

  /** Takes a pod's host ports away; it may have none. */
  close(pod: Pod): Promise<void> {
    if (!this.#pods.delete(pod.metadata.uid ?? "")) return Promise.resolve();
    return this.#load().catch((error) => console.error(`host ports: ${(error as Error).message}`));
  }

  #load(): Promise<void> {
    const loaded = this.#last.then(async () => {
      await run(["nft", "-f", "-"], hostPortScript([...this.#pods.values()].flat()));
    });
    this.#last = loaded.catch(() => {});
    return loaded;
  }
}

/** So that 127.0.0.1:PORT of the node leads to the pod too; IPv6 has no such way. */
function allowLoopback(): void {
  writeFileSync("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
}
