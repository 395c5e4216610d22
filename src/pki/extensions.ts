/** What a certificate says beyond names, times and keys: the extensions of RFC 5280, 4.2, encoded. */
import { UserError } from "../errors/user-error.ts";
import { parseAddress } from "../ip/address.ts";
import { bitString, contentOf, der, objectIdentifier, octetString, partsOf, sequence, TRUE } from "./der.ts";

const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";

/** Whether the subject is an authority. Critical, as RFC 5280, 4.2.1.9 wants it. */
export function basicConstraints(authority: boolean): Buffer {
  return extension("2.5.29.19", sequence(...(authority ? [TRUE] : [])), true);
}

/** What the key is for (RFC 5280, 4.2.1.3): signatures; an authority's for certificates and their revocation, too. */
export function keyUsage(authority: boolean): Buffer {
  // digitalSignature is bit 0, keyCertSign 5, cRLSign 6; bits at the end that are not set do not count
  const bits = authority ? bitString(Buffer.from([0b10000110]), 1) : bitString(Buffer.from([0b10000000]), 7);
  return extension("2.5.29.15", bits, true);
}

const USAGES = { serverAuth: "1.3.6.1.5.5.7.3.1", clientAuth: "1.3.6.1.5.5.7.3.2" };

/** What a certificate may be shown for. */
export function extendedKeyUsage(usages: readonly (keyof typeof USAGES)[]): Buffer {
  return extension("2.5.29.37", sequence(...usages.map((usage) => objectIdentifier(USAGES[usage]))));
}

/** Which key this is, of one who has several. */
export function subjectKeyIdentifier(identifier: Buffer): Buffer {
  return extension(SUBJECT_KEY_IDENTIFIER, octetString(identifier));
}

/** The identifier of a certificate's key among its extensions, where they have one. */
export function keyIdentifierAmong(extensions: Buffer): Buffer | undefined {
  const type = objectIdentifier(SUBJECT_KEY_IDENTIFIER);
  const value = partsOf(extensions)
    .map(partsOf)
    .find(([first]) => first?.equals(type))
    ?.at(-1);
  return value && contentOf(contentOf(value));
}

/** Which of the signer's keys has signed. */
export function authorityKeyIdentifier(identifier: Buffer): Buffer {
  return extension("2.5.29.35", sequence(der(0x80, identifier)));
}

/** The names of a subject, as OpenSSL writes them: `DNS:a.example`, `IP:fd00::1`, `URI:spiffe://…`. @throws UserError */
export function subjectAltName(names: readonly string[]): Buffer {
  return extension("2.5.29.17", sequence(...names.map(generalName)));
}

function generalName(name: string): Buffer {
  const colon = name.indexOf(":");
  const [type, text] = [name.slice(0, colon), name.slice(colon + 1)];
  const address = type === "IP" ? parseAddress(text) : undefined;
  if (address !== undefined) {
    const digits = address.family === "IPv4" ? 8 : 32;
    return der(0x87, Buffer.from(address.value.toString(16).padStart(digits, "0"), "hex"));
  }
  if (/^[!-~]+$/.test(text) && type === "DNS") return der(0x82, Buffer.from(text));
  if (/^[!-~]+$/.test(text) && type === "URI") return der(0x86, Buffer.from(text));
  throw new UserError({
    what: "cannot make a certificate",
    where: `subject alternative name ${JSON.stringify(name)}`,
    why: "it is no DNS:, IP: or URI: name of printable ASCII characters without spaces (RFC 5280, 4.2.1.6)",
    next: "mend the name",
  });
}

function extension(type: string, value: Buffer, critical = false): Buffer {
  return sequence(objectIdentifier(type), ...(critical ? [TRUE] : []), octetString(value));
}
