/** What an encoded message of Protocol Buffers has, read without its descriptor. */
/** Calls back for each length-delimited field of an encoded message; skips varints and fixed ones. */
export function eachBytesField<Bytes extends Uint8Array>(
  message: Bytes,
  found: (number: number, bytes: Bytes) => void,
): void {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else {
      const length = varint();
      found(tag >>> 3, message.subarray(at, at + length) as Bytes);
      at += length;
    }
  }
}
