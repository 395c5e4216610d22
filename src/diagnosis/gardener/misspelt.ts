/** Fields of a Shoot's provider configs that there are not and that are nearly others: Gardener decodes strictly. */
import { closest } from "../../errors/closest.ts";
import type { Shoot, ShootFinding } from "./model.ts";

/** All fields, by where they are below `spec.provider` (gardener-extension-provider-aws, v1alpha1). */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  infrastructureConfig: [
    "apiVersion",
    "kind",
    "dualStack",
    "networks",
    "enableECRAccess",
    "ignoreTags",
    "enableDedicatedTenancyForVPC",
    "elasticFileSystem",
  ],
  "infrastructureConfig.dualStack": ["enabled"],
  "infrastructureConfig.networks": ["vpc", "zones", "nodesSecurityGroupID"],
  "infrastructureConfig.networks.vpc": ["id", "cidr", "gatewayEndpoints", "ipv6IpamPool"],
  "infrastructureConfig.networks.vpc.ipv6IpamPool": ["id", "cidrBlock"],
  controlPlaneConfig: ["apiVersion", "kind", "cloudControllerManager", "loadBalancerController", "storage"],
  "controlPlaneConfig.loadBalancerController": ["enabled", "ingressClassName"],
};

/** Errors for fields that nobody reads; a field that is near to none may be of a newer Gardener. */
export function misspeltFields({ spec }: Shoot): Omit<ShootFinding, "object">[] {
  return Object.entries(FIELDS).flatMap(([path, known]) => {
    const [, ...below] = path.split(".");
    return Object.keys(at(spec?.provider, path)).flatMap((name) => {
      const meant = known.includes(name) ? undefined : closest(name, known);
      if (meant === undefined) return [];
      const field = [...below, name].join(".");
      const message = `strict decoding error: unknown field "${field}"`;
      return [{ level: "error", field, message, next: `write ${meant}`, by: "gardener" } as const];
    });
  });
}

function at(object: unknown, path: string): object {
  const value = path
    .split(".")
    .reduce((inner: unknown, key) => (inner as Record<string, unknown> | undefined)?.[key], object);
  return typeof value === "object" && value !== null ? value : {};
}
