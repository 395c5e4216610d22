/** Headers as others send them, byte by byte: recorded from AWS load balancers, and the specification's own example. */

/** Bytes from hexadecimal digits; blanks do not count. */
export function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ""), "hex");
}

/** The signature of version 2, in hexadecimal digits. */
export const SIGNATURE_HEX = "0d0a0d0a000d0a515549540a";

/** The health check of an NLB (kubernetes/kubernetes#57250): LOCAL, family TCP over IPv4, and yet no addresses. */
export const NLB_CHECK = fromHex(`${SIGNATURE_HEX} 20110054 030004bce5951f 04004a ${"00".repeat(74)}`);

/** A client of an NLB that came by a VPC endpoint (aws/elastic-load-balancing-tools, proprot, its NLB test). */
export const NLB_ENDPOINT = fromHex(
  `${SIGNATURE_HEX} 21110054 ac1f0771 ac1f0a1f c8f20050 030004e8d6892d
   ea0017 01 767063652d3038643262663135666163353030316339 040024 ${"00".repeat(36)}`,
);

/** The same on another one (pires/go-proxyproto, "VPCE capture"). */
export const NLB_ENDPOINT_CAPTURE = fromHex(
  `${SIGNATURE_HEX} 21110054 c0a82c0a c0a82c07 cc3e241b 030004b9286fa6
   ea0017 01 767063652d3030656166633435386563393762383333 040024 ${"00".repeat(36)}`,
);

/** The specification's example of version 1, with the request behind it. */
export const SPECIFICATION_EXAMPLE =
  "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n";

/** A TLV in hexadecimal digits. */
export function tlv(type: string, value: string): string {
  const length = fromHex(value).length.toString(16).padStart(4, "0");
  return `${type}${length}${value}`;
}
