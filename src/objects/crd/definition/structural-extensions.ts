import { duplicate, type FieldError, invalid, notSupported, required } from "../../field-errors.ts";
import type { Schema } from "../schema.ts";

/** What is wrong with the extensions of a schema, the `x-kubernetes-…` that are no rules. */
export function extensionErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  const preserves = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  const impossible = "must be false if x-kubernetes-int-or-string is true";
  if (intOrString && preserves) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, impossible));
  }
  if (intOrString && embedded)
    errors.push(invalid(`${path}.x-kubernetes-embedded-resource`, true, impossible));
  if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined"));
  }
  if (embedded && !preserves && Object.keys(schema.properties ?? {}).length === 0) {
    const why =
      "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    errors.push(required(`${path}.properties`, why));
  }
  return [...errors, ...listTypeErrors(schema, path), ...mapTypeErrors(schema, path)];
}

function mapTypeErrors(schema: Schema, path: string): FieldError[] {
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType === undefined) return [];
  const at = `${path}.x-kubernetes-map-type`;
  if (mapType !== "atomic" && mapType !== "granular")
    return [notSupported(at, mapType, ["atomic", "granular"])];
  if (schema.type === "object") return [];
  const why = "must be object if x-kubernetes-map-type is specified";
  return [invalid(`${path}.type`, schema.type ?? "", why)];
}

function listTypeErrors(schema: Schema, path: string): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const keysAt = `${path}.x-kubernetes-list-map-keys`;
  if (listType === undefined) {
    if (keys.length === 0) return [];
    const why = "must be map if x-kubernetes-list-map-keys is non-empty";
    return [required(`${path}.x-kubernetes-list-type`, why)];
  }
  const errors: FieldError[] = [];
  if (schema.type !== "array") {
    const why = "must be array if x-kubernetes-list-type is specified";
    errors.push(schema.type ? invalid(`${path}.type`, schema.type, why) : required(`${path}.type`, why));
  }
  const known = ["atomic", "map", "set"];
  if (!known.includes(listType)) {
    errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, known));
  } else if (listType === "map") {
    errors.push(...mapKeyErrors(schema, keys, keysAt, path));
  } else if (keys.length > 0) {
    const why = `must be map if x-kubernetes-list-map-keys is non-empty`;
    errors.push(invalid(`${path}.x-kubernetes-list-type`, listType, why));
  }
  return errors;
}

function mapKeyErrors(schema: Schema, keys: readonly string[], keysAt: string, path: string): FieldError[] {
  const { items } = schema;
  const errors: FieldError[] = [];
  if (keys.length === 0) {
    errors.push(required(keysAt, "must not be empty if x-kubernetes-list-type is map"));
  }
  if (items === undefined) return errors;
  if (items.type !== "object") {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(`${path}.items.type`, items.type ?? "", why));
  }
  const required_ = new Set(items.required ?? []);
  const seen = new Set<string>();
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key];
    if (seen.has(key)) errors.push(duplicate(`${keysAt}[${index}]`, key));
    seen.add(key);
    if (property === undefined) {
      errors.push(invalid(`${keysAt}[${index}]`, key, `must be a property of items`));
    } else if (!required_.has(key) && property.default === undefined) {
      const why =
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
      errors.push(required(`${path}.items.properties[${key}].default`, why));
    }
  }
  return errors;
}
