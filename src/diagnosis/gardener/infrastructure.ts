/** What Gardener's AWS extension refuses in a Shoot by itself (pkg/apis/aws/validation): its paths, its words. */
import { duplicate, type FieldError, forbidden, invalid, required } from "../../objects/field-errors.ts";
import { notCanonical, outside, overlapping, overlappingPairs, placed, unreadable } from "./cidrs.ts";
import type { ControlPlaneConfig, InfrastructureConfig, Shoot, Zone } from "./model.ts";

const VPC = "networks.vpc";
const ZONES = "networks.zones";

/** Judges an infrastructure config beside its Shoot's networks. */
export function checkInfrastructure(config: InfrastructureConfig, shoot: Shoot): FieldError[] {
  const zones = config.networks?.zones ?? [];
  const errors = zones.length > 0 ? [] : [required(ZONES, "must specify at least the networks for one zone")];
  return [
    ...errors,
    ...checkZones(zones, config.networks?.vpc?.id !== undefined),
    ...checkVpc(config),
    ...checkRanges(config, shoot),
    ...checkPool(config, shoot),
  ];
}

function checkZones(zones: readonly Zone[], vpcGiven: boolean): FieldError[] {
  const named = zones.map(({ name }) => name);
  const twice = zones.flatMap(({ name }, index) =>
    name !== undefined && named.indexOf(name) < index ? [duplicate(`${ZONES}[${index}].name`, name)] : [],
  );
  return [
    ...checkApproach(zones),
    ...zones.flatMap((zone, index) => checkZone(zone, index, vpcGiven)),
    ...twice,
  ];
}

function checkApproach(zones: readonly Zone[]): FieldError[] {
  const own = zones.some(({ workersSubnetID }) => workersSubnetID !== undefined);
  const managed = zones.some(({ workers }) => workers !== undefined);
  if (own && managed)
    return [
      forbidden(
        ZONES,
        "all zones must use the same approach: either all workersSubnetID (BYO) or all workers CIDR (Gardener-managed); mixing is not allowed",
      ),
    ];
  if (zones.length > 0 && !own && !managed)
    return [required(ZONES, "each zone must specify either workers (CIDR) or workersSubnetID")];
  return [];
}

function checkZone(zone: Zone, index: number, vpcGiven: boolean): FieldError[] {
  const path = `${ZONES}[${index}]`;
  const errors: FieldError[] = [];
  if (zone.name !== undefined && zone.name !== "" && !/^[a-z0-9-]+$/.test(zone.name))
    errors.push(invalid(`${path}.name`, zone.name, "does not match expected regex ^[a-z0-9-]+$"));
  if (zone.workers === undefined && zone.workersSubnetID === undefined)
    errors.push(required(path, "must specify either workers (CIDR) or workersSubnetID"));
  if (zone.workers !== undefined && zone.workersSubnetID !== undefined)
    errors.push(invalid(`${path}.workers`, "", "cannot specify both workers (CIDR) and workersSubnetID"));
  if (zone.workersSubnetID !== undefined && !vpcGiven)
    errors.push(
      forbidden(`${path}.workersSubnetID`, "subnet ID references require VPC.ID to be set (existing VPC)"),
    );
  for (const name of ["internal", "public"] as const)
    if (zone.workersSubnetID !== undefined && zone[name] !== undefined)
      errors.push(
        forbidden(
          `${path}.${name}`,
          `${name} CIDR is forbidden when workersSubnetID is set; in BYO mode all subnets must be user-managed and LB subnets are discovered via tags`,
        ),
      );
  return errors;
}

function checkVpc({ networks }: InfrastructureConfig): FieldError[] {
  const { id, cidr } = networks?.vpc ?? {};
  const vpc = networks?.vpc ?? {};
  if (id === undefined && cidr === undefined)
    return [invalid(VPC, vpc, "must specify either a vpc id or a cidr")];
  if (id !== undefined && cidr !== undefined)
    return [invalid(VPC, vpc, "cannot specify both vpc id and cidr")];
  if (id === "") return [required(`${VPC}.id`, "cannot be empty")];
  if (id !== undefined && !/^vpc-[a-z0-9]+$/.test(id))
    return [invalid(`${VPC}.id`, id, "does not match expected regex ^vpc-[a-z0-9]+$")];
  return [];
}

