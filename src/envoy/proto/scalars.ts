/** Scalar values of proto3 JSON, checked and written in wire format. */
import { ScalarType } from "@bufbuild/protobuf";
import { ProtoFieldError } from "./field-error.ts";
import { type JsonValue, kindOf } from "./json.ts";
import { WIRE, type WireWriter } from "./writer.ts";

/** How a scalar type is written; `isDefault` tells values that proto3 leaves out. */
export interface ScalarCodec {
  readonly wireType: number;
  readonly write: (writer: WireWriter, value: JsonValue) => void;
  readonly isDefault: (value: JsonValue) => boolean;
}

/** The codec of a scalar type. */
export function scalarCodec(type: ScalarType): ScalarCodec {
  return CODECS[type];
}

const isZero = (value: JsonValue) =>
  (value === 0 && !Object.is(value, -0)) || value === "0" || value === 0n || value === "";

const varint = (write: ScalarCodec["write"]): ScalarCodec => ({
  wireType: WIRE.varint,
  write,
  isDefault: isZero,
});

const CODECS: Readonly<Record<ScalarType, ScalarCodec>> = {
  [ScalarType.BOOL]: {
    wireType: WIRE.varint,
    write: (writer, value) => writer.uint32(bool(value) ? 1 : 0),
    isDefault: (value) => value === false,
  },
  [ScalarType.INT32]: varint((writer, value) => writer.int32(int32(value))),
  [ScalarType.UINT32]: varint((writer, value) => writer.uint32(uint32(value))),
  [ScalarType.SINT32]: varint((writer, value) => {
    const number = int32(value);
    writer.uint32((number << 1) ^ (number >> 31));
  }),
  [ScalarType.INT64]: varint((writer, value) => writer.varint64(int64(value, -(2n ** 63n), 2n ** 63n - 1n))),
  [ScalarType.UINT64]: varint((writer, value) => {
    if (typeof value === "number" && value >= 0 && value <= 0xffffffff && Number.isInteger(value))
      writer.uint32(value);
    else writer.varint64(int64(value, 0n, 2n ** 64n - 1n));
  }),
  [ScalarType.SINT64]: varint((writer, value) => {
    const number = int64(value, -(2n ** 63n), 2n ** 63n - 1n);
    writer.varint64((number << 1n) ^ (number >> 63n));
  }),
  [ScalarType.FIXED32]: fixed(WIRE.fixed32, (writer, value) => writer.fixed32(uint32(value))),
  [ScalarType.SFIXED32]: fixed(WIRE.fixed32, (writer, value) => writer.fixed32(int32(value))),
  [ScalarType.FIXED64]: fixed(WIRE.fixed64, (writer, value) =>
    writer.fixed64(int64(value, 0n, 2n ** 64n - 1n)),
  ),
  [ScalarType.SFIXED64]: fixed(WIRE.fixed64, (writer, value) =>
    writer.fixed64(int64(value, -(2n ** 63n), 2n ** 63n - 1n)),
  ),
  [ScalarType.FLOAT]: fixed(WIRE.fixed32, (writer, value) => writer.float(float(value))),
  [ScalarType.DOUBLE]: fixed(WIRE.fixed64, (writer, value) => writer.double(float(value))),
  [ScalarType.STRING]: {
    wireType: WIRE.bytes,
    write: (writer, value) => writer.string(text(value)),
    isDefault: (value) => value === "",
  },
  [ScalarType.BYTES]: {
    wireType: WIRE.bytes,
    write: (writer, value) => writer.bytes(base64(value)),
    isDefault: (value) => value === "",
  },
};

function fixed(wireType: number, write: ScalarCodec["write"]): ScalarCodec {
  return { wireType, write, isDefault: isZero };
}

function bool(value: JsonValue): boolean {
  if (typeof value !== "boolean") throw new ProtoFieldError(`must be true or false, is ${kindOf(value)}`);
  return value;
}

function text(value: JsonValue): string {
  if (typeof value !== "string") throw new ProtoFieldError(`must be a string, is ${kindOf(value)}`);
  return value;
}

function int32(value: JsonValue): number {
  return integer(value, -0x80000000, 0x7fffffff);
}

function uint32(value: JsonValue): number {
  return integer(value, 0, 0xffffffff);
}

function integer(value: JsonValue, min: number, max: number): number {
  const number = typeof value === "string" && value.trim() === value && value !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < min || number > max)
    throw new ProtoFieldError(`must be a whole number from ${min} to ${max}, is ${kindOf(value)}`);
  return number;
}

function int64(value: JsonValue, min: bigint, max: bigint): bigint {
  const whole =
    typeof value === "bigint" ||
    (typeof value === "number" && Number.isSafeInteger(value)) ||
    (typeof value === "string" && /^-?\d+$/.test(value));
  const number = whole ? BigInt(value) : undefined;
  if (number === undefined || number < min || number > max)
    throw new ProtoFieldError(`must be a whole number from ${min} to ${max}, is ${kindOf(value)}`);
  return number;
}

function float(value: JsonValue): number {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  const number = typeof value === "string" && value.trim() === value && value !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number))
    throw new ProtoFieldError(`must be a number, is ${kindOf(value)}`);
  return number;
}

function base64(value: JsonValue): Uint8Array {
  if (typeof value !== "string" || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value))
    throw new ProtoFieldError(`must be base64, is ${kindOf(value)}`);
  return Buffer.from(value, "base64");
}
