/** Which Services have which address, and who may have one besides. */
import type { AddressRequest } from "./addresses.ts";

interface Owner {
  readonly key: string;
  readonly sharing: AddressRequest["sharing"];
}

/** The owners of addresses; all addresses are in canonical text. */
export class AddressOwners {
  readonly #owners = new Map<string, readonly Owner[]>();

  /** All addresses that anybody has. */
  addresses(): Iterable<string> {
    return this.#owners.keys();
  }

  /** Whether anybody has an address. */
  has(address: string): boolean {
    return this.#owners.has(address);
  }

  /** The Services that have an address. */
  of(address: string): readonly string[] {
    return (this.#owners.get(address) ?? []).map(({ key }) => key);
  }

  /** Makes a Service an owner of an address, besides those that it is shared with. */
  add(address: string, { key, sharing }: AddressRequest): void {
    this.#owners.set(address, [...(this.#owners.get(address) ?? []), { key, sharing }]);
  }

  /** Takes a Service's addresses back; says which. */
  release(key: string): string[] {
    const gone: string[] = [];
    for (const [address, owners] of this.#owners) {
      const others = owners.filter((owner) => owner.key !== key);
      if (others.length === owners.length) continue;
      gone.push(address);
      if (others.length === 0) this.#owners.delete(address);
      else this.#owners.set(address, others);
    }
    return gone;
  }

  /** Whether a Service may have an address: no node has it, and no Service but such as share it with this one. */
  isFree(address: string, { sharing, nodes }: AddressRequest): boolean {
    if (nodes?.has(address)) return false;
    return (this.#owners.get(address) ?? []).every((owner) => {
      if (sharing === undefined || owner.sharing?.key !== sharing.key) return false;
      return !owner.sharing.ports.some((port) => sharing.ports.includes(port));
    });
  }

  /** Who has an address, as messages say it. */
  textOf(address: string, { nodes }: AddressRequest): string {
    if (nodes?.has(address)) return "a node";
    const keys = this.of(address);
    return `${keys.length > 1 ? "Services" : "Service"} ${keys.join(", ")}`;
  }
}
