/** Names between presentation form and wire form (RFC 1035 3.1, 4.1.4, 5.1). */
import { FormatError } from "./message.ts";

const MAX_LABEL = 63;
const MAX_NAME = 255;
const POINTER = 0xc0;

/** Reads the name at an offset of a message; `end` is where the reading goes on behind it. @throws FormatError */
export function readName(message: Uint8Array, offset: number): { name: string; end: number } {
  let name = "";
  let size = 1;
  let at = offset;
  let end: number | undefined;
  let limit = offset;
  for (;;) {
    const length = message[at];
    if (length === undefined) throw new FormatError("a name runs over the end");
    if (length === 0) return { name: name === "" ? "." : name, end: end ?? at + 1 };
    if (length >= POINTER) {
      const low = message[at + 1];
      if (low === undefined) throw new FormatError("a pointer is cut off");
      end ??= at + 2;
      at = ((length & ~POINTER) << 8) | low;
      // Every pointer has to go further back than the one before, so that reading ends.
      if (at >= limit) throw new FormatError("a pointer does not point back");
      limit = at;
      continue;
    }
    if (length > MAX_LABEL) throw new FormatError("a label is of an unknown kind");
    if (at + 1 + length > message.length) throw new FormatError("a label runs over the end");
    size += length + 1;
    if (size > MAX_NAME) throw new FormatError("a name is longer than 255 bytes");
    name += `${escapeLabel(message.subarray(at + 1, at + 1 + length))}.`;
    at += length + 1;
  }
}

function escapeLabel(label: Uint8Array): string {
  let text = "";
  for (const byte of label) {
    if (byte === 0x2e || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte > 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}

/** The labels of a name in presentation form, still escaped: `web.default.` is `["web", "default"]`. */
export function splitLabels(name: string): string[] {
  if (name.includes("\\")) return name.match(/(?:\\[\s\S]|[^.\\])+/g) ?? [];
  const trimmed = name.endsWith(".") ? name.slice(0, -1) : name;
  return trimmed === "" ? [] : trimmed.split(".");
}

/** The bytes of one escaped label. @throws FormatError when it is empty, longer than 63 bytes or ends in the middle of an escape */
export function labelBytes(label: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < label.length; at++) {
    const char = label.charCodeAt(at);
    if (char !== 0x5c) {
      bytes.push(char);
      continue;
    }
    const digits = /^[0-9]{3}/.exec(label.slice(at + 1))?.[0];
    bytes.push(digits === undefined ? label.charCodeAt(at + 1) : Number(digits));
    at += digits === undefined ? 1 : 3;
  }
  if (bytes.length === 0) throw new FormatError("a label is empty");
  if (bytes.length > MAX_LABEL) throw new FormatError(`label ${label.slice(0, 20)}… is longer than 63 bytes`);
  if (bytes.some((byte) => !(byte <= 0xff))) throw new FormatError(`label ${label} is not of bytes`);
  return Uint8Array.from(bytes);
}

/** The name with a dot at its end. */
export function fullyQualified(name: string): string {
  return name.endsWith(".") ? name : `${name}.`;
}

/** Whether a name (lower case, with its dot) is a zone's own or below it. */
export function isInZone(name: string, zone: string): boolean {
  return name === zone || zone === "." || name.endsWith(`.${zone}`);
}
