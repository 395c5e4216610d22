/** Certificate authorities out of ConfigMaps and Secrets. */
import { X509Certificate } from "node:crypto";
import type { ConfigMap, Secret } from "../../../objects/types.ts";
import type { TrustBundle } from "../model.ts";
import type { Problem } from "./context.ts";
import type { RecordingReferences } from "./types.ts";

/** The authorities that the proxy's system trusts. */
export const SYSTEM_TRUST: TrustBundle = { name: "system", certificates: "system", origins: [] };

/** A reference to an object that holds authorities, in its own namespace unless it names another. */
export interface CaReference {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
}

/** The key of a ConfigMap or Secret that holds authorities (BackendTLSPolicy, `caCertificateRefs`). */
const CA_KEY = "ca.crt";

/**
 * The PEM texts of the references that are good, and what is wrong with the others: reason `InvalidKind`, or
 * `InvalidCACertificateRef` for an object that is not there or holds no certificates.
 */
export function readAuthorities(
  refs: readonly CaReference[],
  from: { readonly namespace: string; readonly field: string; readonly references: RecordingReferences },
): { texts: string[]; problems: Problem[] } {
  const texts: string[] = [];
  const problems: Problem[] = [];
  refs.forEach((ref, index) => {
    const result = readOne(ref, from.namespace, from.references);
    if (typeof result === "string") texts.push(result);
    else problems.push({ reason: result.reason, message: `${from.field}[${index}]: ${result.message}` });
  });
  return { texts, problems };
}

function readOne(
  { group = "", kind = "ConfigMap", name }: CaReference,
  namespace: string,
  references: RecordingReferences,
): string | Problem {
  const key = `${namespace}/${name}`;
  if (group !== "" || (kind !== "ConfigMap" && kind !== "Secret"))
    return {
      reason: "InvalidKind",
      message: `${group ? `${group}/` : ""}${kind} is not supported; use a ConfigMap`,
    };
  const object = kind === "ConfigMap" ? references.configMap(key) : references.secret(key);
  if (object === undefined) return invalid(`${kind} ${key} does not exist`);
  const known = read.get(object) ?? readObject(object, kind, key);
  read.set(object, known);
  return known;
}

/** Parsing certificates is slow and many routes ask for the same object, which never changes once read. */
const read = new WeakMap<ConfigMap | Secret, string | Problem>();

function readObject(object: ConfigMap | Secret, kind: string, key: string): string | Problem {
  const value = object.data?.[CA_KEY];
  if (value === undefined) return invalid(`${kind} ${key} has no key ${CA_KEY}`);
  const text = kind === "Secret" ? Buffer.from(value, "base64").toString("utf8") : value;
  const problem = certificatesProblem(text);
  return problem === undefined ? text.trim() : invalid(`${CA_KEY} of ${kind} ${key} ${problem}`);
}

function invalid(message: string): Problem {
  return { reason: "InvalidCACertificateRef", message };
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** What is wrong with a PEM text of certificates; undefined: nothing. Envoy refuses a bundle with one bad block. */
function certificatesProblem(text: string): string | undefined {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) return "holds no PEM certificate";
  if (blocks.length !== text.split("-----BEGIN CERTIFICATE-----").length - 1)
    return "holds a PEM certificate that is cut off";
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch {
      return `holds a PEM certificate that does not parse (number ${index + 1})`;
    }
  }
  return undefined;
}
