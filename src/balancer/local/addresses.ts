/** What pools have, what Services ask of them, and what these are answered. */
import { type Family, FAMILIES, familiesOf, type PerFamily } from "../../ip/family.ts";
import type { AddressRange } from "./ranges.ts";

/** A pool: ranges of one family, or of both. */
export interface AddressPool {
  readonly name: string;
  readonly ranges: PerFamily<readonly AddressRange[]>;
  /** Without it the pool, or an address of it, has to be asked for. */
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  /** Whether a Service, `namespace/name`, may have addresses of it; true for all where there are no selectors. */
  readonly accepts: (service: string) => boolean;
}

/** What a Service asks for. */
export interface AddressRequest {
  /** `namespace/name`. */
  readonly key: string;
  /** In the order in which they are wanted. */
  readonly families: readonly Family[];
  /** RequireDualStack: all of them or none; else what there is now, and the rest when there is a pool for it. */
  readonly all: boolean;
  readonly pool?: string | undefined;
  readonly addresses: PerFamily<string>;
  /** What its status says. */
  readonly held: readonly string[];
  /** Addresses of nodes, in canonical text: nobody gets them, whatever pool has them. */
  readonly nodes?: ReadonlySet<string> | undefined;
  /** Lets Services that give the same key have one address, for different ports (`TCP/443`). */
  readonly sharing?: { readonly key: string; readonly ports: readonly string[] } | undefined;
}

/** Why a Service lacks an address. */
export interface AddressProblem {
  readonly family: Family;
  readonly reason: "AddressNotUsable" | "AddressRangeExhausted" | "NoPoolForFamily" | "WaitingForAllFamilies";
  readonly message: string;
}

/** What a Service gets. */
export interface AddressAnswer {
  readonly addresses: PerFamily<string>;
  /** The pool that each comes from. */
  readonly pools: PerFamily<string>;
  readonly problems: readonly AddressProblem[];
}

/** How full a pool is. */
export interface PoolCount {
  readonly used: number;
  readonly free: bigint;
}

/** The addresses in the order wanted. */
export function inOrder(addresses: PerFamily<string>, order: readonly Family[] = FAMILIES): string[] {
  return familiesOf(addresses, order).map((family) => addresses[family] as string);
}
