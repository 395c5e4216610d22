/** CRC32c, as SCTP has it (RFC 4960, appendix B: Castagnoli, reflected). */

const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** The checksum of all bytes, those of a gap of four counted as zeros (the checksum's own place). */
export function crc32c(bytes: Uint8Array, gap = -1): number {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) {
    const byte = gap >= 0 && at >= gap && at < gap + 4 ? 0 : (bytes[at] as number);
    crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] as number);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
