/** TLVs of version 2: from attributes to bytes and back. */
import { UserError } from "../errors/user-error.ts";
import {
  AWS_VPCE,
  MAX_UNIQUE_ID,
  type ProxyAttributes,
  type ProxySsl,
  SSL_CLIENT,
  TLV,
  type Tlv,
} from "./header.ts";

const SSL_FIXED_BYTES = 5;
const TLV_FIXED_BYTES = 3;
const FIRST_FUTURE_TYPE = 0xf8;
const KNOWN: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, TLV.SSL, TLV.NETNS]);

/** The texts of PP2_TYPE_SSL by their subtypes. */
const SSL_TEXTS = [
  ["version", TLV.SSL_VERSION],
  ["commonName", TLV.SSL_CN],
  ["cipher", TLV.SSL_CIPHER],
  ["signatureAlgorithm", TLV.SSL_SIG_ALG],
  ["keyAlgorithm", TLV.SSL_KEY_ALG],
  ["group", TLV.SSL_GROUP],
  ["signatureScheme", TLV.SSL_SIG_SCHEME],
] as const;

/** Thrown while reading, and turned into a refusal by the decoder; never leaves the room. */
export class TlvError extends Error {}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(value: Uint8Array, name: string): string {
  try {
    return utf8.decode(value);
  } catch {
    throw new TlvError(`${name} is not UTF-8`);
  }
}

/** Divides a block into its TLVs. @throws TlvError when the last one does not end where the block does */
export function splitTlvs(block: Uint8Array): Tlv[] {
  const tlvs: Tlv[] = [];
  let at = 0;
  while (at < block.length) {
    if (at + TLV_FIXED_BYTES > block.length) throw new TlvError("a TLV is cut off before its length");
    const length = ((block[at + 1] as number) << 8) | (block[at + 2] as number);
    const end = at + TLV_FIXED_BYTES + length;
    if (end > block.length) throw new TlvError(`the TLV of type ${block[at]} is longer than what is left`);
    tlvs.push({
      type: block[at] as number,
      value: Uint8Array.from(block.subarray(at + TLV_FIXED_BYTES, end)),
    });
    at = end;
  }
  return tlvs;
}

/** What TLVs say; the checksum and padding are left out. @throws TlvError */
export function attributesOf(tlvs: readonly Tlv[]): ProxyAttributes {
  const attributes: { -readonly [K in keyof ProxyAttributes]: ProxyAttributes[K] } = {};
  const custom: Tlv[] = [];
  refuseTwice(tlvs);
  for (const { type, value } of tlvs) {
    if (type === TLV.ALPN) attributes.alpn = Buffer.from(value).toString("latin1");
    else if (type === TLV.AUTHORITY) attributes.authority = textOf(value, "the authority");
    else if (type === TLV.UNIQUE_ID) attributes.uniqueId = uniqueIdOf(value);
    else if (type === TLV.SSL) attributes.ssl = sslOf(value);
    else if (type === TLV.NETNS) attributes.netns = textOf(value, "the network namespace");
    else if (isVpcEndpoint(type, value))
      attributes.awsVpcEndpoint = textOf(value.slice(1), "the VPC endpoint");
    else if (!KNOWN.has(type)) custom.push({ type, value });
  }
  if (custom.length > 0) attributes.custom = custom;
  return attributes;
}

/** The specification is silent on TLVs that come twice; which of two identities is meant must not be a guess. */
function refuseTwice(tlvs: readonly Tlv[]): void {
  const seen = new Set<number>();
  for (const { type, value } of tlvs) {
    if ((!KNOWN.has(type) && !isVpcEndpoint(type, value)) || type === TLV.NOOP) continue;
    if (seen.has(type)) throw new TlvError(`the TLV of type ${type} comes twice`);
    seen.add(type);
  }
}

function isVpcEndpoint(type: number, value: Uint8Array): boolean {
  return type === TLV.AWS && value[0] === AWS_VPCE;
}

function uniqueIdOf(value: Uint8Array): Uint8Array {
  if (value.length > MAX_UNIQUE_ID) throw new TlvError(`a unique id of ${value.length} bytes; at most 128`);
  return value;
}

