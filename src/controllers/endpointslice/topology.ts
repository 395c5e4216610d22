import type { Family } from "../../ip/family.ts";
import { hasCondition } from "../../objects/conditions.ts";
import { parseQuantity } from "../../objects/quantity.ts";
import type { Endpoint, EndpointSlice, Node } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";

/** How much more than its share a single endpoint may have to bear. */
const OVERLOAD = 0.2;
const ZONE_LABEL = "topology.kubernetes.io/zone";
const EXCLUDED = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/** The part of the nodes' CPUs that each zone has; together 1. */
export type ZoneShares = ReadonlyMap<string, number>;

/**
 * The zones' shares of the CPUs of all nodes that are ready and no control plane; undefined where a node does not tell
 * its zone or CPUs, or there are fewer than two zones (TopologyCache.SetNodes in k8s.io/endpointslice/topologycache).
 */
export function zoneShares(nodes: readonly Node[]): ZoneShares | undefined {
  const cpus = new Map<string, number>();
  let total = 0;
  for (const node of nodes) {
    const { counts, zone, cpu } = zoneFacts(node);
    if (!counts) continue;
    if (!zone || cpu === 0) return undefined;
    total += cpu;
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu);
  }
  if (cpus.size < 2) return undefined;
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]));
}

/** Whether a change of a node leaves its zone's share as it is. */
export function tellsSameOfZones(node: Node, previous: Node): boolean {
  return sameValue(zoneFacts(node), zoneFacts(previous));
}

function zoneFacts(node: Node) {
  const { labels = {} } = node.metadata;
  const counts = hasCondition(node, "Ready") && !EXCLUDED.some((label) => label in labels);
  return { counts, zone: labels[ZONE_LABEL], cpu: milliCpus(node.status?.allocatable?.["cpu"]) };
}

function milliCpus(text: string | undefined): number {
  const quantity = text === undefined ? undefined : parseQuantity(text);
  return quantity === undefined || typeof quantity === "string" ? 0 : Math.ceil(Number(quantity.nanos) / 1e6);
}

/** The slices of a family: those that are written anyway, and the others. */
export interface FamilySlices {
  readonly create: EndpointSlice[];
  readonly update: EndpointSlice[];
  readonly unchanged: readonly EndpointSlice[];
}

/** Slices with their hints, to be written instead of the given ones; or why there are to be no hints. */
export type Spread = { readonly create: EndpointSlice[]; readonly update: EndpointSlice[] } | { why: string };

interface Room {
  readonly minimum: number;
  readonly desired: number;
  readonly maximum: number;
}

/**
 * Gives every ready endpoint to a zone, as `service.kubernetes.io/topology-mode: Auto` asks (TopologyCache.AddHints): its
 * own one, save as many as it takes for each zone to have endpoints in proportion to its CPUs. Slices whose hints are
 * still fit stay as they are.
 */
export function spreadOverZones(
  slices: FamilySlices,
  shares: ZoneShares | undefined,
  family: Family,
): Spread {
  const all = [...slices.create, ...slices.update, ...slices.unchanged];
  const ready = all.reduce((sum, { endpoints }) => sum + (endpoints ?? []).filter(isReady).length, 0);
  const rooms = roomsOf(shares, ready);
  const because = (why: string): Spread => ({ why: `${why}, addressType: ${family}` });
  if (typeof rooms === "string") return because(rooms);
  const given = new Map<string, number>();
  const unfit = slices.unchanged.filter((slice) => !countHints(slice, given, rooms));
  const create = slices.create.map(copied);
  const update = [...slices.update, ...unfit].map(copied);
  const drafts = [...create, ...update].flatMap(({ endpoints }) => endpoints ?? []).filter(isReady);
  if (drafts.some(({ zone }) => !zone)) return because("One or more endpoints do not have a zone specified");
  for (const endpoint of drafts) {
    hint(endpoint, endpoint.zone!);
    add(given, endpoint.zone!, 1);
  }
  redistribute(drafts, moves(rooms, given));
  return { create, update };
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready === true;
}

