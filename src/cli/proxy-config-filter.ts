/** Which rows of an Envoy's configuration are asked for: the flags that istioctl's users know. Pure. */
import { readClusterName } from "../envoy/current/cluster-name.ts";
import type { DumpKind } from "../envoy/current/dump.ts";
import type { ShownRow } from "../envoy/current/rows.ts";
import { closest } from "../errors/closest.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { canonicalAddress } from "../ip/address.ts";

/** The flags as they were given. */
export interface FilterFlags {
  readonly name?: string;
  readonly port?: string;
  readonly address?: string;
  readonly cluster?: string;
  readonly fqdn?: string;
  readonly subset?: string;
  readonly direction?: string;
  readonly type?: string;
  readonly status?: string;
}

/** What rows must have; all that is given must hold. */
export interface RowFilter extends Omit<FilterFlags, "port"> {
  readonly port?: number;
}

type Flag = keyof RowFilter;

/** The kinds whose rows have what a flag asks for. */
const KINDS_OF: Readonly<Record<Flag, readonly DumpKind[]>> = {
  name: ["listeners", "clusters", "endpoints", "routes", "secrets"],
  port: ["listeners", "clusters", "endpoints", "routes"],
  address: ["listeners", "endpoints", "routes"],
  cluster: ["listeners", "clusters", "endpoints", "routes"],
  fqdn: ["listeners", "clusters", "endpoints", "routes"],
  subset: ["listeners", "clusters", "endpoints", "routes"],
  direction: ["listeners", "clusters", "endpoints", "routes"],
  type: ["listeners", "clusters"],
  status: ["endpoints"],
};

const FLAGS = Object.keys(KINDS_OF) as Flag[];

/** Health of endpoints. Source: envoy.config.core.v3.HealthStatus. */
const STATUSES = ["HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED", "UNKNOWN"];

/** The flags for rows of these kinds. @throws UserError where one cannot be read, or none of the kinds has such a thing */
export function parseFilter(flags: FilterFlags, kinds: readonly DumpKind[]): RowFilter {
  for (const flag of FLAGS)
    if (flags[flag] !== undefined && !KINDS_OF[flag].some((kind) => kinds.includes(kind)))
      throw usage(
        `flag --${flag}`,
        kinds.length === 0 ? "the bootstrap is shown as a whole" : `${kinds.join(", ")} have no ${flag}`,
        `it is for ${KINDS_OF[flag].join(", ")}`,
      );
  const { port, address, ...words } = flags;
  return {
    ...(words.direction !== undefined && { direction: word("direction", words.direction, DIRECTIONS) }),
    ...(words.status !== undefined && { status: word("status", words.status, STATUSES) }),
    ...Object.fromEntries(
      (["name", "cluster", "fqdn", "subset", "type"] as const).flatMap((flag) =>
        words[flag] === undefined ? [] : [[flag, words[flag]]],
      ),
    ),
    ...(port !== undefined && { port: portOf(port) }),
    ...(address !== undefined && { address: addressOf(address) }),
  };
}

const DIRECTIONS = ["inbound", "outbound"];

function word(flag: string, text: string, known: readonly string[]): string {
  const found = known.find((each) => each.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  const next = `for example --${flag} ${closest(text, known) ?? known[0]}`;
  throw usage(`flag --${flag}, value ${JSON.stringify(text)}`, `it is one of ${known.join(", ")}`, next);
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw usage(
    `flag --port, value ${JSON.stringify(text)}`,
    "it must be a port, 1 to 65535",
    "for example --port 80",
  );
}

function addressOf(text: string): string {
  const address = canonicalAddress(bare(text));
  if (address !== undefined) return address;
  throw usage(
    `flag --address, value ${JSON.stringify(text)}`,
    "it must be one address, of either family, without a port",
    "for example --address fd00:10:96::a; ports with --port",
  );
}

/** What is wrong with a command line of `tandem proxy-config`. */
export function usage(where: string, why: string, next: string): UserError {
  return new UserError({
    what: "cannot show the proxy's configuration",
    where,
    why,
    next,
    exitCode: EXIT.usage,
  });
}

/** Addresses in URLs and tables stand in brackets. */
function bare(text: string): string {
  return text.replace(/^\[(.*)\]$/, "$1");
}

/** Whether a row has all that is asked for. */
export function isWanted(row: ShownRow, filter: RowFilter): boolean {
  const { name, port, address, cluster, fqdn, subset, direction, type, status } = filter;
  const hasCluster = (part: (name: ReturnType<typeof readClusterName>) => boolean) =>
    row.clusters.some((each) => part(readClusterName(each)));
  return (
    (name === undefined || row.name === name || row.cells[0] === name) &&
    (port === undefined || row.ports.includes(port)) &&
    (address === undefined || row.addresses.some((each) => canonicalAddress(bare(each)) === address)) &&
    (cluster === undefined || row.clusters.includes(cluster)) &&
    (fqdn === undefined || hasCluster(({ host }) => host.includes(fqdn))) &&
    (subset === undefined || hasCluster((each) => each.subset === subset)) &&
    (direction === undefined || hasCluster((each) => each.direction === direction)) &&
    (type === undefined || row.type?.toLowerCase() === type.toLowerCase()) &&
    (status === undefined || row.status === status)
  );
}
