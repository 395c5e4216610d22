import { type ApiError, badRequest, expired } from "../../objects/status.ts";
import { type Range, RevisionCompacted } from "../../store/contract.ts";
import type { Answer, Call } from "../http/call.ts";
import { decodeObject } from "../registry/encoding.ts";
import { prefixOf } from "../registry/keys.ts";
import { decodeContinue, encodeContinue, NEWEST } from "./continue.ts";
import { type ListOptions, readListOptions, tooLarge } from "./list-options.ts";
import { type ListMeta, listReply } from "./negotiate.ts";
import { type Selection, selectionOf } from "./selection.ts";
import type { Target } from "./target.ts";

/** GET of a collection: all of it, or a page. */
export function list(call: Call, target: Target): Answer {
  const { kind, namespace, context } = target;
  const options = readListOptions(call, false);
  const selection = selectionOf(call, kind);
  const prefix = prefixOf(kind, namespace);
  const start = startOf(options, prefix, context.store.revision);
  const page = collect(target, prefix, start, options.limit, selection);
  return listReply(call, kind, page.texts, page.metadata);
}

interface Start {
  /** Undefined for the newest. */
  readonly revision: number | undefined;
  readonly after?: string;
}

/** Where a list starts and in which state (apimachinery's "Semantics for get and list"). */
function startOf({ version, match, limit, continued }: ListOptions, prefix: string, current: number): Start {
  if (continued !== "") {
    if (version !== undefined && version !== 0) {
      throw badRequest("specifying resource version is not allowed when using continue");
    }
    const { revision, after } = decodeContinue(continued, prefix);
    if (revision > current) throw tooLarge(revision, current);
    return { revision: revision === NEWEST ? undefined : revision, after };
  }
  if (version !== undefined && version > current) throw tooLarge(version, current);
  // a version without a match is the exact one for pages, and the oldest that will do for whole lists
  const isExact = match === "Exact" || (match === "" && limit > 0 && version !== undefined && version > 0);
  return { revision: isExact ? version : undefined };
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
  limit: number,
  selection: Selection,
): Page {
  const texts: string[] = [];
  let after = start.after;
  let range: Range<string>;
  do {
    const left = limit === 0 ? undefined : limit - texts.length;
    range = readRange(context, prefix, { revision: start.revision, after, limit: left });
    for (const { value } of range.entries) {
      if (selection === undefined || selection(decodeObject(value))) texts.push(value);
    }
    after = range.entries.at(-1)?.key ?? after;
  } while (range.remaining > 0 && limit > 0 && texts.length < limit);
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
    throw after === undefined ? expired(COMPACTED_LIST) : expiredPage(after);
  }
}

const COMPACTED_LIST = "The resourceVersion for the provided list is too old.";

/** 410 with a token by which the rest can be had in another state (etcd3's handleCompactedErrorForPaging). */
function expiredPage(after: string): ApiError {
  const error = expired(COMPACTED_PAGE);
  error.status.metadata["continue"] = encodeContinue({ revision: NEWEST, after });
  return error;
}

const COMPACTED_PAGE =
  "The provided continue parameter is too old to display a consistent list result. " +
  "You can start a new list without the continue parameter, or use the continue token in this response to " +
  "retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - " +
  "objects that were created, modified, or deleted between the time the first chunk was returned and now may " +
  "show up in the list.";
