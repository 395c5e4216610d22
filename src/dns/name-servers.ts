import { familyOfText } from "../ip/address.ts";
import { type DnsIndex, readyOf, type Target } from "./desired.ts";

/**
 * Where `ns.dns.DOMAIN`, which the SOA record names, is found: at the cluster IPs of the Services that lead to an address
 * that this server listens on (kube-dns), at their endpoints if they are headless, and without such a Service at the
 * addresses themselves (nsAddrs in CoreDNS's plugin/kubernetes/ns.go).
 * @param servers addresses that this server listens on, canonical, none of loopback
 */
export function nameServersOf(index: DnsIndex, servers: readonly string[]): Target[] {
  const serving = new Set(servers.flatMap((address) => index.byAddress(address).backendOf));
  const addresses = [...serving].flatMap(({ kind, addresses: { IPv4, IPv6 }, backends }) => {
    if (kind === "virtual") return [IPv4, IPv6].filter((address) => address !== undefined);
    return backends.flatMap((backend) => readyOf(backend).map(({ address }) => address));
  });
  return (serving.size === 0 ? servers : addresses).flatMap((address) => {
    const family = familyOfText(address);
    return family === undefined ? [] : { family, address, port: 0 };
  });
}
