/** Base64 as Go's encoding/json reads byte fields: standard alphabet, padded, line breaks ignored. */

const CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The text in its canonical form; a number is the offset of the first byte that is wrong. */
export function canonicalBase64(text: string): string | number {
  if (CANONICAL.test(text) && !hasLooseBits(text)) return text;
  const bare = text.replace(/[\r\n]/g, "");
  if (CANONICAL.test(bare)) return Buffer.from(bare, "base64").toString("base64");
  return firstBadOffset(text);
}

function hasLooseBits(text: string): boolean {
  if (!text.endsWith("=")) return false;
  return Buffer.from(text, "base64").toString("base64") !== text;
}

/** Walks in groups of four as base64.Encoding.decodeQuantum does, because it names the offsets that way. */
function firstBadOffset(text: string): number {
  const bytes = Buffer.from(text, "utf8");
  let inGroup = 0;
  for (let i = 0; i < bytes.length; i++) {
    const char = String.fromCharCode(bytes[i] ?? 0);
    if (char === "\n" || char === "\r") continue;
    if (char === "=") return offsetOfPadding(bytes, i, inGroup);
    if (!/[A-Za-z0-9+/]/.test(char)) return i;
    inGroup = (inGroup + 1) % 4;
  }
  return bytes.length - inGroup;
}

function offsetOfPadding(bytes: Buffer, at: number, inGroup: number): number {
  if (inGroup < 2) return at;
  let next = skipBreaks(bytes, at + 1);
  if (inGroup === 2) {
    if (next >= bytes.length) return bytes.length;
    if (bytes[next] !== 0x3d) return next;
    next = skipBreaks(bytes, next + 1);
  }
  return next;
}

function skipBreaks(bytes: Buffer, from: number): number {
  let next = from;
  while (bytes[next] === 0x0a || bytes[next] === 0x0d) next++;
  return next;
}
