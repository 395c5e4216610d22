/** From a header to the bytes that a sender writes, whole and at once, before anything else. */
import { UserError } from "../errors/user-error.ts";
import { parseAddress } from "../ip/address.ts";
import { bitsOf } from "../ip/family.ts";
import { crc32c } from "./crc32c.ts";
import {
  FIXED_BYTES,
  type InetConnection,
  MAX_SENT,
  type Proxied,
  type ProxyAttributes,
  SIGNATURE,
  TLV,
  type Tlv,
  UNIX_BYTES,
  type UnixConnection,
} from "./header.ts";
import { inetConnection } from "./pair.ts";
import { joinTlvs, tlvsOf } from "./tlv.ts";

/** What a version 2 header carries beside the addresses. */
export interface EncodeOptions extends ProxyAttributes {
  /** Adds the CRC32c of the header. */
  readonly checksum?: boolean;
  /** Pads with NOOP until the header has so many bytes; at least three are added when any are. */
  readonly padTo?: number;
  /** 536 unless given, which always fits the first segment. A client's certificate needs more. */
  readonly maxBytes?: number;
}

/**
 * A header of version 1: a line of text. Only TCP has a form there; `unknown` and UNIX sockets become `PROXY UNKNOWN`,
 * which some receivers refuse.
 * @throws UserError for what version 1 cannot say: UDP, and a connection of the sender's own
 */
export function encodeV1(proxied: Proxied): Uint8Array {
  if (proxied.kind === "local") {
    cannot(
      "version 1 has no LOCAL",
      "send the addresses of the sender's own connection, as the specification asks",
    );
  }
  if (proxied.kind !== "inet") return Buffer.from("PROXY UNKNOWN\r\n", "latin1");
  const { family, source, destination, transport } = normalised(proxied);
  if (transport === "UDP") cannot("version 1 knows TCP only", "use version 2");
  const name = family === "IPv4" ? "TCP4" : "TCP6";
  return Buffer.from(
    `PROXY ${name} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`,
    "latin1",
  );
}

/**
 * A header of version 2. LOCAL is sent bare, 16 bytes, as the specification asks: neither attributes nor checksum.
 * @throws UserError when addresses are of mixed families, a TLV is not valid, or the whole is too long
 */
export function encodeV2(proxied: Proxied, options: EncodeOptions = {}): Uint8Array {
  if (proxied.kind === "local") return assemble(0x20, 0, new Uint8Array(0));
  const addresses = addressBlock(proxied);
  const tlvs = [
    ...tlvsOf(options),
    ...(options.checksum ? [{ type: TLV.CRC32C, value: new Uint8Array(4) }] : []),
  ];
  const padded = pad(tlvs, FIXED_BYTES + addresses.bytes.length, options.padTo ?? 0);
  const bytes = assemble(0x21, addresses.family, Buffer.concat([addresses.bytes, joinTlvs(padded)]));
  const most = options.maxBytes ?? MAX_SENT;
  if (bytes.length > most) {
    cannot(
      `it would have ${bytes.length} bytes, and more than ${most} may not arrive at once`,
      "leave out attributes, or raise maxBytes where the receiver reads more",
    );
  }
  if (options.checksum) writeChecksum(bytes, FIXED_BYTES + addresses.bytes.length, tlvs);
  return bytes;
}

function cannot(why: string, next: string): never {
  throw new UserError({ what: "cannot build a PROXY header", why, next });
}

function normalised({ transport, source, destination }: InetConnection): InetConnection {
  return inetConnection(transport, source, destination);
}

function assemble(versionAndCommand: number, family: number, block: Uint8Array): Uint8Array {
  if (block.length > 0xffff) cannot("it has more than 65535 bytes of TLVs", "leave out attributes");
  const fixed = Uint8Array.of(
    ...SIGNATURE,
    versionAndCommand,
    family,
    block.length >> 8,
    block.length & 0xff,
  );
  return Buffer.concat([fixed, block]);
}

function addressBlock(proxied: Exclude<Proxied, { kind: "local" }>): { family: number; bytes: Uint8Array } {
  if (proxied.kind === "unknown") return { family: 0, bytes: new Uint8Array(0) };
  if (proxied.kind === "unix") return unixBlock(proxied);
  const { family, transport, source, destination } = normalised(proxied);
  const ports = new DataView(new ArrayBuffer(4));
  ports.setUint16(0, source.port);
  ports.setUint16(2, destination.port);
  const bytes = Buffer.concat([
    addressBytesOf(source.address),
    addressBytesOf(destination.address),
    new Uint8Array(ports.buffer),
  ]);
  return { family: (family === "IPv4" ? 0x10 : 0x20) | (transport === "TCP" ? 1 : 2), bytes };
}

function addressBytesOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} was an address a moment ago`);
  const digits = bitsOf(address.family) / 4;
  return Buffer.from(address.value.toString(16).padStart(digits, "0"), "hex");
}

function unixBlock({ transport, source, destination }: UnixConnection): {
  family: number;
  bytes: Uint8Array;
} {
  const bytes = new Uint8Array(2 * UNIX_BYTES);
  for (const path of [source, destination]) {
    if (path.length > UNIX_BYTES)
      cannot(`the path of a UNIX socket has at most ${UNIX_BYTES} bytes`, "shorten it");
  }
  bytes.set(source, 0);
  bytes.set(destination, UNIX_BYTES);
  return { family: 0x30 | (transport === "stream" ? 1 : 2), bytes };
}

function pad(tlvs: readonly Tlv[], before: number, padTo: number): readonly Tlv[] {
  const missing = padTo - before - joinTlvs(tlvs).length;
  if (missing <= 0) return tlvs;
  return [...tlvs, { type: TLV.NOOP, value: new Uint8Array(Math.max(0, missing - 3)) }];
}

/** The checksum's TLV is the last of `tlvs`; its four bytes are zero until now. */
function writeChecksum(bytes: Uint8Array, start: number, tlvs: readonly Tlv[]): void {
  const at = start + joinTlvs(tlvs).length - 4;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, crc32c(bytes));
}
