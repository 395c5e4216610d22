/**
 * Judges Shoots of Gardener on AWS: what Gardener refuses, and whether load balancers of both families can be made
 * (https://gardener.cloud/docs: dual-stack ingress on an IPv4 cluster). Pure; what only the account knows is a note.
 */
import type { FieldError } from "../../objects/field-errors.ts";
import type { Service } from "../../objects/types.ts";
import { checkChange, checkControlPlane, checkInfrastructure } from "./infrastructure.ts";
import { misspeltFields } from "./misspelt.ts";
import type { KnownVpc, Shoot, ShootFinding } from "./model.ts";
import { checkPreconditions, checkSwitching, switchesOf } from "./preconditions.ts";
import { checkService } from "./services.ts";
import { withoutNulls, wrongShape } from "./shape.ts";

export type { KnownVpc, Shoot, ShootFinding } from "./model.ts";

/** What a Shoot is judged with. */
export interface ShootSurroundings {
  /** The version before, to judge the change. */
  readonly old: Shoot | undefined;
  readonly vpc: KnownVpc | undefined;
  /** Services that are meant for its cluster. */
  readonly services: readonly Service[];
}

/** Judges a Shoot; a Shoot of another provider than AWS gets one note and no judgement. Never throws. */
export function judgeShoot(given: Shoot, surroundings: ShootSurroundings): ShootFinding[] {
  const { vpc, services } = surroundings;
  const shoot = withoutNulls(given);
  const old = withoutNulls(surroundings.old);
  const object = nameOf(shoot);
  const gardener = (error: FieldError): ShootFinding => ({
    level: "error",
    object,
    field: error.field,
    message: error.message,
    next: undefined,
    by: "gardener",
  });
  const shape = [...wrongShape(shoot), ...(old === undefined ? [] : wrongShape(old))];
  if (shape.length > 0) return shape.map(gardener);
  const type = shoot.spec?.provider?.type ?? "";
  if (type !== "aws") return [otherProvider(object, type)];
  const infrastructure = shoot.spec?.provider?.infrastructureConfig ?? {};
  const before = old?.spec?.provider?.infrastructureConfig;
  const now = switchesOf(shoot);
  const own = [
    ...checkPreconditions(now, vpc),
    ...(old === undefined ? [] : checkSwitching(switchesOf(old), now)),
  ];
  return [
    ...checkInfrastructure(infrastructure, shoot).map(gardener),
    ...checkControlPlane(shoot.spec?.provider?.controlPlaneConfig ?? {}).map(gardener),
    ...(before === undefined ? [] : checkChange(before, infrastructure).map(gardener)),
    ...[...misspeltFields(shoot), ...own].map((remark): ShootFinding => ({ ...remark, object })),
    ...services.flatMap((service) => checkService(service, now)),
  ];
}

function nameOf({ metadata }: Shoot): string {
  return `Shoot ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

function otherProvider(object: string, type: string): ShootFinding {
  const message = `its load balancers are not judged: Tandem knows provider aws, and this one is ${JSON.stringify(type)}`;
  return { level: "note", object, field: "spec.provider.type", message, next: undefined, by: "tandem" };
}
