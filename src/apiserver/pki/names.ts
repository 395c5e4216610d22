import { formatAddress } from "../../ip/address.ts";
import { addressAt, type Cidr } from "../../ip/cidr.ts";

/** The names and addresses that the server is reached by: loopback, the Service default/kubernetes, and extra ones. */
export function serverSans(ranges: readonly Cidr[], extra: readonly string[]): string[] {
  const service = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ];
  const addresses = ranges.map((range) => formatAddress(addressAt(range, 1n)));
  return [...new Set(["localhost", "127.0.0.1", "::1", ...service, ...addresses, ...extra])];
}
