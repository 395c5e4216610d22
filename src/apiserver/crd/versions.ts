import { decodeValue } from "../../objects/index.ts";
import { apiVersionOf, type Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";
import { decodeObject, encodeUnstored } from "../registry/encoding.ts";

/**
 * The text of a stored object in the version of the kind that is asked for. Custom resources are stored in the version
 * that they were written in, and conversion changes the apiVersion alone; what was written before the schema became what
 * it is gets its defaults and loses its unknown fields here. Objects of built-in kinds stay as they are.
 */
export function inVersion(kind: Kind, text: string): string {
  const { custom } = kind;
  if (custom === undefined) return text;
  const head = `{"kind":"${kind.kind}","apiVersion":"${apiVersionOf(kind)}",`;
  const renamed = text.startsWith(head)
    ? text
    : head + text.slice(text.indexOf(",", text.indexOf(",") + 1) + 1);
  if (revisionOf(text) >= custom.since) return renamed;
  const object = decodeObject(renamed);
  return encodeUnstored(kind, decodeValue(kind, object, "Ignore").object);
}

/** Reads a stored object in the version of the kind; the result is the caller's own. */
export function decodeStored(kind: Kind, text: string): AnyObject {
  return decodeObject(inVersion(kind, text));
}

/** The revision of an object's text; 0 when it cannot be told, so that the object is looked at. */
function revisionOf(text: string): number {
  return Number(/"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? 0);
}
