/** Who a proxy of the mesh is, as secrets: those that every mutual TLS of it names. */
import type { Wanted } from "../desired/resource-set.ts";
import { made } from "./layer.ts";
import { SECRETS } from "./names.ts";

/** PEM texts with which a workload shows who it is, and knows others. */
export interface WorkloadIdentity {
  /** The certificate, and those between it and the authority. */
  readonly certificate: string;
  readonly privateKey: string;
  /** The authorities of the mesh; several while they change. */
  readonly authorities: string;
}

/** Its own certificate, and the authorities that it trusts. */
export function identitySecrets({ certificate, privateKey, authorities }: WorkloadIdentity): Wanted[] {
  const inline = (text: string) => ({ inline_string: text });
  const own = { certificate_chain: inline(certificate), private_key: inline(privateKey) };
  const trusted = { trusted_ca: inline(authorities) };
  return [
    {
      name: SECRETS.workload,
      from: [certificate, privateKey],
      make: () => made("secret", { name: SECRETS.workload, tls_certificate: own }),
    },
    {
      name: SECRETS.authorities,
      from: [authorities],
      make: () => made("secret", { name: SECRETS.authorities, validation_context: trusted }),
    },
  ];
}
