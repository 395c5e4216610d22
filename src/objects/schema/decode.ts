import { canonicalQuantity } from "../quantity.ts";
import { canonicalTime } from "../time.ts";
import { canonicalBase64 } from "./base64.ts";
import { explain, type Flavour } from "./explain.ts";
import { type GoValue, setKey } from "./go-json.ts";
import type { StructType, WireType } from "./types.ts";

/** What to do with fields that the schema does not know or that stand twice (the parameter `fieldValidation`). */
export type FieldValidation = "Strict" | "Warn" | "Ignore";

/** A value that does not have the types of its schema; the message is the decoder's own text, without a prefix. */
export class DecodeError extends Error {}

/** A decoded value and what strict decoding has against it, such as `unknown field "spec.foo"`. */
export interface DecodedStruct {
  readonly value: Record<string, unknown>;
  readonly strict: readonly string[];
}

/** How to decode. `document` is the text's own tree where keys may stand twice; without it the value is looked at. */
export interface DecodeOptions {
  readonly strict: boolean;
  readonly flavour: Flavour;
  readonly document?: GoValue | undefined;
}

/**
 * Brings a parsed value to the wire form of a type: fields in the order of their names, unknown fields and nulls
 * dropped, empty optional values dropped, times and quantities in canonical form. The result shares nothing with the
 * input but values of unknown structure.
 * @throws DecodeError when a value has another type than its field
 */
export function decodeStruct(type: StructType, input: object, options: DecodeOptions): DecodedStruct {
  const state: State = { unknown: false, mismatch: false };
  const value = structValue(type, input as Record<string, unknown>, state);
  const wanted = options.strict && (state.unknown || options.document !== undefined);
  if (!state.mismatch && !wanted) return { value, strict: [] };
  const findings = explain(type, options.document ?? (input as GoValue), options.flavour);
  if (state.mismatch) throw new DecodeError(findings.mismatch ?? "the value does not fit its type");
  return { value, strict: findings.strict };
}

interface State {
  unknown: boolean;
  mismatch: boolean;
}

function structValue(
  type: StructType,
  input: Record<string, unknown>,
  state: State,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  let known = 0;
  for (const field of type.fields) {
    const raw = input[field.name];
    if (raw !== undefined) known++;
    const value = raw === undefined || raw === null ? undefined : decodeValue(field.type, raw, state);
    if (value !== undefined && (field.keepsEmpty || !isEmpty(value))) result[field.name] = value;
    else if (field.whenUnset !== undefined) result[field.name] = field.whenUnset();
  }
  if (known !== countOwnKeys(input)) state.unknown = true;
  return result;
}

function countOwnKeys(value: object): number {
  let count = 0;
  for (const _ in value) count++;
  return count;
}

function isEmpty(value: unknown): boolean {
  if (value === "" || value === 0 || value === false || value === null) return true;
  if (typeof value !== "object") return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

function mismatch(state: State): undefined {
  state.mismatch = true;
  return undefined;
}

/** Decodes one value that is neither undefined nor null; undefined stands for the zero value or a mismatch. */
function decodeValue(type: WireType, raw: unknown, state: State): unknown {
  switch (type.tag) {
    case "struct":
      return isRecord(raw) ? structValue(type, raw, state) : mismatch(state);
    case "list":
      return Array.isArray(raw) ? listValue(type.items, raw, state) : mismatch(state);
    case "map":
      return isRecord(raw) ? mapValue(type.values, raw, state) : mismatch(state);
    case "string":
      return typeof raw === "string" ? raw : mismatch(state);
    case "boolean":
      return typeof raw === "boolean" ? raw : mismatch(state);
    case "integer":
      return isInteger(raw, type.min, type.max) ? raw : mismatch(state);
    case "number":
      return typeof raw === "number" ? raw : mismatch(state);
    case "any":
      return raw;
    default:
      return scalarValue(type.tag, raw, state);
  }
}

function scalarValue(tag: string, raw: unknown, state: State): unknown {
  switch (tag) {
    case "intOrString":
      return typeof raw === "string" || isInteger(raw, -2147483648, 2147483647) ? raw : mismatch(state);
    case "quantity":
      return typeof raw === "string" || typeof raw === "number"
        ? (canonicalQuantity(String(raw)) ?? mismatch(state))
        : mismatch(state);
    case "bytes": {
      const text = typeof raw === "string" ? canonicalBase64(raw) : 0;
      return typeof text === "string" ? text : mismatch(state);
    }
    default: {
      if (typeof raw !== "string") return mismatch(state);
      const time = canonicalTime(raw, tag === "microTime");
      return time === undefined ? mismatch(state) : (time ?? undefined);
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function listValue(items: WireType, raw: readonly unknown[], state: State): unknown[] {
  const result: unknown[] = new Array(raw.length);
  for (let i = 0; i < raw.length; i++) {
    result[i] = raw[i] === null ? zeroItem(items) : decodeValue(items, raw[i], state);
  }
  return result;
}

function mapValue(values: WireType, raw: Record<string, unknown>, state: State): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(raw).sort()) {
    const item = raw[key];
    setKey(result, key, item === null ? zeroItem(values) : decodeValue(values, item, state));
  }
  return result;
}

/** What a null in a list or a map becomes. */
function zeroItem(type: WireType): unknown {
  switch (type.tag) {
    case "struct":
      return structValue(type, {}, { unknown: false, mismatch: false });
    case "string":
      return "";
    case "bytes":
      return null;
    case "boolean":
      return false;
    case "integer":
    case "number":
    case "intOrString":
      return 0;
    case "quantity":
      return "0";
    default:
      return null;
  }
}
