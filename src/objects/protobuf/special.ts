import { parseQuantity } from "../quantity.ts";
import { formatMicroTime, formatTime } from "../time.ts";
import { BYTES, ProtobufError, VARINT, type WireReader, wrongWireType } from "./wire.ts";

/** Reads a message whose JSON is no object with its fields: a time, a quantity, … @throws ProtobufError */
export function readSpecial(name: string, reader: WireReader): unknown {
  switch (name) {
    case "meta.v1.Time":
      return timeOf(reader, false);
    case "meta.v1.MicroTime":
      return timeOf(reader, true);
    case "resource.Quantity":
      return quantityOf(reader);
    case "intstr.IntOrString":
      return intOrStringOf(reader);
    default:
      return rawOf(reader);
  }
}

/** The fields of a special message by their numbers: the names in Go, and whether they are texts. */
interface Layout {
  readonly name: string;
  readonly fields: Readonly<Record<number, readonly [name: string, isText: boolean]>>;
}

const TIMESTAMP: Layout = { name: "Timestamp", fields: { 1: ["Seconds", false], 2: ["Nanos", false] } };
const QUANTITY: Layout = { name: "Quantity", fields: { 1: ["String_", true] } };
const INT_OR_STRING: Layout = {
  name: "IntOrString",
  fields: { 1: ["Type", false], 2: ["IntVal", false], 3: ["StrVal", true] },
};
const RAW: Layout = { name: "RawExtension", fields: { 1: ["Raw", true] } };

/** The numbers and texts of a message. */
function scalarsOf({ name, fields }: Layout, reader: WireReader) {
  const values = new Map<number, number | string>();
  while (!reader.ended) {
    const { number, wireType } = reader.tag(name);
    const field = fields[number];
    if (field === undefined) {
      reader.skip(wireType);
      continue;
    }
    const [goName, isText] = field;
    if (wireType !== (isText ? BYTES : VARINT)) throw wrongWireType(wireType, goName);
    values.set(number, isText ? reader.text() : reader.integer(64));
  }
  return {
    number: (field: number) => (values.get(field) ?? 0) as number,
    text: (field: number) => values.get(field) as string | undefined,
  };
}

const FIRST_SECOND = Date.parse("0001-01-01T00:00:00Z") / 1000;
const LAST_SECOND = Date.parse("9999-12-31T23:59:59Z") / 1000;

/** Seconds and nanoseconds since 1970; no bytes are the zero time, which is null in JSON. */
function timeOf(reader: WireReader, micro: boolean): string | null {
  if (reader.length === 0) return null;
  const values = scalarsOf(TIMESTAMP, reader);
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

function quantityOf(reader: WireReader): string {
  const text = scalarsOf(QUANTITY, reader).text(1);
  if (text === undefined) return "0";
  const parsed = parseQuantity(text);
  if (typeof parsed === "string") throw new ProtobufError(parsed);
  return text;
}

function intOrStringOf(reader: WireReader): number | string {
  const values = scalarsOf(INT_OR_STRING, reader);
  if (values.number(1) === 0) return values.number(2) | 0;
  if (values.number(1) === 1) return values.text(3) ?? "";
  throw new ProtobufError("impossible IntOrString.Type");
}

/** JSON within: an object of any structure, a schema's example, the fields that a manager owns. */
function rawOf(reader: WireReader): unknown {
  const text = scalarsOf(RAW, reader).text(1) ?? "";
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProtobufError(`the raw bytes of a field are no JSON: ${(error as Error).message}`);
  }
}
