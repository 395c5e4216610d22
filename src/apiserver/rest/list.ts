import { ApiError, badRequest, expired } from "../../objects/status.ts";
import { type Range, RevisionCompacted } from "../../store/contract.ts";
import type { Answer, Call } from "../http/call.ts";
import { decodeObject } from "../registry/encoding.ts";
import { prefixOf } from "../registry/keys.ts";
import { decodeContinue, encodeContinue } from "./continue.ts";
import { type ListMeta, listReply } from "./negotiate.ts";
import { type Selection, selectionOf } from "./selection.ts";
import type { Target } from "./target.ts";

/** GET of a collection: all of it, or a page. */
export function list(call: Call, target: Target): Answer {
  const { kind, namespace, context } = target;
  const selection = selectionOf(call, kind);
  const limit = readNumber(call, "limit");
  const prefix = prefixOf(kind, namespace);
  const start = startOf(call, prefix, context.store.revision);
  const page = collect(target, prefix, start, limit, selection);
  return listReply(call, kind, page.texts, page.metadata);
}

interface Start {
  readonly revision: number | undefined;
  readonly after?: string;
}

/** Where a list starts and in which state (apimachinery's "Semantics for get and list"). */
function startOf(call: Call, prefix: string, current: number): Start {
  const version = readNumber(call, "resourceVersion");
  const match = call.query.get("resourceVersionMatch") ?? "";
  const token = call.query.get("continue") ?? "";
  if (token !== "") {
    if (version !== undefined && version !== 0) {
      throw badRequest("specifying resource version is not allowed when using continue");
    }
    const { revision, after } = decodeContinue(token, prefix);
    return { revision, after };
  }
  if (version !== undefined && version > current) throw tooLarge(version, current);
  return { revision: match === "Exact" ? version : undefined };
}

/** Reads a number of the query. @throws ApiError 400 when it is none */
export function readNumber(call: Call, name: string): number | undefined {
  const text = call.query.get(name) ?? "";
  if (text === "") return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: it is not a number from 0 on`);
}

/** 504 for a version that the server has not reached (storage.NewTooLargeResourceVersionError). */
function tooLarge(version: number, current: number): ApiError {
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  return new ApiError({
    message: `Timeout: Too large resource version: ${version}, current: ${current}`,
    reason: "Timeout",
    details: { causes, retryAfterSeconds: 1 },
    code: 504,
  });
}

interface Page {
  readonly texts: string[];
  readonly metadata: ListMeta;
}

/** Collects a page; with a selection it reads on until the page is full or the collection ends. */
function collect(
  { context }: Target,
  prefix: string,
  start: Start,
  limit: number | undefined,
  selection: Selection,
): Page {
  const texts: string[] = [];
  let after = start.after;
  let range: Range<string>;
  do {
    const left = limit === undefined || limit === 0 ? undefined : limit - texts.length;
    range = readRange(context, prefix, { revision: start.revision, after, limit: left });
    for (const { value } of range.entries) {
      if (selection === undefined || selection(decodeObject(value))) texts.push(value);
    }
    after = range.entries.at(-1)?.key ?? after;
  } while (range.remaining > 0 && limit !== undefined && limit > 0 && texts.length < limit);
  const more =
    range.remaining > 0 ? { continue: encodeContinue({ revision: range.revision, after: after! }) } : {};
  // how many of the rest match is not known, and the real server does not say either
  const counted =
    range.remaining > 0 && selection === undefined ? { remainingItemCount: range.remaining } : {};
  return { texts, metadata: { resourceVersion: String(range.revision), ...more, ...counted } };
}

interface RangeQuery {
  readonly revision: number | undefined;
  readonly after: string | undefined;
  readonly limit: number | undefined;
}

function readRange(
  { store }: Target["context"],
  prefix: string,
  { revision, after, limit }: RangeQuery,
): Range<string> {
  try {
    return store.range(prefix, {
      ...(revision === undefined ? {} : { revision }),
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
    });
  } catch (error) {
    if (!(error instanceof RevisionCompacted)) throw error;
    throw expired(after === undefined ? COMPACTED_LIST : COMPACTED_PAGE);
  }
}

const COMPACTED_LIST = "The resourceVersion for the provided list is too old.";
const COMPACTED_PAGE =
  "The provided continue parameter is too old to display a consistent list result. " +
  "You can start a new list without the continue parameter.";
