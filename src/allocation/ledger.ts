/**
 * What the allocator reads and writes besides the Service itself. The API server implements it over the same
 * store transaction that writes the Service, so that an address or port is never held without its Service,
 * nor twice.
 */
import type { Family } from "../ip/family.ts";
import type { IPAddress, ServiceCIDR } from "../objects/types.ts";

/**
 * The state of allocation as one transaction sees it, its own writes included. Every method but
 * {@link Ledger.serviceCidrs} must cost O(1), for they run several times per Service.
 */
export interface Ledger {
  /** Whether an IPAddress object of this name exists; the name is the canonical text of the address. */
  hasAddress(name: string): boolean;
  /** Writes a new IPAddress; it lacks uid, creationTimestamp and resourceVersion, which the writer adds. */
  addAddress(address: IPAddress): void;
  /** Removes the IPAddress of this name; does nothing when there is none. */
  removeAddress(name: string): void;
  /** Whether a node port or health-check node port of this number is in use by any Service. */
  hasNodePort(port: number): boolean;
  /** Marks a node port as used. */
  addNodePort(port: number): void;
  /** Gives a node port back; does nothing when it is not in use. */
  removeNodePort(port: number): void;
  /**
   * All ServiceCIDR objects. The same unchanged object should come back each time: what is read from it is
   * cached by identity.
   */
  serviceCidrs(): readonly ServiceCIDR[];
}

/** What the API server's flags say about Services. */
export interface ServiceNetwork {
  /**
   * The families of --service-cluster-ip-range in its order; the first one is the cluster's primary family.
   */
  readonly families: readonly [Family] | readonly [Family, Family];
  /** --service-node-port-range, both ends included; 30000 to 32767 by default. */
  readonly nodePorts: PortRange;
}

/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A source of randomness: a number of [0, 1), as Math.random gives. */
export type Random = () => number;
