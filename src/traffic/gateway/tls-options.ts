/** `tls.options` of listeners that are understood; what Envoy would refuse is found here, as it would take the port down. */
import type { ServerTls } from "./model.ts";

const PREFIX = "tandem.dev/";
const VERSIONS = ["1.0", "1.1", "1.2", "1.3"];

/** Cipher suites that Envoy knows up to TLS 1.2 (TlsParameters.cipher_suites); those of 1.3 cannot be chosen. */
const CIPHERS: ReadonlySet<string> = new Set([
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "AES128-GCM-SHA256",
  "AES256-GCM-SHA384",
  "AES128-SHA",
  "AES256-SHA",
]);

/** Options as they are to be applied, or what is wrong with one of them. */
export interface TlsOptions {
  readonly tls: Partial<ServerTls>;
  readonly problem?: string;
}

/** Reads TLS versions (`1.2`), cipher suites and ALPN (comma-separated); options of others are left alone. */
export function tlsOptions(options: Readonly<Record<string, string>>): TlsOptions {
  const option = (name: string) => options[`${PREFIX}${name}`]?.trim();
  const words = (name: string) =>
    option(name)
      ?.split(",")
      .map((word) => word.trim());
  const minVersion = option("tls-min-version");
  const maxVersion = option("tls-max-version");
  const ciphers = words("tls-ciphers");
  const alpn = words("alpn");
  const problem = versionProblem(minVersion, maxVersion) ?? wordProblem(ciphers, alpn);
  if (problem !== undefined) return { tls: {}, problem: `tls.options: ${problem}` };
  return {
    tls: {
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(ciphers === undefined ? {} : { ciphers }),
      ...(alpn === undefined ? {} : { alpn }),
    },
  };
}

function versionProblem(min: string | undefined, max: string | undefined): string | undefined {
  const bad = [min, max].find((version) => version !== undefined && !VERSIONS.includes(version));
  if (bad !== undefined) return `${bad} is no TLS version: use ${VERSIONS.join(", ")}`;
  if (min !== undefined && max !== undefined && min > max)
    return `tls-min-version ${min} is above tls-max-version ${max}`;
  return undefined;
}

/** What Envoy would refuse of cipher suites or ALPN; undefined: nothing. */
export function wordProblem(
  ciphers: readonly string[] = [],
  alpn: readonly string[] = [],
): string | undefined {
  const unknown = ciphers.find((cipher) => !CIPHERS.has(cipher));
  if (unknown !== undefined)
    return `cipher suite ${unknown} is not known; there are ${[...CIPHERS].join(", ")}`;
  return alpn.some((name) => name === "" || name.length > 255)
    ? "alpn has a name without a length of 1 to 255"
    : undefined;
}
