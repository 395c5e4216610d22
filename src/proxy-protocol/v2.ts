/** Reads version 2: the binary form. */
import { formatAddress, type Address } from "../ip/address.ts";
import type { Family } from "../ip/family.ts";
import { crc32c } from "./crc32c.ts";
import {
  addressBytes,
  FIXED_BYTES,
  type Proxied,
  type ProxyAttributes,
  type ProxyHeader,
  SIGNATURE,
  TLV,
  type Tlv,
  UNIX_BYTES,
} from "./header.ts";
import { unmappedPair } from "./pair.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { attributesOf, splitTlvs, TlvError } from "./tlv.ts";

const COMMAND_AT = SIGNATURE.length;
const FAMILY_AT = COMMAND_AT + 1;
const LENGTH_AT = FAMILY_AT + 1;

/** What carries the header: a header must speak of the same. */
export type Carrier = "stream" | "datagram";

const TRANSPORT_OF: Readonly<Record<Carrier, number>> = { stream: 1, datagram: 2 };

/** Checks what is there of the first 16 bytes, each as soon as it is. Returns the whole header's length once known. */
export function lengthOf(
  bytes: Uint8Array,
  maxBytes: number,
  carrier: Carrier,
): number | undefined | Refusal {
  const command = bytes[COMMAND_AT];
  if (command !== undefined && command >> 4 !== 2) {
    return refuse("bad-version", `version ${command >> 4} of the binary form; there is 2 alone`);
  }
  if (command !== undefined && (command & 15) > 1) return refuse("bad-command", `command ${command & 15}`);
  const family = bytes[FAMILY_AT];
  const relayed = command === 0x21;
  if (family !== undefined && relayed) {
    if (family >> 4 > 3 || (family & 15) > 2)
      return refuse("bad-family", `family and transport 0x${hex(family)}`);
    if (isAddressed(family) && (family & 15) !== TRANSPORT_OF[carrier]) {
      return refuse("wrong-transport", `a ${carrier} that is announced as 0x${hex(family)}`);
    }
  }
  if (bytes.length < FIXED_BYTES || family === undefined) return undefined;
  const total = FIXED_BYTES + (((bytes[LENGTH_AT] as number) << 8) | (bytes[LENGTH_AT + 1] as number));
  if (total > maxBytes) return refuse("too-long", `${total} bytes; at most ${maxBytes} are read`);
  const least = FIXED_BYTES + (relayed ? addressLength(family) : 0);
  if (total < least) return refuse("too-short", `${total} bytes, and its addresses need ${least}`);
  return total;
}

/** Reads a whole header, checked by {@link lengthOf}. */
export function readBinary(bytes: Uint8Array): ProxyHeader | Refusal {
  const family = bytes[FAMILY_AT] as number;
  // LOCAL: the block is skipped with its family; NLB's checks announce TCP over IPv4 there, without addresses
  if (bytes[COMMAND_AT] === 0x20) return headerOf({ kind: "local" }, {}, false);
  if (!isAddressed(family)) return headerOf({ kind: "unknown" }, {}, false);
  const length = addressLength(family);
  try {
    const tlvs = splitTlvs(bytes.subarray(FIXED_BYTES + length));
    const checksummed = verifyChecksum(bytes, FIXED_BYTES + length, tlvs);
    if (typeof checksummed === "object") return checksummed;
    const proxied = addressesOf(bytes.subarray(FIXED_BYTES, FIXED_BYTES + length), family);
    return headerOf(proxied, attributesOf(tlvs), checksummed);
  } catch (error) {
    if (error instanceof TlvError) return refuse("bad-tlv", error.message);
    throw error;
  }
}

function headerOf(proxied: Proxied, attributes: ProxyAttributes, checksummed: boolean): ProxyHeader {
  return { version: 2, proxied, attributes, checksummed };
}

/** UNSPEC in either half means without addresses; what stands there is to be ignored. */
function isAddressed(family: number): boolean {
  return family >> 4 !== 0 && (family & 15) !== 0;
}

const KINDS: readonly [Proxied["kind"], Family?][] = [
  ["unknown"],
  ["inet", "IPv4"],
  ["inet", "IPv6"],
  ["unix"],
];

function addressLength(family: number): number {
  return isAddressed(family) ? addressBytes(...(KINDS[family >> 4] as (typeof KINDS)[number])) : 0;
}

function addressesOf(block: Uint8Array, family: number): Proxied {
  const [kind, addressFamily] = KINDS[family >> 4] as (typeof KINDS)[number];
  const stream = (family & 15) === 1;
  if (kind === "unix") {
    const transport = stream ? "stream" : "datagram";
    const source = unixPath(block.subarray(0, UNIX_BYTES));
    return { kind, transport, source, destination: unixPath(block.subarray(UNIX_BYTES)) };
  }
  const length = (block.length - 4) / 2;
  const wire = [0, length].map((at) => addressOf(block.subarray(at, at + length), addressFamily as Family));
  const [source, destination, real] = unmappedPair(wire[0] as Address, wire[1] as Address);
  const port = (at: number) => ((block[at] as number) << 8) | (block[at + 1] as number);
  return {
    kind: "inet",
    family: real,
    transport: stream ? "TCP" : "UDP",
    source: { address: formatAddress(source), port: port(2 * length) },
    destination: { address: formatAddress(destination), port: port(2 * length + 2) },
  };
}

function addressOf(bytes: Uint8Array, family: Family): Address {
  return { family, value: BigInt(`0x${Buffer.from(bytes).toString("hex")}`) };
}

function unixPath(block: Uint8Array): Uint8Array {
  let end = block.length;
  while (end > 0 && block[end - 1] === 0) end--;
  return Uint8Array.from(block.subarray(0, end));
}

function verifyChecksum(bytes: Uint8Array, start: number, tlvs: readonly Tlv[]): boolean | Refusal {
  let at = start;
  for (const { type, value } of tlvs) {
    at += 3;
    if (type === TLV.CRC32C) {
      if (value.length !== 4) return refuse("bad-tlv", `a checksum of ${value.length} bytes; it has 4`);
      const sent = new DataView(value.buffer, value.byteOffset).getUint32(0);
      const actual = crc32c(bytes, at);
      if (sent === actual) return true;
      return refuse("bad-checksum", `its CRC32c is ${hex(actual, 8)}, and it says ${hex(sent, 8)}`);
    }
    at += value.length;
  }
  return false;
}

function hex(value: number, digits = 2): string {
  return value.toString(16).padStart(digits, "0");
}
