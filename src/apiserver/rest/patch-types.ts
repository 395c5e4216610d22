import type { Kind } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";

/** A patch of one of three forms, or a configuration that the server applies. */
export type PatchType = "json" | "merge" | "strategic" | "apply";

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** The form of patch that a media type stands for; undefined when it is none. */
export function patchTypeOf(type: string): PatchType | undefined {
  return PATCH_TYPES[type];
}

/** 415 for a patch of a form that is not served; custom resources take no strategic merge patch. */
export function unknownPatch(kind?: Kind): ApiError {
  if (kind?.custom !== undefined) {
    const types = Object.keys(PATCH_TYPES).filter((type) => PATCH_TYPES[type] !== "strategic");
    const why = `accepted media types include: ${types.join(", ")}`;
    const text = `the body of the request was in an unknown format - ${why}`;
    return new ApiError({ message: text, reason: "UnsupportedMediaType", code: 415 });
  }
  const message = "415: Unsupported Media Type";
  return new ApiError({ message, reason: "UnsupportedMediaType", details: {} as never, code: 415 });
}
