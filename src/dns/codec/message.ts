/** DNS messages as data (RFC 1035, 2782, 3596, 6891). */

/** Types of records by name. Numbers that are not here are still carried, as raw data. */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

/** Response codes; BADVERS needs EDNS (RFC 6891). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

/** The class IN (RFC 1035, 3.2.4). */
export const CLASS_IN = 1;

/**
 * Names are text in presentation form with a dot at the end (`web.default.svc.cluster.local.`, root `.`), in the case
 * that they had on the wire; bytes that are no plain characters are `\DDD`, dots inside labels `\.`.
 */
export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** The data of a record; `raw` is every type that is not read further. */
export type RecordData =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "name"; readonly target: string }
  | { readonly kind: "mx"; readonly preference: number; readonly exchange: string }
  | {
      readonly kind: "srv";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly kind: "txt"; readonly texts: readonly Uint8Array[] }
  | {
      readonly kind: "soa";
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    }
  | { readonly kind: "raw"; readonly bytes: Uint8Array };

/** A resource record; its data as the type has it. */
export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: RecordData;
}

/** What the OPT record says (RFC 6891). */
export interface Edns {
  /** Largest UDP payload that its sender takes, in bytes. */
  readonly udpSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
}

/** A message, query or answer (RFC 1035, 4.1). */
export interface Message {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** The whole code: with EDNS, its upper bits come from the OPT record. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Without the OPT record, which is `edns`. */
  readonly additional: readonly ResourceRecord[];
  readonly edns?: Edns;
}

/** A query that asks for nothing: what messages say otherwise stands beside it. */
export const EMPTY_MESSAGE: Message = {
  id: 0,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: false,
  authenticData: false,
  checkingDisabled: false,
  rcode: RCODE.NOERROR,
  questions: [],
  answers: [],
  authority: [],
  additional: [],
};

/** A message that is not one: too short, a name that runs in circles, a length that does not fit. */
export class FormatError extends Error {
  constructor(why: string) {
    super(`malformed DNS message: ${why}`);
    this.name = "FormatError";
  }
}
