import { setKey } from "../schema/go-json.ts";
import { has, isObject, sameJson } from "./json-value.ts";

/** One operation of a JSON patch (RFC 6902). */
export interface JsonPatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** A JSON patch that cannot be applied: a path that is not there, a test that fails, an unknown operation. */
export class JsonPatchError extends Error {}

/**
 * Applies a JSON patch to a document, which stays as it is. As the server's library does (evanphx/json-patch v4), an
 * index may be negative and count from the end, a test of a missing path succeeds when it expects null, and of an object
 * a field that is not there is replaced, and copied as null.
 * @throws JsonPatchError
 */
export function applyJsonPatch(document: unknown, patch: readonly JsonPatchOperation[]): unknown {
  let root = structuredClone(document);
  for (const operation of patch) {
    if (typeof operation?.path !== "string") throw new JsonPatchError("operation missing path field");
    if (operation.path === "" && operation.op === "replace") root = wholeDocument(operation.value);
    else if (operation.path === "" && operation.op === "test") testWhole(root, operation.value);
    else applyOperation(root, operation);
  }
  return root;
}

function wholeDocument(value: unknown): unknown {
  if (typeof value === "object" && value !== null) return structuredClone(value);
  throw new JsonPatchError("replace operation value must be object or array");
}

function testWhole(root: unknown, expected: unknown): void {
  if (!sameJson(root, expected ?? null)) throw new JsonPatchError("testing value  failed");
}

function applyOperation(root: unknown, operation: JsonPatchOperation): void {
  const target = locate(root, operation.path);
  switch (operation.op) {
    case "add":
      add(target, structuredClone(operation.value ?? null));
      break;
    case "remove":
      remove(target);
      break;
    case "replace":
      replace(target, structuredClone(operation.value ?? null));
      break;
    case "move": {
      const from = locate(root, operation.from ?? "");
      const value = read(from);
      remove(from);
      add(locate(root, operation.path), value);
      break;
    }
    case "copy":
      add(target, structuredClone(valueAt(locate(root, operation.from ?? "")) ?? null));
      break;
    case "test":
      test(target, operation.value ?? null);
      break;
    default:
      throw new JsonPatchError(`Unexpected kind: ${operation.op}`);
  }
}

interface Target {
  readonly container: unknown;
  readonly key: string;
  readonly path: string;
}

function locate(root: unknown, path: string): Target {
  const parts = path.split("/").slice(1).map(unescapeToken);
  if (parts.length === 0) throw new JsonPatchError(`doc is missing path: ${JSON.stringify(path)}`);
  let container = root;
  for (const part of parts.slice(0, -1)) {
    container = child(container, part);
    if (typeof container !== "object" || container === null) {
      throw new JsonPatchError(`doc is missing path: ${JSON.stringify(path)}`);
    }
  }
  return { container, key: parts.at(-1) ?? "", path };
}

function unescapeToken(token: string): string {
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}

function child(container: unknown, key: string): unknown {
  if (Array.isArray(container)) return container[indexIn(container.length, key, false)];
  return isObject(container) && has(container, key) ? container[key] : undefined;
}

function indexIn(length: number, key: string, adding: boolean): number {
  if (adding && key === "-") return length;
  if (!/^[+-]?\d+$/.test(key)) throw new JsonPatchError(`invalid array index: ${key}`);
  const size = adding ? length + 1 : length;
  const index = Number(key);
  if (index >= size || index < -size) throw new JsonPatchError(`index out of bounds: ${key}`);
  return index < 0 ? index + size : index;
}

function valueAt({ container, key }: Target): unknown {
  return child(container, key);
}

function read({ container, key, path }: Target): unknown {
  const value = child(container, key);
  if (value === undefined) throw new JsonPatchError(`missing key: ${JSON.stringify(path)}`);
  return value;
}

function add({ container, key, path }: Target, value: unknown): void {
  if (Array.isArray(container)) container.splice(indexIn(container.length, key, true), 0, value);
  else if (isObject(container)) setKey(container, key, value);
  else throw new JsonPatchError(`missing container: ${JSON.stringify(path)}`);
}

function replace({ container, key }: Target, value: unknown): void {
  if (Array.isArray(container)) container[indexIn(container.length, key, false)] = value;
  else if (isObject(container)) setKey(container, key, value);
}

function remove(target: Target): void {
  read(target);
  const { container, key } = target;
  if (Array.isArray(container)) container.splice(indexIn(container.length, key, false), 1);
  else if (isObject(container)) delete container[key];
}

function test({ container, key, path }: Target, expected: unknown): void {
  const actual = child(container, key) ?? null;
  if (!sameJson(actual, expected)) throw new JsonPatchError(`testing value ${path} failed`);
}
