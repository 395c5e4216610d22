import type { IPAddress } from "../objects/types.ts";
import type { Ledger, Random, ServiceNetwork } from "./ledger.ts";

/**
 * What one write takes from the ledger and gives back to it. It is carried out only when nothing can fail any
 * more, so that a refused write leaks nothing; until then what is to be given back counts as taken.
 */
export class Plan {
  readonly ledger: Ledger;
  readonly network: ServiceNetwork;
  readonly dryRun: boolean;
  readonly random: Random;
  readonly #addresses = new Map<string, IPAddress>();
  readonly #ports = new Set<number>();
  readonly #freedAddresses: string[] = [];
  readonly #freedPorts: number[] = [];

  constructor(ledger: Ledger, network: ServiceNetwork, dryRun: boolean, random: Random) {
    this.ledger = ledger;
    this.network = network;
    this.dryRun = dryRun;
    this.random = random;
  }

  /** Whether an address is held, by this write too. */
  isAddressTaken(name: string): boolean {
    return this.#addresses.has(name) || this.ledger.hasAddress(name);
  }

  /** Whether a node port is held, by this write too. */
  isPortTaken(port: number): boolean {
    return this.#ports.has(port) || this.ledger.hasNodePort(port);
  }

  /** The node ports that this write has taken so far. */
  get takenPorts(): ReadonlySet<number> {
    return this.#ports;
  }

  takeAddress(address: IPAddress): void {
    this.#addresses.set(address.metadata.name, address);
  }

  takePort(port: number): void {
    this.#ports.add(port);
  }

  freeAddress(name: string): void {
    this.#freedAddresses.push(name);
  }

  freePort(port: number): void {
    this.#freedPorts.push(port);
  }

  /** Writes it all to the ledger; a dry run writes nothing. */
  commit(): void {
    if (this.dryRun) return;
    for (const address of this.#addresses.values()) this.ledger.addAddress(address);
    for (const port of this.#ports) this.ledger.addNodePort(port);
    for (const name of this.#freedAddresses) this.ledger.removeAddress(name);
    for (const port of this.#freedPorts) this.ledger.removeNodePort(port);
  }
}
