import { decodeKind } from "../crd/decode-custom.ts";
import { invalid } from "../field-errors.ts";
import type { Kind } from "../kinds.ts";
import { type Decoded, jsonSyntaxError } from "../schema/body.ts";
import { DecodeError, type FieldValidation } from "../schema/decode.ts";
import { explain } from "../schema/explain.ts";
import { hasDuplicateKeys, parseGoJson } from "../schema/go-json.ts";
import { type StructType, typeOfKind, type WireType } from "../schema/types.ts";
import { ApiError, badRequest, invalidObject } from "../status.ts";
import type { AnyObject } from "../types.ts";
import { inGoOrder, mergedInOrder, visitedInOrder } from "./go-order.ts";
import { applyJsonPatch, JsonPatchError, type JsonPatchOperation } from "./json-patch.ts";
import { goPrint, isObject, type JsonObject } from "./json-value.ts";
import { StrategicMergeError } from "./merge-meaning.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyStrategicMergePatch } from "./strategic-merge-patch.ts";

/** A patch as a request carries it. */
export interface PatchRequest {
  readonly type: "json" | "merge" | "strategic";
  readonly text: string;
  readonly mode: FieldValidation;
}

/** As in the real server. */
const MAX_OPERATIONS = 10_000;

/**
 * Applies a patch to a stored object, which stays as it is, and decodes the result.
 * @throws ApiError 400 for a text that is no such patch, 413 for too many operations, 422 when the patch cannot be
 *   applied or its result does not fit the kind, 500 where the real server has no better answer
 */
export function applyPatch(kind: Kind, stored: AnyObject, request: PatchRequest): Decoded {
  if (request.type === "strategic") return strategic(kind, stored, request);
  const { patch, strict } = readPatch(request);
  if (request.type === "merge" && patch === null) throw badRequest("Invalid JSON Patch");
  const patched = request.type === "json" ? jsonPatch(stored, patch) : applyMergePatch(stored, patch);
  const shown = () => JSON.stringify(quoted(kind, stored, request.type, patch));
  return finish(kind, patched as object, strict, request.mode, "json", shown);
}

/** The patched object with its fields in the order in which errors quote it. */
function quoted(kind: Kind, stored: AnyObject, type: PatchRequest["type"], patch: unknown): unknown {
  const ordered = inGoOrder(kind, stored);
  if (type === "merge") return mergedInOrder(ordered, patch);
  const operations = patch as readonly JsonPatchOperation[];
  const paths = operations.flatMap(({ path, from }) => (from === undefined ? path : [path, from]));
  return visitedInOrder(applyJsonPatch(ordered, operations), paths);
}

function strategic(kind: Kind, stored: AnyObject, request: PatchRequest): Decoded {
  const { patch, strict } = readPatch(request);
  const patchMap = (patch ?? {}) as JsonObject;
  try {
    const patched = applyStrategicMergePatch(typeOfKind(kind), stored, patchMap);
    return finish(kind, patched, strict, request.mode, "unstructured", () => goPrint(patchMap));
  } catch (error) {
    if (error instanceof StrategicMergeError) throw strategicFailure(error);
    throw error;
  }
}

function strategicFailure(error: StrategicMergeError): ApiError {
  if (error.status === 400) return badRequest(error.message);
  return error.status === 422 ? cannotApply() : new ApiError({ message: error.message, code: 500 });
}

/** 422 without a word of why: all that the real server says of a patch that cannot be applied. */
function cannotApply(): ApiError {
  return new ApiError({
    message: "the server rejected our request due to an error in our request",
    reason: "Invalid",
    details: {},
    code: 422,
  });
}

function jsonPatch(stored: AnyObject, patch: unknown): unknown {
  const operations = patch as readonly JsonPatchOperation[];
  if (operations.length > MAX_OPERATIONS) {
    throw new ApiError({
      message:
        "Request entity too large: The allowed maximum operations in a JSON patch is " +
        `${MAX_OPERATIONS}, got ${operations.length}`,
      reason: "RequestEntityTooLarge",
      code: 413,
    });
  }
  try {
    return applyJsonPatch(stored, operations);
  } catch (error) {
    if (error instanceof JsonPatchError) throw cannotApply();
    throw error;
  }
}

