import { type Family, otherFamily } from "../../ip/family.ts";
import type { FaultEffect } from "./model.ts";

/** The table that holds all faults of a network namespace, beside whatever else is there. */
const FAULT_TABLE = "tandem-fault";

/** Before connection tracking and every other rule, as if the packet had never come. */
const FIRST = -300;

/** The script that puts these rules in the place of those that are there; without any the table goes. Atomic. */
export function replaceTable(family: "inet" | "bridge", chains: readonly string[]): string {
  const table = `${family} ${FAULT_TABLE}`;
  const remove = `table ${table}\ndelete table ${table}\n`;
  return chains.length === 0 ? remove : `${remove}table ${table} {\n${chains.join("\n")}\n}\n`;
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  const lines = [`type filter hook ${hook} priority ${FIRST}; policy accept`, ...rules];
  return `chain ${name} {\n${lines.map((line) => `  ${line}\n`).join("")}}`;
}

const NFPROTO: Record<Family, string> = { IPv4: "ipv4", IPv6: "ipv6" };
const ETHER_TYPE: Record<Family, string> = { IPv4: "ip", IPv6: "ip6" };
const ADDRESS: Record<Family, string> = { IPv4: "ip", IPv6: "ip6" };

function chance(percent: number): string {
  return percent === 100 ? "drop" : `numgen random mod 100 < ${percent} drop`;
}

/** Neighbours find each other in spite of a fault, over IPv6 as ARP lets them over IPv4: mended is mended at once. */
const NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept";

function ofFamily(family: Family | undefined): string {
  return family === undefined ? "" : `meta nfproto ${NFPROTO[family]} `;
}

/**
 * Chains of a pod's network namespace: losses on its link in both directions (its loopback works on), and connections
 * that a server bound to one family would refuse. UDP is refused on a named port only: without one, answers to the
 * pod's own questions would be hit too.
 */
export function podChains(effects: readonly FaultEffect[]): string[] {
  const losses = effects.filter((effect) => effect.kind === "loss");
  const binds = effects.filter((effect) => effect.kind === "bind");
  const arriving = losses.map(
    ({ family, percent }) => `iifname != "lo" ${ofFamily(family)}${chance(percent)}`,
  );
  const leaving = losses.map(
    ({ family, percent }) => `oifname != "lo" ${ofFamily(family)}${chance(percent)}`,
  );
  const refused = binds.flatMap(({ family, port }) => {
    const other = ofFamily(otherFamily(family));
    const to = port === undefined ? "" : `dport ${port} `;
    return [
      `${other}tcp ${to}${to && "tcp "}flags & (syn | ack) == syn reject with tcp reset`,
      ...(port === undefined ? [] : [`${other}udp ${to}reject with icmpx port-unreachable`]),
    ];
  });
  return [
    ...(losses.length > 0
      ? [
          chain("arriving", "prerouting", [NEIGHBOURS, ...arriving]),
          chain("leaving", "postrouting", [NEIGHBOURS, ...leaving]),
        ]
      : []),
    ...(refused.length > 0 ? [chain("bound", "input", refused)] : []),
  ];
}

/** The agent's own connections on a node: with the API server, whose fabric address is given, and to the kubelet. */
export interface AgentPorts {
  readonly node: string;
  readonly fabric: string;
  readonly family: Family;
  readonly apiPort: number;
  readonly kubeletPort: number;
}

/**
 * Chains of a node's network namespace: losses on its link to the other nodes. What the node's agent and the control
 * plane say to each other is spared, unless the node is stopped: otherwise a lost family would be a lost node.
 */
export function nodeChains(effects: readonly FaultEffect[], agent: readonly AgentPorts[]): string[] {
  const stopped = effects.some(({ kind }) => kind === "stop");
  const losses = stopped
    ? [{ family: undefined, percent: 100 }]
    : effects.filter((effect) => effect.kind === "loss");
  if (losses.length === 0) return [];
  const spared = stopped ? [] : agent;
  const between = ({ family }: AgentPorts, from: string, to: string): string =>
    `${ADDRESS[family]} saddr ${from} ${ADDRESS[family]} daddr ${to} tcp`;
  const arriving = [
    NEIGHBOURS,
    ...spared.flatMap((ports) => [
      `${between(ports, ports.fabric, ports.node)} sport ${ports.apiPort} accept`,
      `${between(ports, ports.fabric, ports.node)} dport ${ports.kubeletPort} accept`,
    ]),
    ...losses.map(({ family, percent }) => `iifname "eth0" ${ofFamily(family)}${chance(percent)}`),
  ];
  const leaving = [
    NEIGHBOURS,
    ...spared.flatMap((ports) => [
      `${between(ports, ports.node, ports.fabric)} dport ${ports.apiPort} accept`,
      `${between(ports, ports.node, ports.fabric)} sport ${ports.kubeletPort} accept`,
    ]),
    ...losses.map(({ family, percent }) => `oifname "eth0" ${ofFamily(family)}${chance(percent)}`),
  ];
  return [chain("arriving", "prerouting", arriving), chain("leaving", "postrouting", leaving)];
}

/** A broken link between two ports of the fabric's bridge. */
export interface BrokenLink {
  readonly ports: readonly [string, string];
  readonly family?: Family;
  readonly percent: number;
}

/** Chains of the fabric's bridge: losses between two nodes. */
export function linkChains(links: readonly BrokenLink[]): string[] {
  if (links.length === 0) return [];
  const rules = links.flatMap(({ ports: [a, b], family, percent }) => {
    const type = `ether type ${family === undefined ? "{ ip, ip6 }" : ETHER_TYPE[family]}`;
    return [
      [a, b],
      [b, a],
    ].map(([from, to]) => `iifname "${from}" oifname "${to}" ${type} ${chance(percent)}`);
  });
  return [chain("between", "forward", [NEIGHBOURS, ...rules])];
}
