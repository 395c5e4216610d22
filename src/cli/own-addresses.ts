import { networkInterfaces } from "node:os";

/** This machine's addresses of both families, loopback and link-local ones left out. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^(fe80|169\.254)/i.test(address))
    .map(({ address }) => address);
}
