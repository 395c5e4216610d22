import { formatTime } from "../../objects/time.ts";
import { randomUUID } from "node:crypto";
import type { Ledger } from "../../allocation/ledger.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { AnyObject, IPAddress, ServiceCIDR } from "../../objects/types.ts";
import type { Entry, Transaction } from "../../store/contract.ts";
import { encodeObject } from "./encoding.ts";
import { keyOf, nodePortKey, prefixOf } from "./keys.ts";

/** Read ServiceCIDRs by the entry that they are stored in, so that an unchanged one is the same object each time. */
const readServiceCidrs = new WeakMap<Entry<string>, ServiceCIDR>();

/** The allocator's state within one transaction of the store. */
export function ledgerOf(tx: Transaction<string>, owner: string, now: Date): Ledger {
  const addressKey = (name: string): string => keyOf(KINDS.IPAddress, undefined, name);
  return {
    hasAddress: (name) => tx.get(addressKey(name)) !== undefined,
    addAddress: (address) => {
      const text = encodeObject(KINDS.IPAddress, withSystemMetadata(address, now), tx.revision);
      tx.put(addressKey(address.metadata.name), text);
    },
    removeAddress: (name) => tx.delete(addressKey(name)),
    hasNodePort: (port) => tx.get(nodePortKey(port)) !== undefined,
    addNodePort: (port) => tx.put(nodePortKey(port), owner),
    removeNodePort: (port) => tx.delete(nodePortKey(port)),
    serviceCidrs: () => tx.range(prefixOf(KINDS.ServiceCIDR)).map(serviceCidrOf),
  };
}

function withSystemMetadata(address: IPAddress, now: Date): AnyObject {
  const metadata = {
    ...address.metadata,
    uid: randomUUID(),
    creationTimestamp: formatTime(now),
    generation: 1,
  };
  return { ...address, metadata };
}

function serviceCidrOf(entry: Entry<string>): ServiceCIDR {
  const known = readServiceCidrs.get(entry);
  if (known !== undefined) return known;
  const read = JSON.parse(entry.value) as ServiceCIDR;
  readServiceCidrs.set(entry, read);
  return read;
}
