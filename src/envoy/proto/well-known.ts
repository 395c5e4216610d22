/** The messages that have a JSON form of their own. Source: https://protobuf.dev/programming-guides/json/. */
import { ScalarType } from "@bufbuild/protobuf";
import { ProtoFieldError } from "./field-error.ts";
import { isJsonObject, type JsonValue, kindOf } from "./json.ts";
import { scalarCodec } from "./scalars.ts";
import { WIRE, type WireWriter } from "./writer.ts";

/** Writes the fields of a message, without its length. */
export type MessageWriter = (writer: WireWriter, value: JsonValue) => void;

/** The writer of a well-known type; undefined for all others (and for Any, which needs the registry). */
export function wellKnownWriter(typeName: string): MessageWriter | undefined {
  return WELL_KNOWN.get(typeName);
}

const wrapper = (type: ScalarType): MessageWriter => {
  const codec = scalarCodec(type);
  return (writer, value) => {
    if (codec.isDefault(value)) return;
    writer.tag(1, codec.wireType);
    codec.write(writer, value);
  };
};

const WELL_KNOWN: ReadonlyMap<string, MessageWriter> = new Map<string, MessageWriter>([
  ["google.protobuf.BoolValue", wrapper(ScalarType.BOOL)],
  ["google.protobuf.Int32Value", wrapper(ScalarType.INT32)],
  ["google.protobuf.UInt32Value", wrapper(ScalarType.UINT32)],
  ["google.protobuf.Int64Value", wrapper(ScalarType.INT64)],
  ["google.protobuf.UInt64Value", wrapper(ScalarType.UINT64)],
  ["google.protobuf.FloatValue", wrapper(ScalarType.FLOAT)],
  ["google.protobuf.DoubleValue", wrapper(ScalarType.DOUBLE)],
  ["google.protobuf.StringValue", wrapper(ScalarType.STRING)],
  ["google.protobuf.BytesValue", wrapper(ScalarType.BYTES)],
  ["google.protobuf.Duration", duration],
  ["google.protobuf.Timestamp", timestamp],
  ["google.protobuf.FieldMask", fieldMask],
  ["google.protobuf.Struct", struct],
  ["google.protobuf.Value", value],
  ["google.protobuf.ListValue", list],
]);

/** Durations are `-?seconds[.fraction]s`, at most 315,576,000,000 s (10,000 years). */
function duration(writer: WireWriter, json: JsonValue): void {
  const match = typeof json === "string" ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(json) : null;
  const seconds = BigInt(match?.[2] ?? 0);
  if (match === null || seconds > 315_576_000_000n)
    throw new ProtoFieldError(`must be a duration such as "5s" or "0.25s", is ${kindOf(json)}`);
  const nanos = Number((match[3] ?? "").padEnd(9, "0"));
  secondsAndNanos(writer, match[1] === "-" ? -seconds : seconds, match[1] === "-" ? -nanos : nanos);
}

function timestamp(writer: WireWriter, json: JsonValue): void {
  const match =
    typeof json === "string"
      ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(json)
      : null;
  const milliseconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(milliseconds))
    throw new ProtoFieldError(`must be a time such as "2026-01-31T12:00:00Z", is ${kindOf(json)}`);
  secondsAndNanos(writer, BigInt(milliseconds / 1000), Number((match[2] ?? "").padEnd(9, "0")));
}

function secondsAndNanos(writer: WireWriter, seconds: bigint, nanos: number): void {
  if (seconds !== 0n) {
    writer.tag(1, WIRE.varint);
    writer.varint64(seconds);
  }
  if (nanos !== 0) {
    writer.tag(2, WIRE.varint);
    writer.int32(nanos);
  }
}

function fieldMask(writer: WireWriter, json: JsonValue): void {
  if (typeof json !== "string") throw new ProtoFieldError(`must be a string of paths, is ${kindOf(json)}`);
  for (const path of json === "" ? [] : json.split(",")) {
    writer.tag(1, WIRE.bytes);
    writer.string(path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  }
}

function struct(writer: WireWriter, json: JsonValue): void {
  if (!isJsonObject(json)) throw new ProtoFieldError(`must be an object, is ${kindOf(json)}`);
  for (const [key, member] of Object.entries(json)) {
    if (member === undefined) continue;
    writer.tag(1, WIRE.bytes);
    const entry = writer.begin();
    writer.tag(1, WIRE.bytes);
    writer.string(key);
    nestedValue(writer, 2, member, key);
    writer.end(entry);
  }
}

function list(writer: WireWriter, json: JsonValue): void {
  if (!Array.isArray(json)) throw new ProtoFieldError(`must be a list, is ${kindOf(json)}`);
  for (const [index, item] of (json as readonly JsonValue[]).entries())
    nestedValue(writer, 1, item, `[${index}]`);
}

function nestedValue(writer: WireWriter, field: number, json: JsonValue, step: string): void {
  writer.tag(field, WIRE.bytes);
  const start = writer.begin();
  try {
    value(writer, json);
  } catch (error) {
    throw error instanceof ProtoFieldError ? error.inside(step) : error;
  }
  writer.end(start);
}

/** google.protobuf.Value: fields 1 null, 2 number, 3 string, 4 bool, 5 struct, 6 list. */
function value(writer: WireWriter, json: JsonValue): void {
  if (typeof json === "string") {
    writer.tag(3, WIRE.bytes);
    writer.string(json);
  } else if (typeof json === "number") {
    if (!Number.isFinite(json)) throw new ProtoFieldError("must be a finite number");
    writer.tag(2, WIRE.fixed64);
    writer.double(json);
  } else if (typeof json === "boolean") {
    writer.tag(4, WIRE.varint);
    writer.uint32(json ? 1 : 0);
  } else if (json === null || json === undefined) {
    writer.tag(1, WIRE.varint);
    writer.uint32(0);
  } else if (typeof json === "bigint") {
    throw new ProtoFieldError("must be JSON, is a bigint");
  } else {
    const isList = Array.isArray(json);
    writer.tag(isList ? 6 : 5, WIRE.bytes);
    const start = writer.begin();
    if (isList) list(writer, json);
    else struct(writer, json);
    writer.end(start);
  }
}
