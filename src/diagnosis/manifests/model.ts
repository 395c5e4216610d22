/** What is said of manifests, and how places in them are named. */
import type { CODES } from "./codes.ts";

/** Steps from an object to a field: `["spec", "ports", 0]`. */
export type Path = readonly (string | number)[];

/** The name of a kind of remark, stable: scripts and `--ignore` use it. */
export type Code = keyof typeof CODES;

/** Something about one field of an object. */
export interface Remark {
  readonly code: Code;
  /** Errors are refused by the API server; with a warning a family is dead; a note is a choice that may be meant. */
  readonly level: "error" | "warning" | "note";
  readonly path: Path;
  /** In a text of several lines (a ConfigMap's file), the line in it, from 0. */
  readonly textLine?: number;
  readonly message: string;
  readonly next: string;
}

/** `spec.template.spec.containers[0].args[1]`; keys that are no words in brackets, as in the API server's paths. */
export function fieldOf(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^[\w-]+$/.test(step)) return `[${step}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}

/** A mapping, or an empty one where a manifest has something else. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  const is = typeof value === "object" && value !== null && !Array.isArray(value);
  return is ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A list, or an empty one where a manifest has something else. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** The texts of a list; anything else in it is left out. */
export function textsOf(value: unknown): readonly string[] {
  return asList(value).filter((item): item is string => typeof item === "string");
}

/** What stands at a path, or undefined. */
export function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (found, step) => (typeof step === "number" ? asList(found)[step] : asObject(found)[step]),
    value,
  );
}