/** Decodes what a patch left; `shown` renders what error texts show of it. */
function finish(
  kind: Kind,
  patched: object,
  patchStrict: readonly string[],
  mode: FieldValidation,
  flavour: "json" | "unstructured",
  shown: () => string,
): Decoded {
  try {
    const decoded = decodeKind(kind, patched, { strict: mode !== "Ignore", flavour });
    const strict = [...patchStrict, ...decoded.strict];
    if (mode === "Strict" && strict.length > 0) {
      throw new DecodeError(`strict decoding error: ${strict.join(", ")}`);
    }
    return { object: decoded.value as AnyObject, warnings: mode === "Warn" ? strict : [] };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw invalidObject({ group: "", kind: "" }, "", [invalid("patch", shown(), error.message)]);
  }
}

interface ReadPatch {
  readonly patch: unknown;
  readonly strict: readonly string[];
}

/** The type that a patch's text must have: a list of operations, or an object of any structure. */
const STRING = { tag: "string", name: "string" } as const;
const ANY: WireType = { tag: "any", name: "interface {}" };
const OPERATION = operationType();

function operationType(): StructType {
  const fields = ["from", "op", "path"].map((name) => field(name, STRING)).concat(field("value", ANY));
  const byName = new Map(fields.map((item) => [item.name, item]));
  return { tag: "struct", struct: "jsonPatchOp", name: "handlers.jsonPatchOp", fields, byName };
}

function field(name: string, type: WireType): StructType["fields"][number] {
  return { name, type, keepsEmpty: true, whenUnset: undefined };
}

function readPatch({ type, text, mode }: PatchRequest): ReadPatch {
  const prefix = type === "strategic" ? "" : "error decoding patch: ";
  const patch = parsePatch(text, prefix);
  const wrong = type === "json" ? checkOperations(text, patch) : checkObject(patch);
  if (wrong !== undefined) throw badRequest(`${prefix}${wrong}`);
  const strict = mode === "Ignore" ? [] : strictFindings(type, text, patch);
  return { patch: type === "json" ? (patch ?? []) : patch, strict };
}

function parsePatch(text: string, prefix: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(`${prefix}${jsonSyntaxError(text)}`);
  }
}

function checkObject(patch: unknown): string | undefined {
  if (patch === null || isObject(patch)) return undefined;
  return `json: cannot unmarshal ${nameOf(patch)} into Go value of type map[string]interface {}`;
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

function checkOperations(text: string, patch: unknown): string | undefined {
  if (patch === null) return undefined;
  if (!Array.isArray(patch)) {
    return `json: cannot unmarshal ${nameOf(patch)} into Go value of type []handlers.jsonPatchOp`;
  }
  const sound = patch.every((item) => isObject(item) && [item.op, item.path, item.from ?? ""].every(isText));
  return sound ? undefined : explainOperations(parseGoJson(text)).mismatch;
}

function isText(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "string";
}

function explainOperations(document: unknown): ReturnType<typeof explain> {
  const list: WireType = { tag: "list", items: OPERATION, name: "[]handlers.jsonPatchOp" };
  return explain(list, document, "json");
}

/** Keys of the patch itself that are unknown or stand twice. */
function strictFindings(type: PatchRequest["type"], text: string, patch: unknown): readonly string[] {
  if (type === "json") {
    const known = (item: unknown) =>
      isObject(item) && Object.keys(item).every((key) => OPERATION.byName.has(key));
    const clean = !Array.isArray(patch) || (patch.every(known) && !hasDuplicateKeys(text, patch));
    if (clean) return [];
    return explainOperations(parseGoJson(text)).strict.map((finding) => `json patch ${finding}`);
  }
  return hasDuplicateKeys(text, patch) ? explain(ANY, parseGoJson(text), "json").strict : [];
}
