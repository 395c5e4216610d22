/** From the wire to data. Anything that does not fit is a FormatError; nothing else is ever thrown. */
import { formatAddress } from "../../ip/address.ts";
import {
  type Edns,
  FormatError,
  type Message,
  type Question,
  type RecordData,
  type ResourceRecord,
  TYPE,
} from "./message.ts";
import { readName } from "./name.ts";

const HEADER = 12;

/** The header alone: what an answer to a broken query needs. Undefined when there are not even 12 bytes. */
export function decodeHeader(
  bytes: Uint8Array,
): Omit<Message, "questions" | "answers" | "authority" | "additional"> | undefined {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  return {
    id: view.getUint16(0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: flags & 15,
  };
}

/** Reads a message. @throws FormatError */
export function decodeMessage(bytes: Uint8Array): Message {
  const header = decodeHeader(bytes);
  if (header === undefined) throw new FormatError("shorter than its header");
  const reader = new Reader(bytes);
  const counts = [4, 6, 8, 10].map((at) => reader.uint16At(at));
  const questions = reader.repeat(counts[0]!, () => reader.question());
  const answers = reader.repeat(counts[1]!, () => reader.record());
  const authority = reader.repeat(counts[2]!, () => reader.record());
  const all = reader.repeat(counts[3]!, () => reader.record());
  const options = all.filter((record) => record.type === TYPE.OPT);
  if (options.length > 1) throw new FormatError("it has two OPT records");
  const message = {
    ...header,
    questions,
    answers,
    authority,
    additional: all.filter((record) => record.type !== TYPE.OPT),
  };
  if (options[0] === undefined) return message;
  return { ...message, rcode: header.rcode | ((options[0].ttl >>> 24) << 4), edns: ednsOf(options[0]) };
}

function ednsOf(record: ResourceRecord): Edns {
  return {
    udpSize: record.class,
    version: (record.ttl >>> 16) & 0xff,
    dnssecOk: (record.ttl & 0x8000) !== 0,
  };
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = HEADER;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint16At(offset: number): number {
    return this.#view.getUint16(offset);
  }

  /** A count in the header may promise 65,535 records; reading ends with the first that is not there. */
  repeat<T>(count: number, read: () => T): T[] {
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(read());
    return items;
  }

  question(): Question {
    return { name: this.#name(), type: this.#uint16(), class: this.#uint16() };
  }

  record(): ResourceRecord {
    const name = this.#name();
    const type = this.#uint16();
    const recordClass = this.#uint16();
    const ttl = this.#uint32();
    const length = this.#uint16();
    this.#need(length);
    const end = this.#at + length;
    const data = this.#data(type, length);
    if (this.#at !== end) throw new FormatError("a record's data does not fit its length");
    return { name, type, class: recordClass, ttl, data };
  }

  #data(type: number, length: number): RecordData {
    switch (type) {
      case TYPE.A:
        return { kind: "address", address: this.#address(length, 4) };
      case TYPE.AAAA:
        return { kind: "address", address: this.#address(length, 16) };
      case TYPE.NS:
      case TYPE.CNAME:
      case TYPE.PTR:
        return { kind: "name", target: this.#name() };
      case TYPE.MX:
        return { kind: "mx", preference: this.#uint16(), exchange: this.#name() };
      case TYPE.SRV:
        return {
          kind: "srv",
          priority: this.#uint16(),
          weight: this.#uint16(),
          port: this.#uint16(),
          target: this.#name(),
        };
      case TYPE.TXT:
        return { kind: "txt", texts: this.#texts(length) };
      case TYPE.SOA:
        return this.#soa();
      default:
        return { kind: "raw", bytes: this.#take(length) };
    }
  }

  #soa(): RecordData {
    const primary = this.#name();
    const mailbox = this.#name();
    const numbers = this.repeat(5, () => this.#uint32()) as [number, number, number, number, number];
    const [serial, refresh, retry, expire, minimum] = numbers;
    return { kind: "soa", primary, mailbox, serial, refresh, retry, expire, minimum };
  }

  #texts(length: number): Uint8Array[] {
    const end = this.#at + length;
    const texts: Uint8Array[] = [];
    while (this.#at < end) {
      const [size] = this.#take(1);
      if (this.#at + size! > end) throw new FormatError("a text runs over its record");
      texts.push(this.#take(size!));
    }
    return texts;
  }

  #address(length: number, size: 4 | 16): string {
    if (length !== size) throw new FormatError("an address has the wrong length");
    const value = BigInt(`0x${Buffer.from(this.#take(size)).toString("hex")}`);
    return formatAddress({ family: size === 4 ? "IPv4" : "IPv6", value });
  }

  #name(): string {
    const { name, end } = readName(this.#bytes, this.#at);
    this.#at = end;
    return name;
  }

  #uint16(): number {
    this.#need(2);
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2);
  }

  #uint32(): number {
    this.#need(4);
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }

  #take(length: number): Uint8Array {
    this.#need(length);
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  #need(length: number): void {
    if (this.#at + length > this.#bytes.length) throw new FormatError("it ends too early");
  }
}
