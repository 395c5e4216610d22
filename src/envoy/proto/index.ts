/**
 * Envoy's API in JSON, as its documentation writes it, to bytes and back. The API is exactly that of Envoy 1.40
 * (data/envoy/README.md).
 */
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { encodeMessage, encodeMessageField, typeNameOfUrl } from "./encode.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { loadRegistry } from "./registry.ts";

export { ProtoFieldError } from "./field-error.ts";
export { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
export { type EnvoyRegistry, loadRegistry } from "./registry.ts";

/**
 * A message in JSON to bytes; the same JSON (order of fields included) gives the same bytes.
 * @param typeUrl `type.googleapis.com/envoy.config.cluster.v3.Cluster`, or the bare name
 * @throws ProtoFieldError naming the field: no such field, a wrong kind of value, two members of one oneof
 */
export function encode(typeUrl: string, json: JsonObject): Uint8Array {
  return encodeMessage(typeNameOfUrl(typeUrl), json);
}

/**
 * One field of a message, with its tag: messages are the concatenation of their fields, and a repeated field that of its
 * items, so a long list can be put together from parts that were encoded before.
 * `encodeField(ROUTES, "virtual_hosts", [host])`
 */
export function encodeField(typeUrl: string, field: string, value: JsonValue): Uint8Array {
  return encodeMessageField(typeNameOfUrl(typeUrl), field, value);
}

/** Bytes to JSON with the names of the .proto files. @throws Error where bytes are not of the type, or an Any is unknown */
export function decode(typeUrl: string, bytes: Uint8Array): JsonObject {
  const registry = loadRegistry();
  const type = registry.getMessage(typeNameOfUrl(typeUrl));
  if (type === undefined) throw new Error(`Envoy's API has no message ${typeNameOfUrl(typeUrl)}`);
  return toJson(type, fromBinary(type, bytes), { registry, useProtoFieldName: true }) as JsonObject;
}
