import { type FieldError, forbidden, invalid, notSupported } from "../../objects/field-errors.ts";
import { ApiError, badRequest, invalidObject } from "../../objects/status.ts";
import type { Call } from "../http/call.ts";
import { isTrue } from "../http/paths.ts";

/** `meta.k8s.io` ListOptions, but for the selectors. */
export interface ListOptions {
  /** Undefined when left out: the newest version. */
  readonly version: number | undefined;
  readonly match: "" | "Exact" | "NotOlderThan";
  /** 0 for no limit. */
  readonly limit: number;
  /** "" when left out. */
  readonly continued: string;
  /** 0 when left out. */
  readonly timeoutSeconds: number;
  readonly bookmarks: boolean;
  /** Whether a watch starts with the state; undefined when left out. */
  readonly sendInitialEvents: boolean | undefined;
}

/**
 * Reads and checks the options of a list, a watch or the deletion of a collection.
 * @throws ApiError 400 for what cannot be read, 422 for what does not go together
 */
export function readListOptions(call: Call, isWatch: boolean): ListOptions {
  const { query } = call;
  const sent = query.get("sendInitialEvents");
  const text = query.get("resourceVersion") ?? "";
  const options = {
    match: (query.get("resourceVersionMatch") ?? "") as ListOptions["match"],
    limit: Math.max(0, readInteger(query, "limit")),
    continued: query.get("continue") ?? "",
    timeoutSeconds: readInteger(query, "timeoutSeconds"),
    bookmarks: isTrue(query.get("allowWatchBookmarks")),
    sendInitialEvents: sent === null ? undefined : isTrue(sent),
  };
  const errors = isWatch ? watchErrors(options, text) : listErrors(options, text);
  if (errors.length > 0) throw invalidObject({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
  return { ...options, version: readVersion(text) };
}

type Unversioned = Omit<ListOptions, "version">;

/** apimachinery's ValidateListOptions. */
function listErrors({ match, continued, sendInitialEvents }: Unversioned, version: string): FieldError[] {
  const field = "resourceVersionMatch";
  const errors: FieldError[] = [];
  if (match !== "") {
    if (version === "")
      errors.push(forbidden(field, `${field} is forbidden unless resourceVersion is provided`));
    if (continued !== "") errors.push(forbidden(field, `${field} is forbidden when continue is provided`));
    if (match !== "Exact" && match !== "NotOlderThan")
      errors.push(notSupported(field, match, ["Exact", "NotOlderThan", ""]));
    if (match === "Exact" && version === "0")
      errors.push(forbidden(field, `${field} "exact" is forbidden for resourceVersion "0"`));
  }
  if (sendInitialEvents !== undefined)
    errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  return errors;
}

/** apimachinery's validateWatchOptions, behind SetListOptionsDefaults: a watch from no version starts with the state. */
function watchErrors(options: Unversioned, version: string): FieldError[] {
  const field = "resourceVersionMatch";
  const { match, continued, sendInitialEvents } = options;
  const isDefaulted = sendInitialEvents === undefined && match === "" && (version === "" || version === "0");
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== "NotOlderThan")
    errors.push(forbidden(field, `sendInitialEvents requires setting ${field} to NotOlderThan`));
  if (match !== "") {
    if (sendInitialEvents === undefined)
      errors.push(forbidden(field, `${field} is forbidden for watch unless sendInitialEvents is provided`));
    if (match !== "NotOlderThan") errors.push(notSupported(field, match, ["NotOlderThan"]));
  }
  if (continued !== "" && (match !== "" || isDefaulted))
    errors.push(forbidden(field, `${field} is forbidden when continue is provided`));
  return errors;
}

/** Reads a whole number as Go does; 0 when left out. @throws ApiError 400 */
function readInteger(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? "";
  if (text === "") return 0;
  if (!/^[+-]?\d+$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
}

/**
 * Reads a resourceVersion. The real server answers lists and gets with 500 and this message.
 * @throws ApiError 400
 */
export function readVersion(text: string): number | undefined {
  if (text === "") return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  const why = /^\d+$/.test(text) ? "value out of range" : "invalid syntax";
  const error = invalid(
    "resourceVersion",
    text,
    `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`,
  );
  throw badRequest(`${error.field}: ${error.message}`);
}

/** 504 for a version that the server has not reached (storage.NewTooLargeResourceVersionError). */
export function tooLarge(version: number, current: number): ApiError {
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  return new ApiError({
    message: `Timeout: Too large resource version: ${version}, current: ${current}`,
    reason: "Timeout",
    details: { causes, retryAfterSeconds: 1 },
    code: 504,
  });
}
