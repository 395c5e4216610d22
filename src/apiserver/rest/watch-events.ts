import type { Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Change } from "../../store/contract.ts";
import { decodeObject, encodeObject } from "../registry/encoding.ts";
import type { Selection } from "./selection.ts";

/** The types of a watch's events. */
export type EventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

/** One event of a watch: its type and the text of its object. */
export interface WatchEvent {
  readonly type: EventType;
  readonly text: string;
}

/** What watchers of a change share, computed once: thousands may see it. */
interface Shared {
  object?: AnyObject;
  previous?: AnyObject;
  deleted?: string;
  readonly lines: Map<EventType, Buffer>;
}

const shared = new WeakMap<Change<string>, Shared>();

function sharedOf(change: Change<string>): Shared {
  let found = shared.get(change);
  if (found === undefined) {
    found = { lines: new Map() };
    shared.set(change, found);
  }
  return found;
}

/** The event that a change is for a watcher of a selection; undefined when it is none of its business. */
export function eventOf(kind: Kind, change: Change<string>, selection: Selection): WatchEvent | undefined {
  const type = selection === undefined ? plainType(change) : selectedType(change, selection);
  if (type === undefined) return undefined;
  if (type !== "DELETED") return { type, text: (change as { value: string }).value };
  return { type, text: deletedText(kind, change) };
}

function plainType(change: Change<string>): EventType {
  if (change.type === "delete") return "DELETED";
  return change.previous === undefined ? "ADDED" : "MODIFIED";
}

/** An object that leaves the selection is deleted for the watcher, one that enters it is added. */
function selectedType(change: Change<string>, selection: NonNullable<Selection>): EventType | undefined {
  const common = sharedOf(change);
  if (change.previous !== undefined) common.previous ??= decodeObject(change.previous);
  if (change.type === "put") common.object ??= decodeObject(change.value);
  const wasIn = common.previous !== undefined && selection(common.previous);
  const isIn = common.object !== undefined && selection(common.object);
  if (isIn) return wasIn ? "MODIFIED" : "ADDED";
  return wasIn ? "DELETED" : undefined;
}

/** The last state of a deleted object, with the revision of its deletion. */
function deletedText(kind: Kind, change: Change<string>): string {
  const common = sharedOf(change);
  common.deleted ??= encodeObject(kind, decodeObject(change.previous!), change.revision);
  return common.deleted;
}

/** The line of an event as it is sent; the same bytes for every watcher of the change. */
export function lineOf(event: WatchEvent, change?: Change<string>): Buffer {
  if (change === undefined) return encodeLine(event);
  const { lines } = sharedOf(change);
  let line = lines.get(event.type);
  if (line === undefined) {
    line = encodeLine(event);
    lines.set(event.type, line);
  }
  return line;
}

function encodeLine({ type, text }: WatchEvent): Buffer {
  return Buffer.from(`{"type":"${type}","object":${text}}\n`);
}
