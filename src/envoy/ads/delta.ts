import { acknowledge, refuse } from "./acknowledge.ts";
import type { DeltaRequest, Response } from "./messages.ts";
import type { Batch } from "./plan.ts";
import { kindOf, type Protocol, type Received } from "./stream.ts";
import { claimedTable, followTables, isUnsureHost, settleTables, withSureness } from "./virtual-hosts.ts";
import {
  entryOf,
  heldOf,
  type KindView,
  knownName,
  subscribeAll,
  subscribeName,
  unsubscribeAll,
  unsubscribeName,
  type View,
} from "./view.ts";

/** The incremental protocol. Source: envoyproxy.io, "xDS REST and gRPC protocol", Incremental xDS. */
export const DELTA: Protocol<DeltaRequest> = { receive, respond };

function receive(view: View, request: DeltaRequest, now: number): Received {
  const kindName = kindOf(request.typeUrl);
  if (kindName === undefined) return { type: "unknown", typeUrl: request.typeUrl };
  const kind = view.kinds[kindName];
  const answer = takeAnswer(kind, request, now);
  if (kind.subscribed) subscribeMore(view, kind, request, now);
  else open(view, kind, request, now);
  if (kindName === "route") followTables(view, now);
  if (kindName === "route" || kindName === "virtualHost") settleTables(view);
  return answer;
}

/** A subscription may come with the answer to any response, old ones too; so the two are read apart. */
function takeAnswer(kind: KindView, request: DeltaRequest, now: number): Received {
  const { nonce, error } = request;
  if (nonce === "") return { type: "subscribed" };
  if (error !== undefined) return { type: "refused", refused: refuse(kind, nonce, error, now) };
  return { type: acknowledge(kind, nonce) ? "acknowledged" : "subscribed" };
}

/** The first request of a kind: no names at all mean everything, and the client says what it has from before. */
function open(view: View, kind: KindView, request: DeltaRequest, now: number): void {
  kind.subscribed = true;
  for (const [name, claim] of request.initialVersions) {
    view.reconnected = true;
    const resource = view.table.get(kind.kind, name);
    const entry = entryOf(kind, name);
    const version = kind.kind === "route" ? claimedTable(entry, claim) : claim;
    entry.inForce = resource?.version === version ? heldOf(resource) : { version };
    if (kind.kind === "virtualHost") entry.again = isUnsureHost(view, name);
  }
  if (request.subscribe.length === 0) subscribeEverything(view, kind, now);
  for (const name of request.subscribe) {
    if (name === "*") subscribeEverything(view, kind, now);
    else subscribeName(kind, knownName(view, kind, name), now, false);
  }
}

function subscribeMore(view: View, kind: KindView, request: DeltaRequest, now: number): void {
  for (const name of request.unsubscribe) {
    if (name === "*") unsubscribeAll(kind);
    else unsubscribeName(kind, name);
  }
  for (const name of request.subscribe) {
    if (name === "*") subscribeEverything(view, kind, now);
    else subscribeName(kind, knownName(view, kind, name), now, true);
  }
}

function subscribeEverything(view: View, kind: KindView, now: number): void {
  subscribeAll(view, kind, now);
  // for virtual hosts nothing is no answer: a table waits for its own
  kind.answerOwed ||= kind.entries.size === 0 && kind.kind !== "virtualHost";
}

function respond(view: View, batch: Batch): Response {
  const { kind, nonce, removed } = batch;
  const resources =
    kind.kind === "route" ? batch.resources.map((one) => withSureness(view, one)) : batch.resources;
  return { kind: kind.kind, nonce, version: String(view.table.revision), resources, removed };
}
