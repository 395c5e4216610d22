/** What a PROXY protocol header says, whichever version carried it. */
import type { Family } from "../ip/family.ts";

/** 1 is a line of text, 2 is binary and may carry TLVs. */
export type ProxyVersion = 1 | 2;

/** An address in canonical text and a port. */
export interface ProxyEndpoint {
  readonly address: string;
  readonly port: number;
}

/** A connection between two addresses of one family: the protocol has no form for mixed ones. */
export interface InetConnection {
  readonly kind: "inet";
  readonly family: Family;
  readonly transport: "TCP" | "UDP";
  readonly source: ProxyEndpoint;
  readonly destination: ProxyEndpoint;
}

/** A connection between UNIX sockets; paths are raw bytes, at most 108, without the padding of zeros. */
export interface UnixConnection {
  readonly kind: "unix";
  readonly transport: "stream" | "datagram";
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/**
 * Whose connection it is. `local`: the sender's own, as a health check (version 2's LOCAL). `unknown`: relayed, but
 * without addresses (UNKNOWN in version 1, UNSPEC in version 2). For both, the real endpoints of the socket count.
 */
export type Proxied =
  | { readonly kind: "local" }
  | { readonly kind: "unknown" }
  | InetConnection
  | UnixConnection;

/** A type-length-value field; `type` is 0–255. */
export interface Tlv {
  readonly type: number;
  readonly value: Uint8Array;
}

/** What the sender knows of the client's TLS connection (PP2_TYPE_SSL). */
export interface ProxySsl {
  /** The client connected over TLS; `version` should be there then. */
  readonly tls: boolean;
  /** A certificate came over this connection, or over some connection of the TLS session. */
  readonly certificateOnConnection: boolean;
  readonly certificateInSession: boolean;
  /** The client's certificate was presented and verified: `verify` is zero on the wire. */
  readonly verified: boolean;
  /** `TLSv1.3` */
  readonly version?: string;
  readonly commonName?: string;
  readonly cipher?: string;
  readonly signatureAlgorithm?: string;
  readonly keyAlgorithm?: string;
  readonly group?: string;
  readonly signatureScheme?: string;
  /** DER. */
  readonly clientCertificate?: Uint8Array;
}

/** What the TLVs of a version 2 header say. Empty for version 1, LOCAL and UNSPEC. */
export interface ProxyAttributes {
  /** The application protocol that TLS negotiated: `h2`. */
  readonly alpn?: string;
  /** The host name that the client asked for: SNI. */
  readonly authority?: string;
  /** Opaque, at most 128 bytes. */
  readonly uniqueId?: Uint8Array;
  readonly ssl?: ProxySsl;
  /** The name of the sender's network namespace. */
  readonly netns?: string;
  /** AWS: the VPC endpoint that the client came by, `vpce-…` (type 0xEA, first byte 1). */
  readonly awsVpcEndpoint?: string;
  /** All others, as they came. */
  readonly custom?: readonly Tlv[];
}

/** A whole header. */
export interface ProxyHeader {
  readonly version: ProxyVersion;
  readonly proxied: Proxied;
  readonly attributes: ProxyAttributes;
  /** Whether it carried a CRC32c; one that does not match never gets here. */
  readonly checksummed: boolean;
}

/** Types of TLVs, section 2.2 of the specification; 0xEA is AWS's in the range for applications. */
export const TLV = {
  ALPN: 0x01,
  AUTHORITY: 0x02,
  CRC32C: 0x03,
  NOOP: 0x04,
  UNIQUE_ID: 0x05,
  SSL: 0x20,
  SSL_VERSION: 0x21,
  SSL_CN: 0x22,
  SSL_CIPHER: 0x23,
  SSL_SIG_ALG: 0x24,
  SSL_KEY_ALG: 0x25,
  SSL_GROUP: 0x26,
  SSL_SIG_SCHEME: 0x27,
  SSL_CLIENT_CERT: 0x28,
  NETNS: 0x30,
  AWS: 0xea,
} as const;

/** First byte of AWS's TLV: what follows is the name of a VPC endpoint. */
export const AWS_VPCE = 0x01;

/** Bits of the first byte of PP2_TYPE_SSL. */
export const SSL_CLIENT = { SSL: 0x01, CERT_CONN: 0x02, CERT_SESS: 0x04 } as const;

/** The first twelve bytes of version 2: CR LF CR LF NUL CR LF QUIT LF. */
export const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);

/** Bytes of version 2 before the addresses. */
export const FIXED_BYTES = 16;
/** Bytes of a UNIX address. */
export const UNIX_BYTES = 108;
/** The longest line of version 1, with CR LF. */
export const MAX_LINE = 107;
/** What always fits the first segment of a connection (576 − 40): a sender's header must not be longer. */
export const MAX_SENT = 536;
/** The longest unique id. */
export const MAX_UNIQUE_ID = 128;

/** How many bytes the addresses of version 2 take. */
export function addressBytes(proxied: Proxied["kind"], family?: Family): number {
  if (proxied === "unix") return 2 * UNIX_BYTES;
  if (proxied !== "inet") return 0;
  return family === "IPv4" ? 12 : 36;
}
