/** What should be in the tables: a pure translation of doors into map elements and chains. */
import type { Frontend } from "../traffic/model.ts";
import { type ChainShape, chainName, FIRST_LOCAL_NUMBER, LOCAL_OFFSET, mapName } from "./chains.ts";
import { doorsOf, type Entry, forEachEntry } from "./doors.ts";
import { type Dialect, DIALECTS, type NodeFacts } from "./facts.ts";

/** Sets with elements that several entries may share. */
export type SharedSet = "cluster-ips" | "hairpin";

/** Takes what one entry needs; the two tables part here and nowhere before. */
export interface Sink {
  /** An element of a map (or a set, when the value is empty) that this entry alone has. */
  element(dialect: Dialect, map: string, key: string, value: string): void;
  /** An element of a set that other entries may have too; keys differ between all sets. */
  shared(dialect: Dialect, set: SharedSet, key: string): void;
  chain(dialect: Dialect, name: string, shape: ChainShape): void;
}

/** The identity of an entry across the cluster: two frontends with the same one contend for it. */
export function entryKey({ door, family, key }: Entry): string {
  return door.kind === "node" ? `${DIALECTS[family].ip} ${key}` : key;
}

/** The key in maps of one protocol. */
function targetKey({ door, address }: Entry): string {
  return door.kind === "node" ? `${door.port}` : `${address} . ${door.port}`;
}

/** Calls back for each entry of a frontend on this node. */
export function entriesOf(frontend: Frontend, facts: NodeFacts, visit: (entry: Entry) => void): void {
  forEachEntry(doorsOf(frontend, facts), visit);
}

/** Writes the elements and chains of one entry. */
export function renderEntry(entry: Entry, sink: Sink): void {
  const { door, targets, family } = entry;
  const dialect = DIALECTS[family];
  const base = entry.key;
  const keyed = door.kind === "node" ? "node" : "address";
  sink.element(dialect, keyed === "node" ? "nodeports" : "services", base, verdict(entry, sink));
  if (door.kind === "cluster") sink.shared(dialect, "cluster-ips", entry.address);
  for (const range of door.sourceRanges[family] ?? [])
    sink.element(dialect, "admitted", `${base} . ${range}`, "");
  const reachable = door.kind === "cluster" && door.policy === "Local" ? targets.local : targets.cluster;
  const local = door.kind !== "cluster" && door.policy === "Local" ? targets.local : [];
  for (const address of targets.hairpins) sink.shared(dialect, "hairpin", `${address} . ${address}`);
  if (door.affinitySeconds === undefined) {
    const map = mapName("endpoints", keyed, door.protocol);
    const target = targetKey(entry);
    for (let i = 0; i < reachable.length; i++)
      sink.element(dialect, map, `${target} . ${i}`, reachable[i] as string);
    for (let i = 0; i < local.length; i++) {
      sink.element(dialect, map, `${target} . ${LOCAL_OFFSET + i}`, local[i] as string);
    }
    return;
  }
  renderSticky(entry, keyed, reachable, 0, sink);
  renderSticky(entry, keyed, local, LOCAL_OFFSET, sink);
}

/** Sticky endpoints have a number that outlives their index; each set (all, local) has numbers of its own. */
function renderSticky(
  entry: Entry,
  keyed: ChainShape["keyed"],
  endpoints: readonly string[],
  offset: number,
  sink: Sink,
): void {
  const dialect = DIALECTS[entry.family];
  const taken = new Set<number>();
  endpoints.forEach((endpoint, index) => {
    const number = stableNumber(endpoint, taken) + (offset === 0 ? 0 : FIRST_LOCAL_NUMBER);
    sink.element(dialect, mapName("slots", keyed), `${entry.key} . ${offset + index}`, String(number));
    const sticky = mapName("sticky", keyed, entry.door.protocol);
    sink.element(dialect, sticky, `${targetKey(entry)} . ${number}`, endpoint);
  });
}

/** FNV-1a of 30 bits, never 0, moved on where it is taken. */
function stableNumber(text: string, taken: Set<number>): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  const last = FIRST_LOCAL_NUMBER - 1;
  let number = hash >>> 2 || 1;
  while (taken.has(number)) number = (number % last) + 1;
  taken.add(number);
  return number;
}

function verdict(entry: Entry, sink: Sink): string {
  const shape = shapeOf(entry);
  if (shape === "drop") return "drop";
  if (shape === "refuse") return "goto refuse";
  const name = chainName(shape);
  sink.chain(DIALECTS[entry.family], name, shape);
  return `goto ${name}`;
}

/** No endpoint anywhere refuses; endpoints elsewhere only, under a Local policy, drop (KEP-1669, KEP-2086). */
function shapeOf({ door, targets, family }: Entry): ChainShape | "drop" | "refuse" {
  const { protocol } = door;
  const sticky = door.affinitySeconds === undefined ? {} : { stickySeconds: door.affinitySeconds };
  if (door.kind === "cluster") {
    const endpoints = (door.policy === "Local" ? targets.local : targets.cluster).length;
    if (endpoints > 0) return { protocol, keyed: "address", masquerade: "off-cluster", endpoints, ...sticky };
    return door.policy === "Local" && targets.any ? "drop" : "refuse";
  }
  const keyed = door.kind === "node" ? "node" : "address";
  const guarded = door.sourceRanges[family] === undefined ? {} : { guarded: true };
  const endpoints = targets.cluster.length;
  if (endpoints === 0) {
    return guarded.guarded ? { protocol, keyed, masquerade: "all", endpoints: 0, ...guarded } : "refuse";
  }
  if (door.policy === "Cluster")
    return { protocol, keyed, masquerade: "all", endpoints, ...guarded, ...sticky };
  const localEndpoints = targets.local.length;
  return { protocol, keyed, masquerade: "local-policy", endpoints, localEndpoints, ...guarded, ...sticky };
}
