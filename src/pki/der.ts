/** The Distinguished Encoding Rules of ASN.1 (X.690), as far as certificates need them. */

const LONG_LENGTH = 0x80;

/** One value by its tag (an identifier octet); what it holds is given in parts. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content), content]);
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < LONG_LENGTH) return Buffer.from([length]);
  const octets = Buffer.from(evenHex(length.toString(16)), "hex");
  return Buffer.concat([Buffer.from([LONG_LENGTH | octets.length]), octets]);
}

function evenHex(hex: string): string {
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

/** A SEQUENCE of encoded values. */
export function sequence(...values: readonly Uint8Array[]): Buffer {
  return der(0x30, ...values);
}

/** A BOOLEAN that is true; one that is false by default is left out. */
export const TRUE = der(0x01, Buffer.from([0xff]));

/** A positive INTEGER from its octets, most significant first. */
export function integer(octets: Uint8Array): Buffer {
  const first = octets.findIndex((octet) => octet !== 0);
  const short = first < 0 ? Buffer.from([0]) : octets.subarray(first);
  // without the octet before it, a number whose first bit is set would be negative
  return der(0x02, Buffer.from((short[0] ?? 0) >= 0x80 ? [0] : []), short);
}

/** A BIT STRING; `unused` bits at its end do not count. */
export function bitString(octets: Uint8Array, unused = 0): Buffer {
  return der(0x03, Buffer.from([unused]), octets);
}

/** An OCTET STRING. */
export function octetString(octets: Uint8Array): Buffer {
  return der(0x04, octets);
}

/** An OBJECT IDENTIFIER from its dotted text: `2.5.29.17`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** Seven bits an octet, most significant first; all but the last have their first bit set. */
function base128(number: number): number[] {
  const octets = [number & 0x7f];
  for (let left = number >>> 7; left > 0; left >>>= 7) octets.unshift((left & 0x7f) | 0x80);
  return octets;
}

/** A time in whole seconds: UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5). */
export function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return text < "2050" ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

/** The encoded values that an encoded value consists of, each with its tag. @throws RangeError when it is cut off */
export function partsOf(value: Uint8Array): Buffer[] {
  const content = contentOf(value);
  const parts: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const part = content.subarray(at);
    const { header, length } = sizesOf(part);
    parts.push(part.subarray(0, header + length));
    at += header + length;
  }
  return parts;
}

/** What an encoded value holds, without its tag and length. @throws RangeError when it is cut off */
export function contentOf(value: Uint8Array): Buffer {
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.length);
  const { header, length } = sizesOf(buffer);
  return buffer.subarray(header, header + length);
}

function sizesOf(value: Buffer): { header: number; length: number } {
  const first = value.readUInt8(1);
  const octets = first < LONG_LENGTH ? 0 : first & 0x7f;
  const sizes = { header: 2 + octets, length: octets === 0 ? first : value.readUIntBE(2, octets) };
  if (sizes.header + sizes.length > value.length) throw new RangeError("a value ends too early");
  return sizes;
}
