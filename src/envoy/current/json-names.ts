/**
 * Envoy's resources in JSON as istioctl prints them: fields by their JSON names (`additionalAddresses`), where Envoy's
 * own dump has those of its .proto files (`additional_addresses`). Keys of maps and of Structs are data and stay. Pure.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { isJsonObject, type JsonObject, type JsonValue, loadRegistry } from "../proto/index.ts";
import type { DumpKind } from "./dump.ts";

const TYPES: Readonly<Record<DumpKind | "bootstrap", string>> = {
  bootstrap: "envoy.config.bootstrap.v3.Bootstrap",
  listeners: "envoy.config.listener.v3.Listener",
  clusters: "envoy.config.cluster.v3.Cluster",
  endpoints: "envoy.config.endpoint.v3.ClusterLoadAssignment",
  routes: "envoy.config.route.v3.RouteConfiguration",
  secrets: "envoy.extensions.transport_sockets.tls.v3.Secret",
};

/** A resource of a dump with JSON names; what is of a type that nobody here knows stays as it is. */
export function withJsonNames(kind: DumpKind | "bootstrap", resource: JsonObject): JsonObject {
  const type = loadRegistry().getMessage(TYPES[kind]);
  return type === undefined ? resource : message(type, resource);
}

function message(type: DescMessage, json: JsonObject): JsonObject {
  // the JSON of google.protobuf.Struct, Duration and the like has no fields; that of Any names its type
  if (type.typeName === "google.protobuf.Any") return any(json);
  if (type.typeName.startsWith("google.protobuf.")) return json;
  const fields = new Map(type.fields.flatMap((field) => [[field.name, field] as const]));
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      const field = fields.get(name);
      return field === undefined ? [name, value] : [field.jsonName, fieldValue(field, value)];
    }),
  );
}

function fieldValue(field: DescField, value: JsonValue): JsonValue {
  const { message: type } = field;
  if (type === undefined) return value;
  const inner = (item: JsonValue) => (isJsonObject(item) ? message(type, item) : item);
  if (field.fieldKind === "list" && Array.isArray(value)) return value.map((item: JsonValue) => inner(item));
  if (field.fieldKind !== "map" || !isJsonObject(value)) return inner(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inner(item)]));
}

function any(json: JsonObject): JsonObject {
  const url = json["@type"];
  const name = typeof url === "string" ? url.slice(url.lastIndexOf("/") + 1) : "";
  const type = loadRegistry().getMessage(name);
  return type === undefined ? json : message(type, json);
}
