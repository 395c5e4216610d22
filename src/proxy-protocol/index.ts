/** The PROXY protocol, versions 1 and 2, by the specification of 2026-04-27 (HAProxy's doc/proxy-protocol.txt). */
export { type AcceptedProxyHeader, acceptProxyHeader, type AcceptOptions } from "./accept.ts";
export { crc32c } from "./crc32c.ts";
export { type Decoded, type DecodeOptions, decodeDatagram, decodeHeader } from "./decode.ts";
export { createHeaderDecoder, type DecoderState, type HeaderDecoder } from "./decoder.ts";
export { type EncodeOptions, encodeV1, encodeV2 } from "./encode.ts";
export {
  type InetConnection,
  type Proxied,
  type ProxyAttributes,
  type ProxyEndpoint,
  type ProxyHeader,
  type ProxySsl,
  type ProxyVersion,
  SIGNATURE,
  TLV,
  type Tlv,
  type UnixConnection,
} from "./header.ts";
export { clientSideConnection, inetConnection } from "./pair.ts";
export {
  createProxyCounters,
  type ProxyCounters,
  ProxyHeaderRefused,
  type Refusal,
  REFUSALS,
  type RefusalReason,
} from "./refusal.ts";
export { trustedSenders, type TrustedSenders } from "./trust.ts";
