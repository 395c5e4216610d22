/** Which families a Gateway serves: what its parameters ask for, of what the cluster has. */
import { FAMILIES, type Family } from "../../ip/family.ts";
import type { EnvoyProxy, GatewayParameters } from "../../objects/gateway/index.ts";
import { type Fact, fails, holds } from "./conditions.ts";

/** The condition of a Gateway that says whether both families reach it, and if not, why. */
const DUAL_STACK = "tandem.dev/DualStack";

/** What parameters say about families. */
export interface FamilyWish {
  /** In order of preference; undefined: every family of the cluster. */
  readonly families?: readonly Family[];
  /** Both are wanted, and the lack of one is a fault. */
  readonly required: boolean;
}

/** Reads GatewayParameters as the fields of the same names of a Service, and EnvoyProxy as Envoy Gateway does. */
export function familyWish(parameters: GatewayParameters | EnvoyProxy | undefined): FamilyWish {
  if (parameters === undefined) return { required: false };
  if (parameters.kind === "EnvoyProxy") return envoyProxyWish(parameters as EnvoyProxy);
  const { ipFamilyPolicy: policy, ipFamilies: families } = (parameters as GatewayParameters).spec ?? {};
  const first = families?.[0];
  if (policy === "SingleStack") return { families: families?.slice(0, 1) ?? [], required: false };
  if (policy === undefined) return { required: false, ...(families === undefined ? {} : { families }) };
  const both = first === undefined ? undefined : [first, ...FAMILIES.filter((family) => family !== first)];
  return { required: policy === "RequireDualStack", ...(both === undefined ? {} : { families: both }) };
}

function envoyProxyWish({ spec }: EnvoyProxy): FamilyWish {
  if (spec?.ipFamily === undefined) return { required: false };
  // IPv4 goes first with DualStack there; here the cluster's own order counts
  return spec.ipFamily === "DualStack" ? { required: true } : { families: [spec.ipFamily], required: false };
}

/** The families of a Gateway, the preferred one first. */
export function chooseFamilies(wish: FamilyWish, cluster: readonly Family[]): readonly Family[] {
  if (wish.families === undefined) return cluster;
  if (wish.families.length === 0) return cluster.slice(0, 1);
  const chosen = wish.families.filter((family) => cluster.includes(family));
  return chosen.length === 0 ? cluster.slice(0, 1) : chosen;
}

/** Where a Gateway is reached, as far as families go. */
export interface Reach {
  /** Nothing is served, or nobody can know where: why. */
  readonly pending?: string;
  /** Families of the addresses; undefined where they are names. */
  readonly addressed?: readonly Family[];
  /** Why there is no address of a family. */
  readonly whyNot: (family: Family) => string;
}

/** Says whether the Gateway is reachable over both families, as far as is known. */
export function dualStackFact(
  wish: FamilyWish,
  cluster: readonly Family[],
  { pending, addressed, whyNot }: Reach,
): Fact {
  const chosen = chooseFamilies(wish, cluster);
  const lacking = FAMILIES.filter((family) => !chosen.includes(family));
  const refused = (wish.families ?? []).filter((family) => !cluster.includes(family));
  const absent = chosen.filter((family) => addressed !== undefined && !addressed.includes(family));
  if (refused.length > 0)
    return no(
      "FamilyNotInCluster",
      `${list(refused)} was asked for, but the cluster has only ${list(cluster)}`,
    );
  if (wish.required && lacking.length > 0)
    return no("FamilyNotInCluster", `both families are required, but the cluster has only ${list(cluster)}`);
  if (lacking.length > 0 && cluster.length < 2)
    return no(
      "SingleStackCluster",
      `the cluster has only ${list(cluster)}, so nothing serves ${list(lacking)}`,
    );
  if (lacking.length > 0)
    return no(
      "SingleStackRequested",
      `the parameters ask for ${list(chosen)} only, so nothing serves ${list(lacking)}`,
    );
  if (pending !== undefined)
    return { type: DUAL_STACK, status: "Unknown", reason: "Pending", message: pending };
  if (absent.length > 0)
    return no(
      "AddressMissing",
      `listening on both families, but there is no ${list(absent)} address: ${absent.map(whyNot).join("; ")}`,
    );
  return holds(DUAL_STACK, "DualStack", `served over ${list(chosen)}`);
}

function no(reason: string, message: string): Fact {
  return fails(DUAL_STACK, reason, message);
}

function list(families: readonly Family[]): string {
  return families.join(" and ");
}