function checkRanges({ networks }: InfrastructureConfig, { spec }: Shoot): FieldError[] {
  const families = spec?.networking?.ipFamilies;
  const ipv4 = families === undefined || families.includes("IPv4");
  const nodes = placed("networking.nodes", spec?.networking?.nodes);
  const pods = placed("networking.pods", spec?.networking?.pods);
  const services = placed("networking.services", spec?.networking?.services);
  const zones = (networks?.zones ?? []).map((zone, index) => {
    const range = (name: "public" | "internal" | "workers") =>
      placed(`${ZONES}[${index}].${name}`, zone[name]);
    return [...range("public"), ...range("internal"), ...(ipv4 ? range("workers") : [])];
  });
  const all = zones.flat();
  const workers = all.filter(({ field }) => field.endsWith(".workers"));
  const errors = [...notCanonical(all), ...unreadable(all), ...nodes.flatMap((it) => outside(it, workers))];
  const { id, cidr } = networks?.vpc ?? {};
  if (cidr !== undefined && id === undefined && families?.includes("IPv6") !== true)
    for (const vpc of placed(`${VPC}.cidr`, cidr))
      errors.push(
        ...notCanonical([vpc]),
        ...unreadable([vpc]),
        ...outside(vpc, [...nodes, ...all]),
        ...overlapping(vpc, [...pods, ...services]),
      );
  return [
    ...errors,
    ...overlappingPairs(all),
    ...[...pods, ...services].flatMap((range) => overlapping(range, all)),
  ];
}

function checkPool({ networks }: InfrastructureConfig, { spec }: Shoot): FieldError[] {
  const pool = networks?.vpc?.ipv6IpamPool;
  const [block] = placed(`${VPC}.ipv6IpamPool.cidrBlock`, pool?.cidrBlock);
  if (pool === undefined || block === undefined) return [];
  const errors = [...unreadable([block]), ...notCanonical([block])];
  const refuse = (why: string) => errors.push(invalid(block.field, block.text, why));
  if (spec?.networking?.ipFamilies?.includes("IPv6") !== true) refuse("cidrBlock requires an IPv6 IP family");
  if (pool.id === undefined) refuse("cidrBlock requires ipv6IpamPool.id to be set");
  if (block.cidr !== undefined && block.cidr.prefix !== 56) refuse("cidrBlock must be a /56");
  return errors;
}

/** Judges a control plane config. */
export function checkControlPlane({ loadBalancerController }: ControlPlaneConfig): FieldError[] {
  const name = loadBalancerController?.ingressClassName;
  const path = "loadBalancerController.ingressClassName";
  if (name === undefined) return [];
  if (name === "") return [required(path, "cannot be empty")];
  const errors = /^[a-z0-9.-]+$/.test(name)
    ? []
    : [invalid(path, name, "does not match expected regex ^[a-z0-9.-]+$")];
  if (name.length > 253)
    errors.push(invalid(path, name, `must not be more than 253 characters, got ${name.length}`));
  return errors;
}

/** Judges the change from one version to the next: what cannot be changed, and what only goes one way. */
export function checkChange(old: InfrastructureConfig, now: InfrastructureConfig): FieldError[] {
  const errors: FieldError[] = [];
  const same = (field: string, before: unknown, after: unknown) => {
    if (JSON.stringify(before) !== JSON.stringify(after))
      errors.push(invalid(field, after, "field is immutable"));
  };
  const before = old.networks?.vpc ?? {};
  const after = now.networks?.vpc ?? {};
  same(`${VPC}.id`, before.id, after.id);
  same(`${VPC}.cidr`, before.cidr, after.cidr);
  if (before.ipv6IpamPool !== undefined) same(`${VPC}.ipv6IpamPool`, before.ipv6IpamPool, after.ipv6IpamPool);
  const oldZones = old.networks?.zones ?? [];
  const zones = now.networks?.zones ?? [];
  if (oldZones.length > zones.length) return [...errors, forbidden(ZONES, "removing zones is not allowed")];
  for (const [index, zone] of oldZones.entries()) {
    const path = `${ZONES}[${index}]`;
    same(`${path}.name`, zone.name, zones[index]?.name);
    for (const name of ["public", "internal", "workers", "publicSubnetID", "internalSubnetID"] as const)
      if (zone[name] !== undefined) same(`${path}.${name}`, zone[name], zones[index]?.[name]);
    same(`${path}.workersSubnetID`, zone.workersSubnetID, zones[index]?.workersSubnetID);
  }
  if (old.dualStack?.enabled === true && now.dualStack?.enabled !== true)
    errors.push(forbidden("dualStack.enabled", `field can't be changed from "true" to "false"`));
  return errors;
}
