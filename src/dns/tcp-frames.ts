/** DNS over TCP: each message behind its length in two bytes (RFC 1035 4.2.2). */

/** A message as it goes over TCP. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(message.length + 2);
  framed.writeUInt16BE(message.length, 0);
  framed.set(message, 2);
  return framed;
}

/** Cuts a stream into messages. It never holds more than one message and the last chunk. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Takes a chunk and gives the messages that are whole now. */
  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 2 && bytes.length >= bytes.readUInt16BE(0) + 2) {
      const end = bytes.readUInt16BE(0) + 2;
      messages.push(bytes.subarray(2, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return messages;
  }
}