function sslOf(value: Uint8Array): ProxySsl {
  if (value.length < SSL_FIXED_BYTES) throw new TlvError("the TLV of TLS is cut off");
  const flags = value[0] as number;
  const fields = splitTlvs(value.subarray(SSL_FIXED_BYTES));
  const ssl: Record<string, unknown> = {
    tls: (flags & SSL_CLIENT.SSL) !== 0,
    certificateOnConnection: (flags & SSL_CLIENT.CERT_CONN) !== 0,
    certificateInSession: (flags & SSL_CLIENT.CERT_SESS) !== 0,
    verified: value.subarray(1, SSL_FIXED_BYTES).every((byte) => byte === 0),
  };
  for (const { type, value: field } of fields) {
    const name = SSL_TEXTS.find(([, subtype]) => subtype === type)?.[0];
    const key = name ?? (type === TLV.SSL_CLIENT_CERT ? "clientCertificate" : undefined);
    if (key === undefined) continue;
    if (key in ssl) throw new TlvError(`the field of TLS of type ${type} comes twice`);
    ssl[key] = name === undefined ? field : textOf(field, name);
  }
  return ssl as unknown as ProxySsl;
}

/** The TLVs of attributes, in the order of their types. @throws UserError when one of them cannot be sent */
export function tlvsOf(attributes: ProxyAttributes): Tlv[] {
  const { alpn, authority, uniqueId, ssl, netns, awsVpcEndpoint, custom = [] } = attributes;
  const tlvs: Tlv[] = [];
  const add = (type: number, value: Uint8Array | undefined) => {
    if (value !== undefined) tlvs.push({ type, value });
  };
  add(TLV.ALPN, alpn === undefined ? undefined : Uint8Array.from(Buffer.from(alpn, "latin1")));
  add(TLV.AUTHORITY, bytesOf(authority));
  add(TLV.UNIQUE_ID, uniqueId);
  if (ssl !== undefined) add(TLV.SSL, encodeSsl(ssl));
  add(TLV.NETNS, bytesOf(netns));
  if (awsVpcEndpoint !== undefined) {
    add(TLV.AWS, Uint8Array.of(AWS_VPCE, ...Buffer.from(awsVpcEndpoint, "utf8")));
  }
  tlvs.push(...custom);
  for (const tlv of tlvs) checkTlv(tlv);
  const known = custom.find(({ type }) => KNOWN.has(type));
  if (known !== undefined) cannotSend(known.type, "this type has an attribute of its own");
  return tlvs;
}

function checkTlv({ type, value }: Tlv): void {
  if (!Number.isInteger(type) || type < 0 || type >= FIRST_FUTURE_TYPE) {
    cannotSend(type, "types go from 0 to 247; those above are reserved for the future");
  }
  if (value.length > 0xffff) cannotSend(type, "a value has at most 65535 bytes");
  if (type === TLV.UNIQUE_ID && value.length > MAX_UNIQUE_ID) {
    cannotSend(type, `a unique id has at most ${MAX_UNIQUE_ID} bytes`);
  }
}

function cannotSend(type: number, why: string): never {
  throw new UserError({ what: "cannot build a PROXY header", where: `TLV of type ${type}`, why });
}

function bytesOf(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : new TextEncoder().encode(text);
}

function encodeSsl(ssl: ProxySsl): Uint8Array {
  const flags =
    (ssl.tls ? SSL_CLIENT.SSL : 0) |
    (ssl.certificateOnConnection ? SSL_CLIENT.CERT_CONN : 0) |
    (ssl.certificateInSession ? SSL_CLIENT.CERT_SESS : 0);
  const fields = SSL_TEXTS.flatMap(([name, type]): Tlv[] => {
    const value = bytesOf(ssl[name]);
    return value === undefined ? [] : [{ type, value }];
  });
  if (ssl.clientCertificate) fields.push({ type: TLV.SSL_CLIENT_CERT, value: ssl.clientCertificate });
  return Buffer.concat([Uint8Array.of(flags, 0, 0, 0, ssl.verified ? 0 : 1), joinTlvs(fields)]);
}

/** TLVs one after the other, as bytes. */
export function joinTlvs(tlvs: readonly Tlv[]): Uint8Array {
  return Buffer.concat(
    tlvs.flatMap(({ type, value }) => [Uint8Array.of(type, value.length >> 8, value.length & 0xff), value]),
  );
}
