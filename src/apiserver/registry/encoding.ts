import { apiVersionOf, type Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";

/**
 * The text of an object as it is stored and sent: kind and apiVersion first, so that lists, which leave them out of
 * their items, can cut them off; and with the revision of its write.
 */
export function encodeObject(kind: Kind, object: AnyObject, revision: number): string {
  return textOf(kind, object, String(revision));
}

/** The text of an object that a dry run shows: with the version that it has, if it has one. */
export function encodeUnstored(kind: Kind, object: AnyObject): string {
  return textOf(kind, object, object.metadata.resourceVersion);
}

function textOf(kind: Kind, object: AnyObject, resourceVersion: string | undefined): string {
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _version, ...others } = metadata;
  const meta = resourceVersion === undefined ? others : { ...others, resourceVersion };
  return JSON.stringify({ kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: meta, ...rest });
}

/** Reads the text of a stored object; the result is the caller's own. */
export function decodeObject(text: string): AnyObject {
  return JSON.parse(text) as AnyObject;
}

/** Cuts kind and apiVersion off the text of an object, as items of lists are written. */
export function itemText(kind: Kind, text: string): string {
  return `{${text.slice(headLength(kind))}`;
}

function headLength(kind: Kind): number {
  // {"kind":"…","apiVersion":"…",
  return 27 + kind.kind.length + apiVersionOf(kind).length;
}
