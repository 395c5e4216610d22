import { parseQuantity, QUANTITY_ERRORS } from "../quantity.ts";
import { canonicalTime, timeError } from "../time.ts";
import { canonicalBase64 } from "./base64.ts";
import { GoNumber, GoObject } from "./go-json.ts";
import type { StructType, WireType } from "./types.ts";

/** Whose texts a mismatch gets: encoding/json for texts, the unstructured converter for strategic merge patches. */
export type Flavour = "json" | "unstructured";

/** What is wrong with a value, in the order of its text. */
export interface Findings {
  /** `unknown field "spec.a"`, `duplicate field "metadata.name"`. */
  readonly strict: readonly string[];
  /** The first value of a wrong type; undefined when all fit. */
  readonly mismatch: string | undefined;
}

/** As sigs.k8s.io/json: later ones are not reported. */
const MAX_STRICT = 100;

/**
 * Walks a value in the order of its text to say what the decoder had against it. Only called when something is wrong
 * (encoding/json decode.go, sigs.k8s.io/json, apimachinery runtime/converter.go).
 */
export function explain(type: WireType, value: unknown, flavour: Flavour): Findings {
  const walk = new Walk(flavour);
  walk.visit(type, value, { path: "", struct: "", fields: [] });
  const strict = flavour === "unstructured" ? walk.strict.sort() : walk.strict;
  return { strict, mismatch: walk.mismatch };
}

interface Place {
  /** `spec.ports[0]`. */
  readonly path: string;
  /** The innermost struct, and the fields that lead there from the top, without indices. */
  readonly struct: string;
  readonly fields: readonly string[];
}

class Walk {
  readonly strict: string[] = [];
  mismatch: string | undefined;
  private readonly flavour: Flavour;

  constructor(flavour: Flavour) {
    this.flavour = flavour;
  }

  visit(type: WireType, value: unknown, place: Place): void {
    if (value === null || value === undefined) return;
    switch (type.tag) {
      case "struct":
        this.struct(type, value, place);
        break;
      case "list":
        this.list(type, value, place);
        break;
      case "map":
        this.map(type, value, place);
        break;
      case "any":
        this.any(value, place.path);
        break;
      default:
        this.scalar(type, value, place);
    }
  }

  private struct(type: StructType, value: unknown, place: Place): void {
    const entries = entriesOf(value);
    if (entries === undefined) {
      this.wrongType(type, value, place);
      return;
    }
    const seen = new Set<string>();
    for (const [key, item] of entries) {
      const path = place.path === "" ? key : `${place.path}.${key}`;
      const field = type.byName.get(key);
      if (field === undefined) {
        this.report(`unknown field ${JSON.stringify(path)}`);
        continue;
      }
      if (seen.has(key)) this.report(`duplicate field ${JSON.stringify(path)}`);
      seen.add(key);
      this.visit(field.type, item, { path, struct: type.struct, fields: [...place.fields, key] });
    }
  }

  private list(type: WireType & { tag: "list" }, value: unknown, place: Place): void {
    if (!Array.isArray(value)) {
      this.wrongType(type, value, place);
      return;
    }
    value.forEach((item, index) => {
      this.visit(type.items, item, { ...place, path: `${place.path}[${index}]` });
    });
  }

  private map(type: WireType & { tag: "map" }, value: unknown, place: Place): void {
    const entries = entriesOf(value);
    if (entries === undefined) {
      this.wrongType(type, value, place);
      return;
    }
    const seen = new Set<string>();
    for (const [key, item] of entries) {
      const path = `${place.path}.${key}`;
      if (seen.has(key)) this.report(`duplicate field ${JSON.stringify(path)}`);
      seen.add(key);
      this.visit(type.values, item, { ...place, path });
    }
  }

  private any(value: unknown, path: string): void {
    if (Array.isArray(value)) {
      value.forEach((item, index) => {
        this.any(item, `${path}[${index}]`);
      });
      return;
    }
    const seen = new Set<string>();
    for (const [key, item] of entriesOf(value) ?? []) {
      const inner = path === "" ? key : `${path}.${key}`;
      if (seen.has(key)) this.report(`duplicate field ${JSON.stringify(inner)}`);
      seen.add(key);
      this.any(item, inner);
    }
  }

