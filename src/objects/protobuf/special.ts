import { parseQuantity } from "../quantity.ts";
import { formatMicroTime, formatTime } from "../time.ts";
import { ProtobufError, WireReader } from "./wire.ts";

/** Reads a message whose JSON is no object with its fields: a time, a quantity, … @throws ProtobufError */
export function readSpecial(name: string, bytes: Buffer): unknown {
  switch (name) {
    case "meta.v1.Time":
      return timeOf(bytes, false);
    case "meta.v1.MicroTime":
      return timeOf(bytes, true);
    case "resource.Quantity":
      return quantityOf(bytes);
    case "intstr.IntOrString":
      return intOrStringOf(bytes);
    default:
      return rawOf(bytes);
  }
}

/** The numbers and texts of a message by the numbers of their fields. */
function scalarsOf(name: string, bytes: Buffer, texts: readonly number[], numbers: readonly number[]) {
  const reader = new WireReader(bytes);
  const values = new Map<number, number | Buffer>();
  while (!reader.ended) {
    const { number, wireType } = reader.tag(name);
    if (texts.includes(number)) values.set(number, textOf(reader, wireType, name));
    else if (numbers.includes(number)) values.set(number, numberOf(reader, wireType, name));
    else reader.skip(wireType);
  }
  return {
    number: (field: number) => (values.get(field) ?? 0) as number,
    bytes: (field: number) => values.get(field) as Buffer | undefined,
  };
}

function textOf(reader: WireReader, wireType: number, name: string): Buffer {
  if (wireType === 2) return reader.bytes();
  throw new ProtobufError(`proto: wrong wireType = ${wireType} for field ${name}`);
}

function numberOf(reader: WireReader, wireType: number, name: string): number {
  if (wireType === 0) return reader.integer(64);
  throw new ProtobufError(`proto: wrong wireType = ${wireType} for field ${name}`);
}

const FIRST_SECOND = Date.parse("0001-01-01T00:00:00Z") / 1000;
const LAST_SECOND = Date.parse("9999-12-31T23:59:59Z") / 1000;

/** Seconds and nanoseconds since 1970; no bytes are the zero time, which is null in JSON. */
function timeOf(bytes: Buffer, micro: boolean): string | null {
  if (bytes.length === 0) return null;
  const values = scalarsOf("Timestamp", bytes, [], [1, 2]);
  const micros = micro ? Math.trunc(values.number(2) / 1000) : 0;
  const seconds = values.number(1) + Math.floor(micros / 1_000_000);
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) {
    throw new ProtobufError("Timestamp: seconds out of range [0001-01-01T00:00:00Z, 9999-12-31T23:59:59Z]");
  }
  const date = new Date(seconds * 1000);
  if (!micro) return formatTime(date);
  const fraction = String(((micros % 1_000_000) + 1_000_000) % 1_000_000).padStart(6, "0");
  return `${formatMicroTime(date).slice(0, 19)}.${fraction}Z`;
}

function quantityOf(bytes: Buffer): string {
  const text = scalarsOf("Quantity", bytes, [1], []).bytes(1)?.toString("utf8");
  if (text === undefined) return "0";
  const parsed = parseQuantity(text);
  if (typeof parsed === "string") throw new ProtobufError(parsed);
  return text;
}

function intOrStringOf(bytes: Buffer): number | string {
  const values = scalarsOf("IntOrString", bytes, [3], [1, 2]);
  if (values.number(1) === 0) return values.number(2) | 0;
  if (values.number(1) === 1) return values.bytes(3)?.toString("utf8") ?? "";
  throw new ProtobufError("impossible IntOrString.Type");
}

/** JSON within: an object of any structure, a schema's example, the fields that a manager owns. */
function rawOf(bytes: Buffer): unknown {
  const text = scalarsOf("RawExtension", bytes, [1], []).bytes(1)?.toString("utf8") ?? "";
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProtobufError(`the raw bytes of a field are no JSON: ${(error as Error).message}`);
  }
}
