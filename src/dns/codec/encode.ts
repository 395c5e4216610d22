/** From data to the wire, with names compressed where RFC 1035 and RFC 3597 allow it. */
import { parseAddress } from "../../ip/address.ts";
import {
  CLASS_IN,
  type Edns,
  FormatError,
  type Message,
  type RecordData,
  type ResourceRecord,
  TYPE,
} from "./message.ts";
import { labelBytes, splitLabels } from "./name.ts";

/** Pointers have 14 bits. */
const MAX_POINTER = 0x3fff;
const MAX_MESSAGE = 65535;

/**
 * Writes a message in at most `limit` bytes. What does not fit is left out: additional records first, then authority,
 * then answers, and only with these the message says that it is truncated (RFC 2181 9).
 * @throws FormatError when a name or an address in it is none
 */
export function encodeMessage(message: Message, limit = MAX_MESSAGE): Buffer {
  const whole = write(message);
  if (whole.length <= limit) return whole;
  for (const drop of [{ additional: [] }, { additional: [], authority: [] }]) {
    const smaller = write({ ...message, ...drop });
    if (smaller.length <= limit) return smaller;
  }
  return writeTruncated({ ...message, additional: [], authority: [] }, limit);
}

/** As many answers as fit, found by halving: the size grows with their number. */
function writeTruncated(message: Message, limit: number): Buffer {
  let low = 0;
  let high = message.answers.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (write({ ...message, answers: message.answers.slice(0, middle) }).length <= limit) low = middle;
    else high = middle - 1;
  }
  return write({ ...message, truncated: true, answers: message.answers.slice(0, low) });
}

function write(message: Message): Buffer {
  const writer = new Writer();
  const additional =
    message.edns === undefined
      ? message.additional
      : [...message.additional, optRecord(message, message.edns)];
  writer.uint16(message.id);
  writer.uint16(flagsOf(message));
  for (const list of [message.questions, message.answers, message.authority, additional])
    writer.uint16(list.length);
  for (const question of message.questions) {
    writer.name(question.name, true);
    writer.uint16(question.type);
    writer.uint16(question.class);
  }
  for (const record of [...message.answers, ...message.authority, ...additional]) writer.record(record);
  return writer.bytes();
}

function flagsOf(message: Message): number {
  return (
    (message.response ? 0x8000 : 0) |
    (message.opcode << 11) |
    (message.authoritative ? 0x0400 : 0) |
    (message.truncated ? 0x0200 : 0) |
    (message.recursionDesired ? 0x0100 : 0) |
    (message.recursionAvailable ? 0x0080 : 0) |
    (message.authenticData ? 0x0020 : 0) |
    (message.checkingDisabled ? 0x0010 : 0) |
    (message.rcode & 15)
  );
}

function optRecord(message: Message, edns: Edns): ResourceRecord {
  const ttl = (((message.rcode >> 4) << 24) | (edns.version << 16) | (edns.dnssecOk ? 0x8000 : 0)) >>> 0;
  return {
    name: ".",
    type: TYPE.OPT,
    class: edns.udpSize,
    ttl,
    data: { kind: "raw", bytes: new Uint8Array() },
  };
}

const SOA_NUMBERS = ["serial", "refresh", "retry", "expire", "minimum"] as const;

class Writer {
  #buffer = Buffer.alloc(512);
  #at = 0;
  /** Where each suffix of a name stands, by its text, in the case it has. */
  readonly #names = new Map<string, number>();

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  uint16(value: number): void {
    this.#room(2);
    this.#at = this.#buffer.writeUInt16BE(value, this.#at);
  }

  #uint32(value: number): void {
    this.#room(4);
    this.#at = this.#buffer.writeUInt32BE(value, this.#at);
  }

  name(name: string, compress: boolean): void {
    const labels = splitLabels(name);
    const start = this.#at;
    for (const [index, label] of labels.entries()) {
      const suffix = labels.slice(index).join(".");
      const known = compress ? this.#names.get(suffix) : undefined;
      if (known !== undefined) {
        this.uint16(0xc000 | known);
        return;
      }
      if (this.#at <= MAX_POINTER && !this.#names.has(suffix)) this.#names.set(suffix, this.#at);
      const bytes = labelBytes(label);
      this.#raw(Uint8Array.of(bytes.length));
      this.#raw(bytes);
      if (this.#at - start > 254) throw new FormatError("a name is longer than 255 bytes");
    }
    this.#raw(Uint8Array.of(0));
  }

  record(record: ResourceRecord): void {
    this.name(record.name, true);
    this.uint16(record.type);
    this.uint16(record.class);
    this.#uint32(record.ttl);
    const length = this.#at;
    this.uint16(0);
    this.#data(record.data);
    this.#buffer.writeUInt16BE(this.#at - length - 2, length);
  }

  #data(data: RecordData): void {
    switch (data.kind) {
      case "address":
        this.#raw(addressBytes(data.address));
        break;
      case "name":
        this.name(data.target, true);
        break;
      case "mx":
        this.uint16(data.preference);
        this.name(data.exchange, true);
        break;
      case "srv":
        for (const value of [data.priority, data.weight, data.port]) this.uint16(value);
        this.name(data.target, false); // RFC 2782: the target is not compressed
        break;
      case "txt":
        for (const text of data.texts) this.#raw(Uint8Array.of(text.length, ...text));
        break;
      case "soa":
        this.name(data.primary, true);
        this.name(data.mailbox, true);
        for (const key of SOA_NUMBERS) this.#uint32(data[key]);
        break;
      case "raw":
        this.#raw(data.bytes);
        break;
    }
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #room(length: number): void {
    if (this.#at + length <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#at + length));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

function addressBytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new FormatError(`${JSON.stringify(text)} is no address`);
  const digits = address.family === "IPv4" ? 8 : 32;
  return Buffer.from(address.value.toString(16).padStart(digits, "0"), "hex");
}

/** An address record of the family that its text has. */
export function addressRecord(name: string, address: string, ttl: number): ResourceRecord {
  const type = address.includes(":") ? TYPE.AAAA : TYPE.A;
  return { name, type, class: CLASS_IN, ttl, data: { kind: "address", address } };
}
