import type { AnyObject } from "../../objects/types.ts";

/** Where the manifest that an object was applied from is kept, so that kubectl and Tandem can take turns. */
export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** The object with its own manifest in the annotation, as `kubectl apply` sends it. */
export function withLastApplied(object: AnyObject): AnyObject {
  const { [LAST_APPLIED]: _, ...annotations } = object.metadata.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${JSON.stringify(plain)}\n`;
  return {
    ...plain,
    metadata: { ...plain.metadata, annotations: { ...annotations, [LAST_APPLIED]: text } },
  } as AnyObject;
}

/**
 * The JSON merge patch (RFC 7386) that brings a live object to its manifest: fields of the manifest where
 * they differ from the live ones, and null for fields that the manifest before had and the new one has not.
 * Undefined: no change.
 */
export function applyPatch(live: AnyObject, desired: AnyObject): Record<string, unknown> | undefined {
  const text = live.metadata.annotations?.[LAST_APPLIED];
  const before: unknown = text === undefined ? undefined : parseOrNothing(text);
  return threeWay(before, desired, live);
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function threeWay(before: unknown, desired: Fields, live: unknown): Fields | undefined {
  const patch: Fields = {};
  const current = isFields(live) ? live : {};
  for (const [name, value] of Object.entries(desired)) {
    if (!isFields(value)) {
      if (!covers(current[name], value)) patch[name] = value;
      continue;
    }
    const inner = threeWay(isFields(before) ? before[name] : undefined, value, current[name]);
    if (inner !== undefined) patch[name] = inner;
    else if (current[name] === undefined) patch[name] = value;
  }
  for (const name of isFields(before) ? Object.keys(before) : []) {
    if (!(name in desired) && name in current) patch[name] = null;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/**
 * Whether the live value holds all that is desired; items of live lists may have defaulted fields besides.
 */
function covers(live: unknown, desired: unknown): boolean {
  if (Array.isArray(desired)) {
    return (
      Array.isArray(live) &&
      live.length === desired.length &&
      desired.every((item, index) => covers(live[index], item))
    );
  }
  if (isFields(desired)) {
    return isFields(live) && Object.entries(desired).every(([name, value]) => covers(live[name], value));
  }
  return desired === live || (desired === null && live === undefined);
}

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
