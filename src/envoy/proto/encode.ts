/**
 * Messages from JSON straight to bytes. Each type is compiled once into a table of what to do per field name, so that
 * there is no message object in between; a route table of thousands of routes is made again and again.
 */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { ProtoFieldError } from "./field-error.ts";
import { isJsonObject, type JsonObject, type JsonValue, kindOf } from "./json.ts";
import { loadRegistry } from "./registry.ts";
import { type ScalarCodec, scalarCodec } from "./scalars.ts";
import { type MessageWriter, wellKnownWriter } from "./well-known.ts";
import { WIRE, WireWriter } from "./writer.ts";

interface FieldCodec {
  /** Writes the field with its tag. */
  readonly write: MessageWriter;
  /** Number of the oneof in the message, of which only one member may be set; -1: none. */
  readonly oneof: number;
  readonly nullable: boolean;
}

const ANY = "google.protobuf.Any";
const VALUE = "google.protobuf.Value";
const shared = new WireWriter();
const compiled = new Map<string, MessageWriter>();

/** Encodes a message of a type (full name). @throws ProtoFieldError with the path of the first field that is wrong. */
export function encodeMessage(typeName: string, json: JsonValue): Uint8Array {
  const start = shared.mark();
  try {
    writerOf(typeName)(shared, json);
    return shared.take(start);
  } catch (error) {
    shared.reset(start);
    throw error instanceof ProtoFieldError ? error.of(typeName) : error;
  }
}

/** Encodes one field of a message with its tag. Fields may be concatenated: a message is the sum of its fields. */
export function encodeMessageField(typeName: string, field: string, value: JsonValue): Uint8Array {
  return encodeMessage(typeName, { [field]: value });
}

function writerOf(typeName: string): MessageWriter {
  const known = compiled.get(typeName);
  if (known !== undefined) return known;
  const descriptor = loadRegistry().getMessage(typeName);
  if (descriptor === undefined) throw new ProtoFieldError(`Envoy's API has no message ${typeName}`);
  return compile(descriptor);
}

function compile(message: DescMessage): MessageWriter {
  const known = compiled.get(message.typeName);
  if (known !== undefined) return known;
  const special = message.typeName === ANY ? writeAny : wellKnownWriter(message.typeName);
  // kept before the fields are compiled, which may name this message again
  const fields = new Map<string, FieldCodec>();
  const writer = special ?? ((writer, json) => writeFields(fields, message.oneofs.length, writer, json));
  compiled.set(message.typeName, writer);
  if (special !== undefined) return writer;
  for (const field of message.fields) {
    const codec = lazyField(field, message);
    fields.set(field.name, codec);
    fields.set(field.jsonName, codec);
  }
  return writer;
}

/** Most fields of most messages are never used: a field is compiled when it is. */
function lazyField(field: DescField, message: DescMessage): FieldCodec {
  let write: MessageWriter = (writer, value) => {
    write = compileField(field);
    write(writer, value);
  };
  return {
    write: (writer, value) => write(writer, value),
    oneof: field.oneof === undefined ? -1 : message.oneofs.indexOf(field.oneof),
    nullable: field.fieldKind === "message" && field.message.typeName === VALUE,
  };
}

function writeFields(
  fields: ReadonlyMap<string, FieldCodec>,
  oneofs: number,
  writer: WireWriter,
  json: JsonValue,
): void {
  if (!isJsonObject(json)) throw new ProtoFieldError(`must be an object, is ${kindOf(json)}`);
  const chosen: (string | undefined)[] | undefined = oneofs === 0 ? undefined : new Array(oneofs);
  for (const name in json) {
    const value = json[name];
    if (value === undefined || name === "@type") continue;
    const field = fields.get(name);
    if (field === undefined) throw new ProtoFieldError("no such field").inside(name);
    if (value === null && !field.nullable) continue;
    if (chosen !== undefined && field.oneof >= 0) {
      const other = chosen[field.oneof];
      if (other !== undefined) throw new ProtoFieldError(`cannot be set together with ${other}`).inside(name);
      chosen[field.oneof] = name;
    }
    try {
      field.write(writer, value);
    } catch (error) {
      throw error instanceof ProtoFieldError ? error.inside(name) : error;
    }
  }
}

function compileField(field: DescField): MessageWriter {
  if (field.fieldKind === "map") return mapField(field);
  if (field.fieldKind === "list") return listField(field);
  if (field.fieldKind === "message") return nested(field.number, compile(field.message));
  const codec = field.fieldKind === "enum" ? enumCodec(field.enum) : scalarCodec(field.scalar);
  // fields with presence (oneofs, `optional`) are written whatever their value is
  const explicit = field.oneof !== undefined || field.proto.proto3Optional;
  return (writer, value) => {
    if (!explicit && codec.isDefault(value)) return;
    writer.tag(field.number, codec.wireType);
    codec.write(writer, value);
  };
}

