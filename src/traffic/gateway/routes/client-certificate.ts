import type { Destination } from "../model.ts";

const made = new WeakMap<Destination, Map<string, Destination>>();

/**
 * The destination as a Gateway with a backend client certificate (`spec.tls.backend.clientCertificateRef`, a name in
 * ProxyModel.certificates) dials it: the same object where it does not speak TLS. Equal arguments give the same object.
 */
export function withClientCertificate(destination: Destination, certificate: string): Destination {
  if (destination.tls === undefined) return destination;
  const known = made.get(destination) ?? new Map<string, Destination>();
  made.set(destination, known);
  const result = known.get(certificate) ?? {
    ...destination,
    tls: { ...destination.tls, clientCertificate: certificate },
  };
  known.set(certificate, result);
  return result;
}
