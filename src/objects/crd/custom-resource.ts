/** A custom resource's way through decode, defaults and validation, from the schema of one version of its CRD. */
import { type FieldError, invalid } from "../field-errors.ts";
import { evaluateRules, hasRules } from "./cel.ts";
import { applyDefaults, prune, pruneNulls } from "./prune.ts";
import type { JsonObject, Schema } from "./schema.ts";
import { validateSchema } from "./validate.ts";

/** Failures of these kinds leave CEL rules unchecked, because the rules rely on them (apiextensions hasBlockingErr). */
const BLOCKING = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

const NOT_CHECKED =
  "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

/**
 * Drops unknown fields and nulls that are not allowed, and fills in defaults, in place.
 * @returns the paths of the unknown fields, sorted
 */
export function admitCustomResource(object: JsonObject, schema: Schema): string[] {
  const unknown = prune(object, schema);
  const { metadata: _, ...content } = schema.properties ?? {};
  pruneNulls(object, { ...schema, properties: content });
  applyRootDefaults(object, schema);
  return unknown;
}

/** Fills in the defaults of a whole object; its metadata is the API server's, whatever the CRD says of it. */
export function applyRootDefaults(object: JsonObject, schema: Schema): void {
  const { metadata: _, ...rest } = schema.properties ?? {};
  applyDefaults(object, { ...schema, properties: rest });
}

/** Everything wrong with a custom resource but its metadata. `old` is the stored object of an update. */
export function validateCustomResource(object: JsonObject, schema: Schema, old?: JsonObject): FieldError[] {
  const { metadata: _, ...content } = object;
  const { metadata: __, ...before } = old ?? {};
  const { metadata: ___, ...properties } = schema.properties ?? {};
  const errors = validateSchema(
    content,
    { ...schema, properties },
    "",
    old === undefined ? undefined : before,
  );
  if (!hasRules(schema)) return errors;
  if (errors.some((error) => BLOCKING.has(error.reason)))
    return [...errors, invalid("<nil>", null, NOT_CHECKED)];
  return [...errors, ...evaluateRules(object, schema, "", old)];
}
