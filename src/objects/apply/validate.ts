import { isObject } from "../patch/json-value.ts";
import { goSyntax, goValue } from "./go-text.ts";
import { ItemError, itemElement } from "./list-items.ts";
import { type ListType, type MapType, type MergeType, type ScalarType, shapeOf } from "./merge-type.ts";
import { elementText, fieldElement, type PathElement } from "./path-element.ts";

/** Something in a configuration that does not fit the schema. `path` is empty for the whole. */
export interface Mismatch {
  readonly path: string;
  readonly message: string;
}

/**
 * Checks a value against its type, with the texts of structured-merge-diff's typed/validate.go. A
 * configuration may not have two items of the same keys; objects may.
 */
export function validate(value: unknown, type: MergeType, allowsDuplicates = false): Mismatch[] {
  const errors: Mismatch[] = [];
  visit(value, type, "", { list: errors, allowsDuplicates });
  return errors;
}

interface Findings {
  readonly list: Mismatch[];
  readonly allowsDuplicates: boolean;
}

/** The errors as one text: the one, or a list under `errors:`. */
export function mismatchesText(errors: readonly Mismatch[]): string {
  const texts = errors.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  if (texts.length === 1) return texts[0] ?? "";
  return ["errors:", ...texts.map((text) => `  ${text}`)].join("\n");
}

function visit(value: unknown, type: MergeType, path: string, findings: Findings): void {
  if (value === null || value === undefined) return;
  const shape = shapeOf(type, value);
  if (shape === "map" && type.map !== undefined) visitMap(value, type.map, path, findings);
  else if (shape === "list" && type.list !== undefined) visitList(value, type.list, path, findings);
  else if (type.scalar !== undefined) visitScalar(value, type.scalar, path, findings);
}

function visitMap(value: unknown, type: MapType, path: string, findings: Findings): void {
  if (!isObject(value)) {
    findings.list.push({ path, message: `expected map, got &{${goValue(value)}}` });
    return;
  }
  for (const name of Object.keys(value)) {
    const at = path + elementText(fieldElement(name));
    const inner = type.fields.get(name)?.type ?? type.values;
    if (inner === undefined) {
      findings.list.push({ path: at, message: "field not declared in schema" });
      return;
    }
    visit(value[name], inner, at, findings);
  }
}

function visitList(value: unknown, type: ListType, path: string, findings: Findings): void {
  if (!Array.isArray(value)) {
    findings.list.push({ path, message: `expected list, got &{${goValue(value)}}` });
    return;
  }
  const seen = new Set<PathElement>();
  for (let i = 0; i < value.length; i++) {
    const element = type.atomic ? `i:${i}` : elementOrError(type, value[i]);
    if (element instanceof ItemError) {
      findings.list.push({ path, message: `element ${i}: ${element.message}` });
      return;
    }
    const text = elementText(element);
    if (!type.atomic && !findings.allowsDuplicates && seen.has(element)) {
      findings.list.push({ path, message: `duplicate entries for key ${text}` });
    }
    seen.add(element);
    visit(value[i], type.items, path + text, findings);
  }
}

function elementOrError(type: ListType, item: unknown): PathElement | ItemError {
  try {
    return itemElement(type, item);
  } catch (error) {
    if (error instanceof ItemError) return error;
    throw error;
  }
}

function visitScalar(value: unknown, type: ScalarType, path: string, findings: Findings): void {
  const message = scalarProblem(value, type);
  if (message !== undefined) findings.list.push({ path, message });
}

function scalarProblem(value: unknown, type: ScalarType): string | undefined {
  switch (type) {
    case "numeric":
      return typeof value === "number" ? undefined : `expected numeric (int or float), got ${goType(value)}`;
    case "string":
      if (typeof value === "string") return undefined;
      return `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case "boolean":
      return typeof value === "boolean" ? undefined : `expected boolean, got &{${goValue(value)}}`;
    default:
      return typeof value === "object" ? `expected any scalar, got &{${goValue(value)}}` : undefined;
  }
}

function goType(value: unknown): string {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}
