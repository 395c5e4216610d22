import { createHash } from "node:crypto";
import type { Resource } from "../resources.ts";
import { acknowledge, namesInError, type Refused, refuse } from "./acknowledge.ts";
import type { Response, SotwRequest } from "./messages.ts";
import type { Batch } from "./plan.ts";
import { kindOf, type Protocol, type Received } from "./stream.ts";
import {
  entryOf,
  heldOf,
  type InFlight,
  isWanted,
  type KindView,
  knownName,
  subscribeAll,
  subscribeName,
  unsubscribeName,
  type View,
} from "./view.ts";

/**
 * The state-of-the-world protocol, as gRPC clients speak it. Each response with clusters or listeners lists all of them
 * (what is absent does not exist); of the other kinds only what changed. A version is a digest of what the client then
 * has, so that it is the same after a restart of the control plane, and nothing is sent again (but endpoints and routes
 * where the client dropped some since the last response: it still names the version of that).
 */
export const SOTW: Protocol<SotwRequest> = { receive, respond };

function receive(view: View, request: SotwRequest, now: number): Received {
  const kindName = kindOf(request.typeUrl);
  if (kindName === undefined) return { type: "unknown", typeUrl: request.typeUrl };
  const kind = view.kinds[kindName];
  const answer = takeAnswer(kind, request, now);
  subscribe(view, kind, request, now);
  return answer;
}

/** An answer is to all responses up to the one that it names: Envoy keeps its answers back while clusters warm. */
function takeAnswer(kind: KindView, request: SotwRequest, now: number): Received {
  const { nonce, error } = request;
  const at = kind.inFlight.findIndex((one) => one.nonce === nonce);
  if (at < 0) return { type: "subscribed" };
  const refused: Refused[] = [];
  for (const flight of kind.inFlight.slice(0, at + 1)) {
    const isLast = flight.nonce === nonce && refused.length === 0;
    if (error !== undefined && (isLast || isNamed(kind, flight, error))) {
      refused.push(...refuse(kind, flight.nonce, error, now));
    } else acknowledge(kind, flight.nonce);
  }
  return error === undefined ? { type: "acknowledged" } : { type: "refused", refused };
}

function isNamed(kind: KindView, flight: InFlight, error: string): boolean {
  return namesInError(kind.kind, error, [...flight.items.keys()]).size > 0;
}

/** Every request lists all names that the client wants; a kind listed in full with no names ever means everything. */
function subscribe(view: View, kind: KindView, request: SotwRequest, now: number): void {
  const first = !kind.subscribed;
  kind.subscribed = true;
  const names = new Set(request.names);
  const everything = names.delete("*") || (names.size === 0 && (first ? isFull(kind) : kind.wildcard));
  if (everything && !kind.wildcard) subscribeAll(view, kind, now);
  kind.wildcard = everything;
  const fresh = [...names].filter((name) => !kind.names.has(name));
  for (const name of [...kind.names]) if (!names.has(name)) unsubscribeName(kind, name);
  for (const name of fresh) subscribeName(kind, knownName(view, kind, name), now, false);
  if (first) adopt(view, kind, request);
  kind.answerOwed ||= isFull(kind) && lacks(view, kind, first, fresh);
}

/** A client that asks for what there is not learns it by a response without it, and need not wait for its timeout. */
function lacks(view: View, { kind }: KindView, first: boolean, fresh: readonly string[]): boolean {
  if (first && view.table.count(kind) === 0) return true;
  return fresh.some((name) => view.table.get(kind, name) === undefined);
}

/** A client of before comes with the version it has: if that is what it would get, it has it all. */
function adopt(view: View, kind: KindView, request: SotwRequest): void {
  if (request.nonce !== "" || request.version === "") return;
  view.reconnected = true;
  const wanted: Resource[] = [];
  for (const name of kind.wildcard ? view.table.names(kind.kind) : kind.names) {
    const resource = view.table.get(kind.kind, name);
    if (resource !== undefined) wanted.push(resource);
  }
  if (digest(wanted) !== request.version) return;
  for (const resource of wanted) {
    entryOf(kind, resource.name).inForce = heldOf(resource);
  }
}

function respond(_view: View, batch: Batch): Response {
  const { kind, nonce } = batch;
  const after = stateAfter(kind, batch);
  return {
    kind: kind.kind,
    nonce,
    version: digest(after),
    resources: isFull(kind) ? after : batch.resources,
    removed: [],
  };
}

/** What the client has once it accepts a batch: what is in force or under way, without what goes, with what comes. */
function stateAfter(kind: KindView, batch: Batch): Resource[] {
  const after = new Map<string, Resource>();
  for (const [name, { inForce }] of kind.entries) {
    if (inForce?.resource !== undefined && isWanted(kind, name)) after.set(name, inForce.resource);
  }
  for (const { items, nonce } of kind.inFlight) {
    if (nonce === batch.nonce) continue;
    for (const [name, { resource }] of items) {
      if (resource === undefined) after.delete(name);
      else after.set(name, resource);
    }
  }
  for (const name of batch.removed) after.delete(name);
  for (const resource of batch.resources) after.set(resource.name, resource);
  return [...after.values()];
}

function isFull(kind: KindView): boolean {
  return kind.kind === "cluster" || kind.kind === "listener";
}

function digest(resources: readonly Resource[]): string {
  const lines = resources.map(({ name, version }) => `${name}\0${version}`).sort();
  return createHash("sha256").update(lines.join("\n")).digest("base64url").slice(0, 22);
}
