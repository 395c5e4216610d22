/** What the host of a proxy can do. It is an input: what it cannot do is left out, and never sent to be refused. */
import type { Family } from "../../ip/family.ts";

/** What is known of one proxy's host. */
export interface ProxyCapabilities {
  /** Families that sockets can be made of there. */
  readonly families: readonly Family[];
  /** Where it runs, for destinations that prefer their own zone. */
  readonly zone?: string;
  /** The file with the certificate authorities of its system. */
  readonly systemTrust?: string;
}

/** Where Debian, and so Envoy's images, keep what the system trusts. */
const SYSTEM_TRUST = "/etc/ssl/certs/ca-certificates.crt";

/** The file with the certificate authorities of the proxy's system. */
export function systemTrustOf(capabilities: ProxyCapabilities): string {
  return capabilities.systemTrust ?? SYSTEM_TRUST;
}

/** The families asked for that the host has, in the order asked for. */
export function possibleFamilies(
  asked: readonly Family[],
  { families }: ProxyCapabilities,
): readonly Family[] {
  return asked.filter((family) => families.includes(family));
}
