import type { KubeObject } from "../types.ts";

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

/** One requirement of a label selector; `=` is `in` one value, and `!=` is `notin`. */
export interface Requirement {
  readonly key: string;
  readonly operator: "in" | "notin" | "exists" | "!" | ">" | "<";
  readonly values: readonly string[];
}

/** Decides which objects of a list or a watch are wanted. */
export interface Selector {
  matches(object: KubeObject): boolean;
}

/** A selector that wants all objects; compare with it to skip the question. */
export const EVERYTHING: Selector = { matches: () => true };

/** A selector's text that cannot be read; the message is the server's. */
export class SelectorSyntaxError extends Error {}
