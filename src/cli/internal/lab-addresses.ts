/** Addresses that a lab's nodes take in by themselves (mode VIP), out of the same book as those of load balancers. */
import { AddressBook, type AddressRange } from "../../balancer/local/index.ts";
import { canonicalAddress, familyOfText } from "../../ip/address.ts";
import { type Cidr, cidrSize } from "../../ip/cidr.ts";
import { groupByFamily, mapFamilies, type PerFamily } from "../../ip/family.ts";
import { type BalancerAddresses, REQUESTED_ADDRESSES } from "../../lab/cloud/index.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { Service } from "../../objects/types.ts";

const POOL = "lab";

/** The addresses of ranges, at most one a family, without the first and the last of each. */
export function createLabAddresses(ranges: PerFamily<Cidr>): BalancerAddresses {
  const book = new AddressBook(() => "the lab's range of balancer addresses");
  book.setPools([
    {
      name: POOL,
      ranges: mapFamilies(ranges, (range) => [insideOf(range)]),
      autoAssign: true,
      avoidBuggyIPs: false,
      accepts: () => true,
    },
  ]);
  return {
    assign(service) {
      const families = (service.spec.ipFamilies ?? []).filter((family) => ranges[family] !== undefined);
      const { addresses, problems } = book.assign({
        key: objectKey(service),
        families,
        all: false,
        addresses: requestedAddresses(service),
        held: (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
      });
      const ingress = families.flatMap((family) => addresses[family] ?? []);
      return { ingress: ingress.map((ip) => ({ ip, ipMode: "VIP" })), problems };
    },
    release: (key) => book.release(key).length > 0,
  };
}

function insideOf(range: Cidr): AddressRange {
  return { family: range.family, first: range.base + 1n, last: range.base + cidrSize(range) - 2n };
}

/** The addresses that a Service asks for, the first of each family; what is no address is left out. */
function requestedAddresses({ metadata, spec }: Service): PerFamily<string> {
  const texts = metadata.annotations?.[REQUESTED_ADDRESSES]?.split(",") ?? [];
  const all = [...texts, spec.loadBalancerIP ?? ""].flatMap((text) => canonicalAddress(text.trim()) ?? []);
  const byFamily = groupByFamily(all, (ip) => familyOfText(ip) ?? "IPv4");
  return mapFamilies(byFamily, ([first]) => first);
}
