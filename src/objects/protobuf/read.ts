import { setKey } from "../schema/go-json.ts";
import { type Field, type FieldType, type Message, SPECIAL } from "./messages.ts";
import { readSpecial } from "./special.ts";
import { BYTES, FIXED64, goTypeOf, ProtobufError, VARINT, WireReader, wrongWireType } from "./wire.ts";

/** Messages within messages, at most: far more than any kind has, save the schemas of definitions, which nest freely. */
const MAX_DEPTH = 1000;

type Fields = Record<string, unknown>;

/** Messages that stand for one of several values in JSON (apiextensions/v1, marshal.go). */
const CHOICES: ReadonlyMap<string, (fields: Fields) => unknown> = new Map([
  ["apiextensions.v1.JSONSchemaPropsOrArray", ({ schema, jSONSchemas }) => jSONSchemas ?? schema],
  ["apiextensions.v1.JSONSchemaPropsOrBool", ({ schema, allows }) => schema ?? allows ?? false],
  ["apiextensions.v1.JSONSchemaPropsOrStringArray", ({ schema, property }) => property ?? schema],
]);

/**
 * Reads a message as the object that its kind is in JSON. Zero values that differ from none are kept, others left out:
 * decoding by the schema adds those that JSON has nevertheless. Fields that are not known are passed over, as every
 * reader of the format does.
 * @throws ProtobufError
 */
export function readMessage(message: Message, bytes: Buffer): Fields {
  return readInto({}, message, new WireReader(bytes), 0);
}

function readInto(result: Fields, message: Message, reader: WireReader, depth: number): Fields {
  if (depth > MAX_DEPTH) throw new ProtobufError("exceeded max depth");
  while (!reader.ended) {
    const { number, wireType } = reader.tag(message.name);
    const field = message.fields.get(number);
    if (field === undefined) reader.skip(wireType);
    else readField(result, field, reader, wireType, depth);
  }
  return result;
}

function readField(result: Fields, field: Field, reader: WireReader, wireType: number, depth: number): void {
  const { name, type, shape } = field;
  if (shape === "map") {
    requireType(field, wireType, BYTES);
    readEntry(childOf(result, name), type, reader.inner(), depth);
  } else if (shape === "list") readItems(listOf(result, name), field, reader, wireType, depth);
  else {
    requireType(field, wireType, wireTypeOf(type));
    if (isPlain(type)) {
      // what comes twice is merged
      readInto(name === "" ? result : childOf(result, name), type, reader.inner(), depth + 1);
    } else {
      const value = readValue(type, reader, depth);
      const isScalar = typeof type === "string" && !SPECIAL.has(type);
      const isKept = value !== null && (!isScalar || Boolean(value) || field.keepsZero);
      if (isKept) result[name] = value;
      else if (result[name] !== undefined) delete result[name];
    }
  }
}

function isPlain(type: FieldType): type is Message {
  return typeof type !== "string" && !CHOICES.has(type.name) && !isList(type);
}

function isList({ fields }: Message): boolean {
  return fields.get(1)?.name === "*";
}

function childOf(result: Fields, name: string): Fields {
  const child = (result[name] ?? {}) as Fields;
  result[name] = child;
  return child;
}

function listOf(result: Fields, name: string): unknown[] {
  const list = (result[name] ?? []) as unknown[];
  result[name] = list;
  return list;
}

/** One item; or many numbers, packed. */
function readItems(list: unknown[], field: Field, reader: WireReader, wireType: number, depth: number): void {
  const wanted = wireTypeOf(field.type);
  if (wanted !== BYTES && wireType === BYTES) {
    const packed = reader.inner();
    while (!packed.ended) list.push(readValue(field.type, packed, depth));
    return;
  }
  requireType(field, wireType, wanted);
  list.push(readValue(field.type, reader, depth));
}

/** An entry of a map: a message of a key and a value, either of which may be missing. */
function readEntry(map: Fields, type: FieldType, reader: WireReader, depth: number): void {
  let key = "";
  let value: unknown;
  while (!reader.ended) {
    const { number, wireType } = reader.tag();
    if (number === 1) key = reader.text();
    else if (number === 2) value = readValue(type, reader, depth);
    else reader.skip(wireType);
  }
  setKey(map, key, value === undefined ? zeroOf(type, depth) : value);
}

/** What an entry without a value has: that of no bytes. */
function zeroOf(type: FieldType, depth: number): unknown {
  return wireTypeOf(type) === BYTES ? readValue(type, new WireReader(Buffer.of(0)), depth) : 0;
}

function readValue(type: FieldType, reader: WireReader, depth: number): unknown {
  switch (type) {
    case "string":
      return reader.text();
    case "bytes":
      return reader.base64();
    case "bool":
      return reader.integer(64) !== 0;
    case "int32":
      return reader.integer(32);
    case "int64":
      return reader.integer(64);
    case "float64":
      return reader.float64();
    default:
      if (typeof type === "string") return readSpecial(type, reader.inner());
      return chosen(type, readInto({}, type, reader.inner(), depth + 1));
  }
}

function chosen(message: Message, fields: Fields): unknown {
  if (isList(message)) return fields["*"] ?? [];
  const choose = CHOICES.get(message.name);
  return choose === undefined ? fields : (choose(fields) ?? null);
}

function wireTypeOf(type: FieldType): number {
  if (type === "bool" || type === "int32" || type === "int64") return VARINT;
  return type === "float64" ? FIXED64 : BYTES;
}

function requireType({ name, type }: Field, wireType: number, wanted: number): void {
  if (wireType === wanted) return;
  const inlined = name === "" && typeof type !== "string" ? goTypeOf(type.name) : name;
  throw wrongWireType(wireType, GO_NAMES[inlined] ?? inlined.slice(0, 1).toUpperCase() + inlined.slice(1));
}

/** Names in Go that are not just those of JSON with a capital; of the most common fields. */
const GO_NAMES: Readonly<Record<string, string>> = {
  metadata: "ObjectMeta",
  apiVersion: "APIVersion",
  uid: "UID",
};
