/** Whether a Shoot has the shape that the rules read: a manifest may hold anything. */
import { type FieldError, invalid } from "../../objects/field-errors.ts";
import type { Shoot } from "./model.ts";

type Kind = "object" | "string" | "boolean" | "list" | "strings";

/** Where the rules read, and what they expect there; `[]` stands for each element. */
const SHAPE: readonly (readonly [string, Kind])[] = [
  ["spec", "object"],
  ["spec.networking", "object"],
  ["spec.networking.nodes", "string"],
  ["spec.networking.pods", "string"],
  ["spec.networking.services", "string"],
  ["spec.networking.ipFamilies", "strings"],
  ["spec.provider", "object"],
  ["spec.provider.type", "string"],
  ["spec.provider.infrastructureConfig", "object"],
  ["spec.provider.infrastructureConfig.dualStack", "object"],
  ["spec.provider.infrastructureConfig.dualStack.enabled", "boolean"],
  ["spec.provider.infrastructureConfig.networks", "object"],
  ["spec.provider.infrastructureConfig.networks.vpc", "object"],
  ["spec.provider.infrastructureConfig.networks.vpc.id", "string"],
  ["spec.provider.infrastructureConfig.networks.vpc.cidr", "string"],
  ["spec.provider.infrastructureConfig.networks.vpc.ipv6IpamPool", "object"],
  ["spec.provider.infrastructureConfig.networks.vpc.ipv6IpamPool.id", "string"],
  ["spec.provider.infrastructureConfig.networks.vpc.ipv6IpamPool.cidrBlock", "string"],
  ["spec.provider.infrastructureConfig.networks.zones", "list"],
  ["spec.provider.controlPlaneConfig", "object"],
  ["spec.provider.controlPlaneConfig.loadBalancerController", "object"],
  ["spec.provider.controlPlaneConfig.loadBalancerController.enabled", "boolean"],
  ["spec.provider.controlPlaneConfig.loadBalancerController.ingressClassName", "string"],
];
const ZONE_FIELDS = [
  "name",
  "internal",
  "public",
  "workers",
  "workersSubnetID",
  "publicSubnetID",
  "internalSubnetID",
];
const ZONES = "spec.provider.infrastructureConfig.networks.zones";

/** Fields of another type than the rules read; with any, nothing else can be said. */
export function wrongShape(shoot: Shoot): FieldError[] {
  const errors = SHAPE.flatMap(([path, kind]) => check(path, at(shoot, path), kind));
  if (errors.length > 0) return errors;
  return ((at(shoot, ZONES) ?? []) as unknown[]).flatMap((zone, index) => {
    const path = `${ZONES}[${index}]`;
    const wrong = zone === null ? [invalid(path, zone, "must be an object")] : check(path, zone, "object");
    if (wrong.length > 0) return wrong;
    return ZONE_FIELDS.flatMap((name) => check(`${path}.${name}`, at(zone, name), "string"));
  });
}

function at(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function check(path: string, value: unknown, kind: Kind): FieldError[] {
  if (value === undefined || value === null || isOf(kind, value)) return [];
  const names = { object: "an object", string: "a string", boolean: "true or false", list: "a list" };
  return [invalid(path, value, `must be ${kind === "strings" ? "a list of strings" : names[kind]}`)];
}

function isOf(kind: Kind, value: unknown): boolean {
  if (kind === "list") return Array.isArray(value);
  if (kind === "strings") return Array.isArray(value) && value.every((item) => typeof item === "string");
  if (kind === "object") return typeof value === "object" && !Array.isArray(value);
  return typeof value === kind;
}

/** The same without fields that are null, which mean nothing (`vpc: {id: null}`). */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutNulls(item)) as T;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutNulls(field as unknown)])) as T;
}
