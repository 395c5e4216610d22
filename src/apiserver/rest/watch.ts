import { tableOf } from "../../objects/index.ts";
import { apiVersionOf } from "../../objects/kinds.ts";
import { expired } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import { type Change, RevisionCompacted, type Stop } from "../../store/contract.ts";
import { inVersion } from "../crd/versions.ts";
import { type Call, STREAMED } from "../http/call.ts";
import { decodeObject } from "../registry/encoding.ts";
import { keyOf, prefixOf } from "../registry/keys.ts";
import { readListOptions } from "./list-options.ts";
import { type Form, formOf, partialOf, tableOptions } from "./negotiate.ts";
import { type Selection, selectionOf } from "./selection.ts";
import type { Target } from "./target.ts";
import { eventOf, lineOf, type WatchEvent } from "./watch-events.ts";

/** A watcher that lets so many bytes wait, beyond the state that it started with, does not read: it is closed. */
const MAX_BACKLOG = 8 * 1024 * 1024;
const BOOKMARK_INTERVAL_MS = 60_000;
/** Without timeoutSeconds a watch ends after 30 to 60 minutes, so that clients spread anew (--min-request-timeout). */
const DEFAULT_TIMEOUT_S = 1800;

interface WatchQuery {
  readonly selection: Selection;
  readonly form: Form;
  readonly since: number | undefined;
  readonly bookmarks: boolean;
  /** Whether the state comes first, as ADDED events. */
  readonly withState: boolean;
  /** Whether a bookmark says where the state ends (WatchList). */
  readonly markState: boolean;
  readonly timeoutMs: number;
}

/** GET with watch=true: events, one JSON text a line, until the client goes or the time is over. */
export function watch(call: Call, target: Target): typeof STREAMED {
  const query = readQuery(call, target);
  const { response } = call;
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-cache, private" });
  response.flushHeaders();
  new Watch(call, target, query).start();
  return STREAMED;
}

function readQuery(call: Call, { kind, context }: Target): WatchQuery {
  const { version, sendInitialEvents, bookmarks, timeoutSeconds: timeout } = readListOptions(call, true);
  const fromNow = version === undefined || version === 0;
  const withState = sendInitialEvents ?? fromNow;
  return {
    selection: selectionOf(call, kind),
    form: formOf(call),
    since: fromNow || withState ? context.store.revision : version,
    bookmarks,
    withState,
    markState: withState && bookmarks,
    timeoutMs: 1000 * (timeout > 0 ? Math.min(timeout, 86_400) : DEFAULT_TIMEOUT_S * (1 + Math.random())),
  };
}

/** One watch under way. */
class Watch {
  readonly #call: Call;
  readonly #target: Target;
  readonly #query: WatchQuery;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #onClosing = (): void => this.#end();
  #stop: Stop | undefined;
  /** Aborts when the definition of a custom kind changes or goes. */
  #retired: AbortSignal | undefined;
  #ended = false;
  #seen = 0;
  #allowance = MAX_BACKLOG;
  #sentColumns = 0;

  constructor(call: Call, target: Target, query: WatchQuery) {
    this.#call = call;
    this.#target = target;
    this.#query = query;
  }

