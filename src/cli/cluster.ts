/** The flags that describe a cluster, read and checked. */
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { type Cidr, cidrsOverlap, formatCidr, parseCidr } from "../ip/cidr.ts";
import { FAMILIES, type Family } from "../ip/family.ts";
import { findCluster, runningClusters } from "../lab/index.ts";
import type { FamilyReadiness } from "../traffic/index.ts";
import { readFamilyReadiness } from "./family-readiness.ts";

/** The name of a cluster where none is given. */
export const DEFAULT_NAME = "tandem";

const SERVICE_RANGES: Record<Family, string> = { IPv4: "10.96.0.0/16", IPv6: "fd00:10:96::/112" };
const POD_RANGES: Record<Family, string> = { IPv4: "10.244.0.0/16", IPv6: "fd00:10:244::/56" };
/** The lab's own links between nodes; ranges must keep clear of them. */
const FABRIC_RANGES = ["172.18.0.0/16", "fd00:172:18::/64"];
const MAX_NODES = 50;

/** The flags that say what a cluster is like, as commander reads them. */
export interface ShapeFlags {
  name: string;
  nodes: string;
  ipFamilies: string;
  serviceClusterIpRange?: string;
  clusterCidr?: string;
  port: string;
  familyReadiness?: string;
}

/** What a cluster looks like: its families in order, ranges in that order, nodes and port. */
export interface ClusterShape {
  readonly name: string;
  readonly families: readonly Family[];
  readonly serviceRanges: readonly Cidr[];
  readonly podRanges: readonly Cidr[];
  readonly nodes: number;
  readonly port: number;
  readonly familyReadiness: FamilyReadiness;
}

/** Reads the flags. @throws UserError naming the flag, its value and what would do */
export function parseShape(flags: ShapeFlags): ClusterShape {
  const families = readFamilies(flags.ipFamilies);
  const serviceRanges = parseRanges(
    "--service-cluster-ip-range",
    flags.serviceClusterIpRange,
    families,
    SERVICE_RANGES,
  );
  const podRanges = parseRanges("--cluster-cidr", flags.clusterCidr, families, POD_RANGES);
  refuseOverlaps(serviceRanges, podRanges);
  return {
    name: parseName(flags.name),
    families,
    serviceRanges,
    podRanges,
    nodes: parseCount("--nodes", flags.nodes, [1, MAX_NODES], 2),
    port: parseCount("--port", flags.port, [0, 65535], 6443),
    familyReadiness: readFamilyReadiness(flags.familyReadiness),
  };
}

function bad(
  flag: string,
  value: string,
  why: string,
  next: string,
  what = "cannot bring up the cluster",
): UserError {
  return new UserError({
    what,
    where: `flag ${flag}, value ${JSON.stringify(value)}`,
    why,
    next,
    exitCode: EXIT.badInput,
  });
}

function parseName(name: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(name)) return name;
  throw bad(
    "--name",
    name,
    "a name has lower-case letters, digits and dashes, at most 32",
    "for example --name demo",
  );
}

/** The families of `--ip-families`, in their order; `what` is what fails without. @throws UserError */
export function readFamilies(text: string, what?: string): Family[] {
  const families = text
    .split(",")
    .map((part) => FAMILIES.find((family) => family.toLowerCase() === part.trim().toLowerCase()));
  const known = families.filter((family): family is Family => family !== undefined);
  if (known.length === families.length && new Set(known).size === known.length) return known;
  const why = "it is not one family or both in an order";
  throw bad("--ip-families", text, why, "use IPv4,IPv6 or IPv6,IPv4 or IPv4 or IPv6", what);
}

function parseRanges(
  flag: string,
  text: string | undefined,
  families: readonly Family[],
  defaults: Record<Family, string>,
): Cidr[] {
  const value = text ?? families.map((family) => defaults[family]).join(",");
  const example = `for example ${flag}=${families.map((family) => defaults[family]).join(",")}`;
  const ranges = value.split(",").map((part, index) => {
    const range = parseCidr(part.trim());
    if (range !== undefined) return range;
    throw bad(flag, value, `entry ${index + 1}, ${JSON.stringify(part)}, is not a CIDR`, example);
  });
  if (ranges.map((range) => range.family).join() === families.join()) return ranges;
  throw bad(flag, value, `its families are not those of the cluster, ${families.join(" then ")}`, example);
}

function refuseOverlaps(serviceRanges: readonly Cidr[], podRanges: readonly Cidr[]): void {
  const fabric = FABRIC_RANGES.map((text) => parseCidr(text)).filter((range) => range !== undefined);
  const all = [
    ...serviceRanges.map((range) => ({ flag: "--service-cluster-ip-range", range })),
    ...podRanges.map((range) => ({ flag: "--cluster-cidr", range })),
    ...fabric.map((range) => ({ flag: "the links between the lab's nodes", range })),
  ];
  for (const [index, a] of all.entries()) {
    const b = all.slice(index + 1).find((other) => cidrsOverlap(a.range, other.range));
    if (b === undefined) continue;
    const why = `it overlaps ${formatCidr(b.range)} of ${b.flag}`;
    throw bad(a.flag, formatCidr(a.range), why, "choose ranges that share no address");
  }
}

function parseCount(flag: string, text: string, [min, max]: [number, number], usual: number): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= min && count <= max) return count;
  throw bad(flag, text, `it is not a number from ${min} to ${max}`, `for example ${flag} ${usual}`);
}

/** The kubeconfig of a running cluster. @throws UserError when none of that name runs; `flag` is the one that names it */
export function kubeconfigOf(name: string, flag = "--name"): string {
  return runningCluster(name, flag).kubeconfig;
}

/**
 * The kubeconfig of a command that works with any cluster: the one that is given, else that of the lab's cluster of this
 * name, else of the default one where it runs; undefined where none does and $KUBECONFIG says which is meant.
 * @throws UserError when the named cluster does not run, or there is nothing to work with
 */
export function kubeconfigFor(
  given: string | undefined,
  name: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
  flag = "--name",
): string | undefined {
  if (given !== undefined) return given;
  if (name !== undefined) return kubeconfigOf(name, flag);
  const isSaid = (env["KUBECONFIG"] ?? "") !== "";
  return isSaid ? findCluster(DEFAULT_NAME)?.kubeconfig : kubeconfigOf(DEFAULT_NAME, flag);
}

/** The folder of a running cluster. @throws UserError when none of that name runs */
export function stateDirOfCluster(name: string): string {
  return runningCluster(name).stateDir;
}

function runningCluster(name: string, flag?: string): { stateDir: string; kubeconfig: string } {
  const cluster = findCluster(name);
  if (cluster !== undefined) return cluster;
  throw notRunning(name, flag);
}

/** The error of a cluster that is not up; it names those that are, and the command's flag that takes their names. */
export function notRunning(name: string, flag = "--name"): UserError {
  const others = runningClusters();
  const own = name === DEFAULT_NAME ? "tandem up" : `tandem up --name ${name}`;
  return new UserError({
    what: "no cluster to work with",
    where: `cluster ${name}`,
    why: others.length === 0 ? "it is not running" : `it is not running; others are: ${others.join(", ")}`,
    next: others.length === 0 ? own : `say which one is meant: ${flag} ${others[0]}; or ${own}`,
  });
}
