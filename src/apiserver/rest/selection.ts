import { parseFieldSelector, parseLabelSelector } from "../../objects/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Call } from "../http/call.ts";

/** Tells which objects a request is about; undefined when it is about all. */
export type Selection = ((object: AnyObject) => boolean) | undefined;

/** Reads labelSelector and fieldSelector. @throws ApiError 400 when malformed or of a field that cannot be selected by */
export function selectionOf(call: Call, kind: Kind): Selection {
  const labels = call.query.get("labelSelector") ?? "";
  const fields = call.query.get("fieldSelector") ?? "";
  const selectors = [
    ...(labels === "" ? [] : [parseLabelSelector(labels)]),
    ...(fields === "" ? [] : [parseFieldSelector(kind, fields)]),
  ];
  if (selectors.length === 0) return undefined;
  return (object) => selectors.every((selector) => selector.matches(object));
}
