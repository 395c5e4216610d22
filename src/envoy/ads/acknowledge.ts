import type { Resource, ResourceKind } from "../resources.ts";
import { healRefused } from "./heal.ts";
import { entryOf, forgetEntry, heldOf, type InFlight, type KindView, markPending } from "./view.ts";

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
export function acknowledge(kind: KindView, nonce: string): boolean {
  const inFlight = takeAnswered(kind, nonce);
  if (inFlight === undefined) return false;
  for (const name of inFlight.items.keys()) putInForce(kind, name, inFlight);
  if (kind.suspects.size > 0) kind.suspectLimit *= 2;
  return true;
}

/**
 * Takes a rejection. Envoy applies the good clusters and listeners of a response and names the bad ones in its text; a
 * response that does not parse or validate is refused as a whole, and then the culprit is found by sending it in parts.
 */
export function refuse(kind: KindView, nonce: string, error: string, now: number): Refused[] {
  const inFlight = takeAnswered(kind, nonce);
  if (inFlight === undefined) return [];
  const sent = [...inFlight.items].filter(([, item]) => item.resource !== undefined).map(([name]) => name);
  const named = namesInError(kind.kind, error, sent);
  if (named.size === 0 && sent.length > 1) {
    divide(kind, inFlight, now);
    return [];
  }
  const only = sent[0];
  const whole = named.size === 0;
  if (whole && only !== undefined) named.set(only, withoutEcho(error));
  const refused: Refused[] = [];
  for (const name of inFlight.items.keys()) {
    const message = named.get(name);
    if (message === undefined && whole && only !== undefined) retry(kind, name, inFlight, now);
    else if (message === undefined) putInForce(kind, name, inFlight);
    else refused.push(...reject(kind, name, inFlight, message, now));
  }
  return refused;
}

/** Of a message whose fields break a rule Envoy tells first all that is in it: `goo.gle/debug… : what is wrong`. */
function withoutEcho(error: string): string {
  return error.replace(/^goo\.gle\/debug\w*\s[\s\S]*\n: (?=Proto constraint)/, "");
}

function takeAnswered(kind: KindView, nonce: string): InFlight | undefined {
  const at = kind.inFlight.findIndex((one) => one.nonce === nonce);
  return at < 0 ? undefined : kind.inFlight.splice(at, 1)[0];
}

function putInForce(kind: KindView, name: string, inFlight: InFlight): void {
  const resource = inFlight.items.get(name)?.resource;
  kind.suspects.delete(name);
  if (inFlight.items.get(name)?.heals === true) {
    putBack(kind, name, resource);
    return;
  }
  if (resource === undefined) {
    forgetEntry(kind, name);
    if (kind.names.has(name)) entryOf(kind, name).toldMissing = true;
    return;
  }
  if (!kind.wildcard && !kind.names.has(name)) return;
  const entry = entryOf(kind, name);
  if (entry.lostIn > inFlight.sequence) return;
  if (kind.kind === "route" && entry.inForce === undefined) {
    entry.heldSince = inFlight.sequence;
    if (resource.hostsApart === true) entry.unsure = true;
  }
  entry.inForce = heldOf(resource);
  delete entry.rejected;
  kind.rejected.delete(name);
}

/** The client is back at what it had; the refusal stays noted, and what was only stuck is tried again. */
function putBack(kind: KindView, name: string, resource: Resource | undefined): void {
  const entry = entryOf(kind, name);
  entry.inForce = resource && heldOf(resource);
  delete entry.heal;
  markPending(kind, name, Number.MAX_SAFE_INTEGER, 0);
}

function reject(kind: KindView, name: string, inFlight: InFlight, message: string, now: number): Refused[] {
  const resource = inFlight.items.get(name)?.resource;
  kind.suspects.delete(name);
  if (resource === undefined) return [];
  const entry = entryOf(kind, name);
  entry.rejected = { version: resource.version, message };
  kind.rejected.add(name);
  if (inFlight.items.get(name)?.heals !== true) healRefused(kind, name, now);
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
