import type { Family } from "../../../ip/family.ts";
import type { KubeObject } from "../../../objects/types.ts";

/** On a route or a Service: the family over which its backends are dialled first (`IPv4` or `IPv6`). */
export const PREFER_FAMILY_ANNOTATION = "tandem.dev/prefer-family";

/** The family that an object prefers; a value that is none adds a note and counts as not given. */
export function readPreferredFamily(object: KubeObject, notes: string[]): Family | undefined {
  const value = object.metadata.annotations?.[PREFER_FAMILY_ANNOTATION];
  if (value === undefined || value === "IPv4" || value === "IPv6") return value;
  notes.push(
    `${object.kind} ${object.metadata.name}: annotation ${PREFER_FAMILY_ANNOTATION} is ${JSON.stringify(value)}` +
      ", which is ignored: write IPv4 or IPv6",
  );
  return undefined;
}