function nested(number: number, message: MessageWriter): MessageWriter {
  return (writer, value) => {
    writer.tag(number, WIRE.bytes);
    const start = writer.begin();
    message(writer, value);
    writer.end(start);
  };
}

function single(number: number, codec: ScalarCodec): MessageWriter {
  return (writer, value) => {
    writer.tag(number, codec.wireType);
    codec.write(writer, value);
  };
}

function listField(field: DescField & { fieldKind: "list" }): MessageWriter {
  if (field.listKind === "message") return items(nested(field.number, compile(field.message)));
  const codec = field.listKind === "enum" ? enumCodec(field.enum) : scalarCodec(field.scalar);
  if (!field.packed) return items(single(field.number, codec));
  const packed = items(codec.write);
  const whole = nested(field.number, packed);
  return (writer, value) => {
    if (!Array.isArray(value) || value.length > 0) whole(writer, value);
  };
}

function items(item: MessageWriter): MessageWriter {
  return (writer, value) => {
    if (!Array.isArray(value)) throw new ProtoFieldError(`must be a list, is ${kindOf(value)}`);
    for (let index = 0; index < value.length; index++)
      inStep(`[${index}]`, item, writer, value[index] as JsonValue);
  };
}

function inStep(step: string, write: MessageWriter, writer: WireWriter, value: JsonValue): void {
  try {
    if (value === null || value === undefined) throw new ProtoFieldError("must not be null");
    write(writer, value);
  } catch (error) {
    throw error instanceof ProtoFieldError ? error.inside(step) : error;
  }
}

function mapField(field: DescField & { fieldKind: "map" }): MessageWriter {
  const key = single(1, scalarCodec(field.mapKey));
  const member =
    field.mapKind === "message"
      ? nested(2, compile(field.message))
      : single(2, field.mapKind === "enum" ? enumCodec(field.enum) : scalarCodec(field.scalar));
  const entry = nested(field.number, (writer, pair) => {
    const [name, value] = pair as readonly [string, JsonValue];
    key(writer, field.mapKey === ScalarType.BOOL ? name === "true" : name);
    member(writer, value);
  });
  return (writer, value) => {
    if (!isJsonObject(value)) throw new ProtoFieldError(`must be an object, is ${kindOf(value)}`);
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined) continue;
      inStep(`["${name}"]`, entry, writer, [name, item]);
    }
  };
}

function enumCodec(type: DescEnum): ScalarCodec {
  const numbers = new Map(type.values.map((value) => [value.name, value.number]));
  const numberOf = (value: JsonValue): number => {
    const number = typeof value === "string" ? numbers.get(value) : value;
    if (typeof number === "number" && Number.isInteger(number)) return number;
    const names = [...numbers.keys()].slice(0, 12).join(", ");
    throw new ProtoFieldError(`must be one of ${names}; is ${kindOf(value)}`);
  };
  return {
    wireType: WIRE.varint,
    write: (writer, value) => writer.int32(numberOf(value)),
    isDefault: (value) => numberOf(value) === 0,
  };
}

/**
 * google.protobuf.Any: the type's URL in `@type` beside the fields; types with a JSON form of their own in `value`. What
 * was encoded before stands in `@encoded`, in base64.
 */
function writeAny(writer: WireWriter, json: JsonValue): void {
  if (!isJsonObject(json)) throw new ProtoFieldError(`must be an object, is ${kindOf(json)}`);
  const url = json["@type"];
  if (typeof url !== "string") {
    if (Object.keys(json).length === 0) return;
    throw new ProtoFieldError("must be the URL of a type").inside("@type");
  }
  const typeName = typeNameOfUrl(url);
  writer.tag(1, WIRE.bytes);
  writer.string(url);
  const encoded = json["@encoded"];
  if (typeof encoded === "string") {
    writer.tag(2, WIRE.bytes);
    writer.bytes(Buffer.from(encoded, "base64"));
    return;
  }
  const inner = writerOf(typeName);
  const bare = typeName === ANY || wellKnownWriter(typeName) !== undefined;
  writer.tag(2, WIRE.bytes);
  const start = writer.begin();
  inner(writer, bare ? (json as JsonObject)["value"] : json);
  writer.end(start);
}

/** `type.googleapis.com/envoy.config.cluster.v3.Cluster` → the type's full name. */
export function typeNameOfUrl(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1);
}
