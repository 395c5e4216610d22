import { canonicalAsGo, familyAsGo } from "../objects/ip-text.ts";
import { clusterIPsOf, HEADLESS, needsClusterIP } from "../objects/service/index.ts";
import type { IPAddress, Service } from "../objects/types.ts";
import { ADDRESS_LABEL_MANAGED_BY, ADDRESS_MANAGER, ipAddressOf } from "./addresses.ts";

/** How long an address may stand without its Service before it is removed. */
const GRACE_MILLISECONDS = 60_000;

/** What brings addresses in line with Services again. */
export interface Repair {
  /** Addresses that Services hold and that somebody deleted. */
  readonly create: readonly IPAddress[];
  /** Names of addresses that no Service holds. */
  readonly remove: readonly string[];
}

/**
 * Compares Services with the addresses held for them. Writes through this server keep them in line; objects
 * that users delete or create by hand do not (pkg/registry/core/service/ipallocator/controller/repairip.go).
 * @param now milliseconds since 1970
 */
export function repairAddresses(
  services: Iterable<Service>,
  addresses: Iterable<IPAddress>,
  now: number,
): Repair {
  const missing = new Map<string, IPAddress>();
  for (const service of services) {
    for (const ip of heldBy(service)) {
      const name = canonicalAsGo(ip);
      const family = familyAsGo(ip);
      if (name !== undefined && family !== undefined) missing.set(name, ipAddressOf(name, family, service));
    }
  }
  const remove: string[] = [];
  for (const { metadata } of addresses) {
    if (missing.delete(metadata.name)) continue;
    if (metadata.labels?.[ADDRESS_LABEL_MANAGED_BY] !== ADDRESS_MANAGER) continue;
    const created = Date.parse(metadata.creationTimestamp ?? "");
    if (!(now - created < GRACE_MILLISECONDS)) remove.push(metadata.name);
  }
  return { create: [...missing.values()], remove };
}

function heldBy(service: Service): readonly string[] {
  const ips = clusterIPsOf(service);
  return needsClusterIP(service) && ips[0] !== HEADLESS ? ips : [];
}
