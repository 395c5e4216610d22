/** A custom resource's way through decode, defaults and validation, from the schema of one version of its CRD. */
import { type FieldError, invalid } from "../field-errors.ts";
import { evaluateRules, hasRules } from "./cel.ts";
import { duplicateItems } from "./list-types.ts";
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
  const { metadata: _, ...properties } = schema.properties ?? {};
  const content = { ...schema, properties };
  return withRules(validateSchema(object, content, "", old), object, schema, old);
}

/** The same for an update of the status alone, whose texts name places from the status on. */
export function validateCustomStatus(object: JsonObject, schema: Schema, old: JsonObject): FieldError[] {
  const { status } = schema.properties ?? {};
  const errors =
    status === undefined || object["status"] === undefined
      ? []
      : validateSchema(object["status"], status, "status", old["status"]);
  return withRules(errors, object, schema, old);
}

/** Adds items that are there twice, if the stored object had none of them, and what the rules say. */
function withRules(
  errors: readonly FieldError[],
  object: JsonObject,
  schema: Schema,
  old: JsonObject | undefined,
): FieldError[] {
  const isRatcheted = old !== undefined && duplicateItems(old, schema).length > 0;
  const all = [...errors, ...(isRatcheted ? [] : duplicateItems(object, schema))];
  if (!hasRules(schema)) return all;
  if (all.some(({ reason }) => BLOCKING.has(reason))) return [...all, invalid("<nil>", null, NOT_CHECKED)];
  return [...all, ...evaluateRules(object, schema, "", old)];
}
