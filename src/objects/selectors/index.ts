import type { Kind } from "../kinds.ts";
import { badRequest } from "../status.ts";
import { type FieldTerm, fieldSelector, parseFieldTerms } from "./field-selector.ts";
import { labelSelector } from "./label-selector.ts";
import { type Selector, SelectorSyntaxError } from "./selector.ts";

/**
 * Reads the parameter `labelSelector`.
 * @throws ApiError 400
 */
export function parseLabelSelector(text: string): Selector {
  return asBadRequest(() => labelSelector(text));
}

/**
 * Reads the parameter `fieldSelector` for a kind.
 * @throws ApiError 400
 */
export function parseFieldSelector(kind: Kind, text: string): Selector {
  return asBadRequest(() => fieldSelector(kind, text));
}

/**
 * The name that a field selector asks for with `metadata.name=…`, so that a list need not look at all objects;
 * undefined when it does not.
 * @throws ApiError 400
 */
export function nameInFieldSelector(kind: Kind, text: string): string | undefined {
  const terms: FieldTerm[] = asBadRequest(() => parseFieldTerms(kind, text));
  return terms.find((term) => term.field === "metadata.name" && !term.negated)?.value;
}

function asBadRequest<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SelectorSyntaxError) throw badRequest(error.message);
    throw error;
  }
}
