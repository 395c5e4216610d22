/** JSON as proto3 messages are written in it. Source: https://protobuf.dev/programming-guides/json/. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | bigint
  | JsonObject
  | readonly JsonValue[];

/** A message: fields by their names in the .proto file (`snake_case`) or in JSON (`camelCase`). `undefined`: not set. */
export interface JsonObject {
  readonly [field: string]: JsonValue;
}

/** Whether a value is an object that can be a message. */
export function isJsonObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a value is, for messages to people: `a string`, `null`, `a list`. */
export function kindOf(value: JsonValue): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value} (${String(value).slice(0, 60)})`;
}
