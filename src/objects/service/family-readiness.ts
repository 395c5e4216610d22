import type { Service } from "../types.ts";

/** On a Service: `enforce` leaves a pod out for the families over which it does not answer; `report` never does. */
export const FAMILY_READINESS_ANNOTATION = "tandem.dev/family-readiness";

const MODES = ["enforce", "report"] as const;

/** What counts for a Service: pods left out, or only told of. */
export type FamilyReadiness = (typeof MODES)[number];

/** What a Service's annotation asks for; undefined without one, and where it says neither. */
export function askedFamilyReadiness({ metadata }: Service): FamilyReadiness | undefined {
  return MODES.find((mode) => mode === metadata.annotations?.[FAMILY_READINESS_ANNOTATION]);
}

/** Texts for Warning headers about an annotation that says neither. */
export function familyReadinessWarnings(service: Service): string[] {
  const given = service.metadata.annotations?.[FAMILY_READINESS_ANNOTATION];
  if (given === undefined || askedFamilyReadiness(service) !== undefined) return [];
  const what = `metadata.annotations[${FAMILY_READINESS_ANNOTATION}]: ${JSON.stringify(given)} is ignored`;
  return [`${what}; use ${MODES.map((mode) => JSON.stringify(mode)).join(" or ")}`];
}
