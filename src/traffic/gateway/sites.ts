/** What of a Gateway decides where its routes are: while that is the same, they stay where they are. */
import { equal } from "./equality.ts";
import type { ResolvedListener } from "./listeners.ts";
import type { Resolution } from "./resolution.ts";

/** Whether routes are attached to both in the same way, and put into the same tables. */
export function sameSites(one: Resolution, other: Resolution): boolean {
  return (
    clientCertificateName(one) === clientCertificateName(other) &&
    equal(one.listeners.map(siteOf), other.listeners.map(siteOf)) &&
    equal(
      one.ports.map(({ name }) => name),
      other.ports.map(({ name }) => name),
    )
  );
}

function siteOf({ id, owner, spec, hostname, kinds, terminates, conflict }: ResolvedListener): unknown {
  const { port, protocol, allowedRoutes } = spec;
  const choice = allowedRoutes?.namespaces;
  return [
    id,
    owner,
    port,
    protocol,
    hostname,
    [...kinds],
    terminates,
    conflict === undefined,
    choice ?? null,
  ];
}

/** The name of the certificate with which a Gateway shows itself to backends, if there is one that can be used. */
export function clientCertificateName({ clientCertificate }: Resolution): string | undefined {
  return clientCertificate?.reason === undefined ? clientCertificate?.certificate.name : undefined;
}