  private scalar(type: WireType, value: unknown, place: Place): void {
    const special = specialError(type, value);
    if (special !== undefined) {
      if (special !== "") this.fail(special);
      return;
    }
    const kind = kindOf(value);
    if (type.tag === "integer" && kind === "number") {
      this.integer(type, value, place);
      return;
    }
    const fits =
      (type.tag === "string" && kind === "string") ||
      (type.tag === "boolean" && kind === "bool") ||
      (type.tag === "number" && kind === "number");
    if (!fits) this.wrongType(type, value, place);
  }

  private integer(type: WireType & { tag: "integer" }, value: unknown, place: Place): void {
    const text = value instanceof GoNumber ? value.text : String(value);
    const number = Number(text);
    if (/^-?\d+$/.test(text) && number >= type.min && number <= type.max) return;
    this.wrongType(type, value, place, `number ${text}`);
  }

  private wrongType(type: WireType, value: unknown, place: Place, what = kindOf(value)): void {
    if (this.flavour === "unstructured") {
      this.fail(unstructuredText(type, value));
      return;
    }
    const target =
      place.struct === ""
        ? `Go value of type ${type.name}`
        : `Go struct field ${place.struct}.${place.fields.join(".")} of type ${type.name}`;
    this.fail(`json: cannot unmarshal ${what} into ${target}`);
  }

  private report(text: string): void {
    if (this.strict.length < MAX_STRICT && !this.strict.includes(text)) this.strict.push(text);
  }

  private fail(text: string): void {
    this.mismatch ??= text;
  }
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (value instanceof GoObject) return value.entries;
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof GoNumber) {
    return undefined;
  }
  return Object.entries(value);
}

/** What encoding/json calls a value: `string`, `number`, `bool`, `array`, `object`. */
function kindOf(value: unknown): string {
  if (value instanceof GoNumber || typeof value === "number") return "number";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  return Array.isArray(value) ? "array" : "object";
}

/** Errors of types that read themselves: undefined for all other types, "" when the value is right. */
function specialError(type: WireType, value: unknown): string | undefined {
  switch (type.tag) {
    case "time":
    case "microTime": {
      if (typeof value !== "string") return goValueError(value, "string");
      const micro = type.tag === "microTime";
      return canonicalTime(value, micro) === undefined ? timeError(value, micro) : "";
    }
    case "quantity":
      return quantityError(value);
    case "intOrString": {
      if (typeof value === "string") return "";
      const number = value instanceof GoNumber ? value.text : String(value);
      if (kindOf(value) !== "number") return goValueError(value, "int32");
      return /^-?\d+$/.test(number) && Math.abs(Number(number)) <= 2147483648
        ? ""
        : `json: cannot unmarshal number ${number} into Go value of type int32`;
    }
    case "bytes": {
      if (typeof value !== "string") return undefined;
      const text = canonicalBase64(value);
      return typeof text === "number" ? `illegal base64 data at input byte ${text}` : "";
    }
    default:
      return undefined;
  }
}

function quantityError(value: unknown): string {
  const kind = kindOf(value);
  if (kind !== "string" && kind !== "number") return QUANTITY_ERRORS.format;
  const quantity = parseQuantity(value instanceof GoNumber ? value.text : String(value));
  return typeof quantity === "string" ? quantity : "";
}

function goValueError(value: unknown, type: string): string {
  return `json: cannot unmarshal ${kindOf(value)} into Go value of type ${type}`;
}

function unstructuredText(type: WireType, value: unknown): string {
  const kinds: Readonly<Record<string, string>> = { array: "slice", object: "map", number: "int64" };
  const kind = kinds[kindOf(value)] ?? kindOf(value);
  if (type.tag === "struct") return `cannot restore struct from: ${kind}`;
  if (type.tag === "list") return `cannot restore slice from ${kind}`;
  if (type.tag === "map") return `cannot restore map from ${kind}`;
  const goType: Readonly<Record<string, string>> = {
    slice: "[]interface {}",
    map: "map[string]interface {}",
  };
  if (type.tag === "string" || type.tag === "boolean" || type.tag === "integer") {
    return `cannot convert ${goType[kind] ?? kind} to ${type.name}`;
  }
  return `cannot restore ${type.name} from ${kind}`;
}
