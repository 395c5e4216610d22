/** Packets of a port of a pod, by family: what a packet dump would be read for, from counters in the pod's own kernel. */
import type { Family } from "../../ip/family.ts";
import type { ScenarioRoom } from "./scenario.ts";

/** Connections that came to a port, and those of them that were refused. */
export interface PacketCount {
  readonly opened: number;
  readonly refused: number;
}

const TABLE = "tandem-scenario";

/** Begins to count connections to a TCP port of a pod: SYNs that come in, RSTs that go out. */
export async function countPackets(room: ScenarioRoom, pod: string, port: number): Promise<void> {
  const rules = `
table inet ${TABLE} {
  counter IPv4-opened { }
  counter IPv6-opened { }
  counter IPv4-refused { }
  counter IPv6-refused { }
  chain input {
    type filter hook input priority -10
    meta nfproto ipv4 tcp dport ${port} tcp flags & (syn | ack) == syn counter name "IPv4-opened"
    meta nfproto ipv6 tcp dport ${port} tcp flags & (syn | ack) == syn counter name "IPv6-opened"
  }
  chain output {
    type filter hook output priority -10
    meta nfproto ipv4 tcp sport ${port} tcp flags & rst == rst counter name "IPv4-refused"
    meta nfproto ipv6 tcp sport ${port} tcp flags & rst == rst counter name "IPv6-refused"
  }
}
`;
  const { code, err } = await room.inPod(pod, ["nft", "-f", "-"], rules);
  if (code !== 0) throw new Error(`packets cannot be counted in pod ${pod}: ${err.trim()}`);
}

/** What has been counted so far. */
export async function readCounts(room: ScenarioRoom, pod: string): Promise<Record<Family, PacketCount>> {
  const { out } = await room.inPod(pod, ["nft", "list", "counters", "table", "inet", TABLE]);
  const of = (name: string) => {
    const found = new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(out);
    return Number(found?.[1] ?? 0);
  };
  return {
    IPv4: { opened: of("IPv4-opened"), refused: of("IPv4-refused") },
    IPv6: { opened: of("IPv6-opened"), refused: of("IPv6-refused") },
  };
}

/** A line a family. */
export function describeCounts(counts: Record<Family, PacketCount>): string[] {
  const line = (family: Family) => {
    const { opened, refused } = counts[family];
    return `packets over ${family}: ${opened} SYN in, ${refused} RST out`;
  };
  return [line("IPv6"), line("IPv4")];
}
