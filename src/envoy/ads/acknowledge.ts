import type { ResourceKind } from "../resources.ts";
import { entryOf, forgetEntry, type InFlight, type KindView, markPending, type View } from "./view.ts";

/** A resource that a client refused. */
export interface Refused {
  readonly kind: ResourceKind;
  readonly name: string;
  /** What the client says is wrong with this resource. */
  readonly message: string;
  readonly version: string;
  readonly origins: readonly string[];
  /** The version that stays in force in the client; undefined where it never had a good one. */
  readonly inForce?: string;
}

/** Takes the answer of a client to a response: all of it is in force. Answers to older responses are not news. */
export function acknowledge(view: View, kind: KindView, nonce: string, now: number): boolean {
  const { inFlight } = kind;
  if (inFlight === undefined || inFlight.nonce !== nonce) return false;
  delete kind.inFlight;
  for (const name of inFlight.items.keys()) putInForce(view, kind, name, inFlight, now);
  if (kind.suspects.size > 0) kind.suspectLimit *= 2;
  return true;
}

/**
 * Takes a rejection. Envoy applies the good clusters and listeners of a response and names the bad ones in its text; a
 * response that does not parse or validate is refused as a whole, and then the culprit is found by sending it in parts.
 */
export function refuse(view: View, kind: KindView, nonce: string, error: string, now: number): Refused[] {
  const { inFlight } = kind;
  if (inFlight === undefined || inFlight.nonce !== nonce) return [];
  delete kind.inFlight;
  const sent = [...inFlight.items].filter(([, item]) => item.resource !== undefined).map(([name]) => name);
  const named = namesInError(kind.kind, error, sent);
  if (named.size === 0 && sent.length > 1) {
    divide(kind, inFlight, now);
    return [];
  }
  const only = sent[0];
  const whole = named.size === 0;
  if (whole && only !== undefined) named.set(only, error);
  const refused: Refused[] = [];
  for (const name of inFlight.items.keys()) {
    const message = named.get(name);
    if (message === undefined && whole && only !== undefined) retry(kind, name, inFlight, now);
    else if (message === undefined) putInForce(view, kind, name, inFlight, now);
    else refused.push(...reject(kind, name, inFlight, message));
  }
  return refused;
}

function putInForce(view: View, kind: KindView, name: string, inFlight: InFlight, now: number): void {
  const resource = inFlight.items.get(name)?.resource;
  kind.suspects.delete(name);
  if (resource === undefined) putRemoved(view, kind, name);
  else if (kind.wildcard || kind.names.has(name)) {
    const entry = entryOf(kind, name);
    entry.inForce = { version: resource.version, resource };
    delete entry.rejected;
    kind.rejected.delete(name);
    if (kind.kind === "cluster") rewarm(view, name, inFlight.sequence, now);
  }
}

/** A removed cluster takes its endpoints with it; they count as missing until the client asks for them again. */
function putRemoved(view: View, kind: KindView, name: string): void {
  forgetEntry(kind, name);
  if (kind.names.has(name)) entryOf(kind, name).toldMissing = true;
  const { endpoint } = view.kinds;
  if (kind.kind !== "cluster" || !endpoint.entries.has(name)) return;
  forgetEntry(endpoint, name);
  if (endpoint.names.has(name)) entryOf(endpoint, name).toldMissing = true;
}

/**
 * An updated cluster warms anew and waits for endpoints, which Envoy does not ask for again in the delta protocol
 * (envoyproxy/envoy#33607). Endpoints that followed the cluster already need not be repeated.
 */
function rewarm(view: View, name: string, clusterSequence: number, now: number): void {
  const { endpoint } = view.kinds;
  const entry = endpoint.entries.get(name);
  if (entry === undefined || !view.table.has("endpoint", name) || entry.sentIn > clusterSequence) return;
  if (!endpoint.wildcard && !endpoint.names.has(name)) return;
  entry.again = true;
  markPending(endpoint, name, view.table.revision, now);
}

function reject(kind: KindView, name: string, inFlight: InFlight, message: string): Refused[] {
  const resource = inFlight.items.get(name)?.resource;
  kind.suspects.delete(name);
  if (resource === undefined) return [];
  const entry = entryOf(kind, name);
  entry.rejected = { version: resource.version, message };
  kind.rejected.add(name);
  return [
    {
      kind: kind.kind,
      name,
      message,
      version: resource.version,
      origins: resource.origins ?? [],
      ...(entry.inForce !== undefined && { inForce: entry.inForce.version }),
    },
  ];
}

/** Sends the parts of a refused response again, at most half as many resources at a time. */
function divide(kind: KindView, inFlight: InFlight, now: number): void {
  kind.suspectLimit = Math.max(1, Math.ceil(inFlight.items.size / 2));
  for (const [name, item] of inFlight.items) {
    if (item.resource !== undefined) kind.suspects.add(name);
    retry(kind, name, inFlight, now);
  }
}

function retry(kind: KindView, name: string, inFlight: InFlight, now: number): void {
  const item = inFlight.items.get(name);
  if (item === undefined) return;
  if (item.resource !== undefined) entryOf(kind, name).again = true;
  markPending(kind, name, item.revision, now);
}

const NAMED_IN_ERROR: Partial<Record<ResourceKind, RegExp>> = {
  cluster: /^Error adding\/updating cluster\(s\) /,
  listener: /^Error adding\/updating listener\(s\) /,
};

/**
 * The resources that an Envoy's error text names, each with its own part of the text:
 * `Error adding/updating cluster(s) a: why, b: why`. Empty where the text names none of those that were sent.
 */
export function namesInError(
  kind: ResourceKind,
  error: string,
  sent: readonly string[],
): Map<string, string> {
  const prefix = NAMED_IN_ERROR[kind]?.exec(error)?.[0];
  if (prefix === undefined) return new Map();
  const list = error.slice(prefix.length);
  const starts = sent.map((name) => ({ name, at: startOf(list, name) })).filter(({ at }) => at >= 0);
  starts.sort((a, b) => a.at - b.at);
  return new Map(
    starts.map(({ name, at }, index) => {
      const part = list.slice(at + name.length + 2, starts[index + 1]?.at);
      return [name, part.replace(/[,;\s]+$/, "")];
    }),
  );
}

/** Where `name: ` begins an element of the list, -1 where it does not. */
function startOf(list: string, name: string): number {
  for (let at = list.indexOf(`${name}: `); at >= 0; at = list.indexOf(`${name}: `, at + 1)) {
    if (at === 0 || /[,;\n]\s*$/.test(list.slice(Math.max(0, at - 3), at))) return at;
  }
  return -1;
}