function copied(slice: EndpointSlice): EndpointSlice {
  return { ...slice, endpoints: (slice.endpoints ?? []).map((endpoint) => ({ ...endpoint })) };
}

function hint(endpoint: Endpoint, zone: string): void {
  endpoint.hints = { forZones: [{ name: zone }] };
}

function add(counts: Map<string, number>, zone: string, count: number): void {
  counts.set(zone, (counts.get(zone) ?? 0) + count);
}

/** How many endpoints each zone may and should have; or why none can be given to zones. */
function roomsOf(shares: ZoneShares | undefined, ready: number): ReadonlyMap<string, Room> | string {
  if (shares === undefined)
    return "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";
  const counted = `(${ready} endpoints, ${shares.size} zones)`;
  if (shares.size > ready) return `Insufficient number of endpoints ${counted}`;
  const wanted = [...shares].map(([zone, share]) => {
    const minimum = Math.ceil(share * ready * (1 / (1 + OVERLOAD)));
    return { zone, minimum, desired: Math.max(share * ready, minimum) };
  });
  const spare = ready - wanted.reduce((sum, { minimum }) => sum + minimum, 0);
  if (spare < 0) {
    const why =
      "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold";
    return `${why} ${counted}`;
  }
  return new Map(
    wanted.map(({ zone, minimum, desired }) => [zone, { minimum, desired, maximum: minimum + spare }]),
  );
}

/** Counts the hints of a slice into `given`; false, and nothing counted, where they are not fit any more. */
function countHints(
  { endpoints }: EndpointSlice,
  given: Map<string, number>,
  rooms: ReadonlyMap<string, Room>,
): boolean {
  const own = new Map<string, number>();
  for (const { hints } of (endpoints ?? []).filter(isReady)) {
    const zones = hints?.forZones ?? [];
    if (zones.length === 0 || zones.some(({ name }) => !rooms.has(name))) return false;
    for (const { name } of zones) add(own, name, 1);
  }
  for (const [zone, count] of own) {
    if (count + (given.get(zone) ?? 0) > rooms.get(zone)!.maximum) return false;
  }
  for (const [zone, count] of own) add(given, zone, count);
  return true;
}

interface Moves {
  readonly from: Map<string, number>;
  readonly to: Map<string, number>;
}

/** How many endpoints zones with too many give, and which ones get them: always from the most to the most. */
function moves(rooms: ReadonlyMap<string, Room>, given: ReadonlyMap<string, number>): Moves {
  const over = new Map<string, number>();
  const under = new Map<string, number>();
  for (const [zone, { desired }] of rooms) {
    const difference = (given.get(zone) ?? 0) - desired;
    if (difference > 0) over.set(zone, difference);
    if (difference < 0) under.set(zone, -difference);
  }
  const [from, to] = [new Map<string, number>(), new Map<string, number>()];
  for (;;) {
    const [giving, more] = most(over);
    const [receiving, less] = most(under);
    if ((more < 1 && less < 1) || more < 0.5 || less < 0.5) return { from, to };
    add(from, giving, 1);
    add(over, giving, -1);
    add(to, receiving, 1);
    add(under, receiving, -1);
  }
}

function most(counts: ReadonlyMap<string, number>): [string, number] {
  let found: [string, number] = ["", 0];
  for (const entry of counts) if (entry[1] > found[1]) found = entry;
  return found;
}

function redistribute(endpoints: readonly Endpoint[], { from, to }: Moves): void {
  for (const endpoint of endpoints) {
    const zone = endpoint.zone!;
    const [receiver] = [...to].find(([, count]) => count > 0) ?? [];
    if (receiver === undefined) return;
    if ((from.get(zone) ?? 0) <= 0) continue;
    hint(endpoint, receiver);
    add(from, zone, -1);
    add(to, receiver, -1);
  }
}