  start(): void {
    const { response } = this.#call;
    const { closing, resources } = this.#target.context;
    response.once("close", () => this.#release());
    if (response.destroyed || closing.aborted) {
      this.#end();
      return;
    }
    closing.addEventListener("abort", this.#onClosing, { once: true });
    this.#retired = resources.untilRetired(this.#target.kind);
    this.#retired?.addEventListener("abort", this.#onClosing, { once: true });
    const { withState, bookmarks, timeoutMs } = this.#query;
    this.#seen = this.#query.since!;
    if (withState) this.#sendState();
    this.#subscribe();
    if (bookmarks) this.#timers.push(setInterval(() => this.#bookmark(), BOOKMARK_INTERVAL_MS).unref());
    this.#timers.push(setTimeout(() => this.#end(), timeoutMs).unref());
  }

  #sendState(): void {
    const { context, namespace } = this.#target;
    const { selection } = this.#query;
    const range = context.store.range(this.#prefix(namespace));
    let bytes = 0;
    for (const { value } of range.entries) {
      if (!this.#isWanted(value, selection)) continue;
      const line = this.#line({ type: "ADDED", text: value });
      bytes += line.length;
      this.#call.response.write(line);
    }
    this.#allowance += bytes;
    this.#seen = range.revision;
    if (this.#query.markState) this.#write(this.#bookmarkLine(range.revision, true));
  }

  #isWanted(text: string, selection: Selection): boolean {
    const { name } = this.#target;
    if (name === undefined && selection === undefined) return true;
    const object = decodeObject(text);
    if (name !== undefined && object.metadata.name !== name) return false;
    return selection === undefined || selection(object);
  }

  #prefix(namespace: string | undefined): string {
    const { kind, name } = this.#target;
    return name === undefined ? prefixOf(kind, namespace) : keyOf(kind, namespace, name);
  }

  #subscribe(): void {
    const { context, namespace } = this.#target;
    try {
      this.#stop = context.store.watch(this.#prefix(namespace), this.#seen, {
        onChanges: (changes) => this.#sendChanges(changes),
        onProgress: (revision) => {
          this.#seen = revision;
        },
      });
    } catch (error) {
      if (!(error instanceof RevisionCompacted)) throw error;
      // clients look for this in the stream, not in the head (cacher.go's newErrWatcher)
      const text = `too old resource version: ${this.#seen} (${error.oldest})`;
      this.#write(lineOf({ type: "ERROR", text: JSON.stringify(expired(text).status) }));
      this.#end();
    }
    if (this.#ended) this.#release();
  }

  #sendChanges(changes: readonly Change<string>[]): void {
    const { kind, name, namespace, view } = this.#target;
    const isPlain = this.#query.form.as === "Object" && view === undefined;
    for (const change of changes) {
      if (name !== undefined && change.key !== keyOf(kind, namespace, name)) continue;
      const event = eventOf(kind, change, this.#query.selection);
      if (event === undefined) continue;
      const isShared = isPlain && inVersion(kind, event.text) === event.text;
      this.#write(isShared ? lineOf(event, change) : this.#line(event));
    }
  }

  #line(stored: WatchEvent): Buffer {
    const { form } = this.#query;
    const { kind, view } = this.#target;
    const event = stored.type === "ERROR" ? stored : { ...stored, text: inVersion(kind, stored.text) };
    if (form.as === "Object" && view === undefined) return lineOf(event);
    const object = decodeObject(event.text);
    if (form.as === "Object") return lineOf({ ...event, text: JSON.stringify(view!.show(object)) });
    if (form.as === "PartialObjectMetadata")
      return lineOf({ ...event, text: JSON.stringify(partialOf(object)) });
    return lineOf({ ...event, text: JSON.stringify(this.#table(object)) });
  }

  /** Only the first event of a watch names the columns, and one that has others (handlers/response.go). */
  #table(object: AnyObject): object {
    const table = tableOf(this.#target.kind, [object], tableOptions(this.#call));
    const { length } = table.columnDefinitions;
    const columnDefinitions = length === this.#sentColumns ? null : table.columnDefinitions;
    this.#sentColumns = length;
    return { ...table, metadata: { resourceVersion: object.metadata.resourceVersion }, columnDefinitions };
  }

  #bookmark(): void {
    this.#write(this.#bookmarkLine(this.#seen, false));
  }

  #bookmarkLine(revision: number, endsState: boolean): Buffer {
    return bookmarkLine(this.#target.view?.kind ?? this.#target.kind, revision, endsState);
  }

  #write(line: Buffer): void {
    const { response } = this.#call;
    if (this.#ended || response.destroyed) return;
    response.write(line);
    if (response.writableLength > this.#allowance) response.destroy();
  }

  #end(): void {
    if (this.#ended) return;
    if (this.#query.bookmarks) this.#bookmark();
    this.#ended = true;
    this.#call.response.end();
    this.#release();
  }

  #release(): void {
    this.#ended = true;
    this.#stop?.();
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    this.#target.context.closing.removeEventListener("abort", this.#onClosing);
    this.#retired?.removeEventListener("abort", this.#onClosing);
  }
}

function bookmarkLine(kind: Target["kind"], revision: number, endsState: boolean): Buffer {
  const annotations = endsState ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
  const object = { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata };
  return lineOf({ type: "BOOKMARK", text: JSON.stringify(object) });
}
