import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readText, removeGroup, enableBelow } from "./cgroup-files.ts";
import { CONTROLLERS, type Controller, type OwnGroup, type OwnGroups, ownGroups } from "./cgroup-find.ts";

/** A control group of the lab's own, for one controller; the same folder for all of them with cgroups v2. */
export interface LabGroup {
  readonly controller: Controller;
  readonly version: 1 | 2;
  /** Absolute path, as the host and the lab see it. */
  readonly dir: string;
}

/** A controller that the lab cannot use. */
export interface LackingController {
  readonly controller: Controller;
  readonly why: string;
  /** What the user can do. */
  readonly next: string;
}

/** The control groups of a lab, and what it has none for. */
export interface LabCgroups {
  readonly groups: readonly LabGroup[];
  readonly lacking: readonly LackingController[];
  /** Controllers that were made available for this lab in a group that is not its own. */
  readonly enabled: readonly { readonly dir: string; readonly controller: Controller }[];
}

/** Where the lab may make groups for a controller, or why nowhere. */
type Place = { readonly dir: string; readonly version: 1 | 2 } | Omit<LackingController, "controller">;

/**
 * `TANDEM_CGROUPS`: `own` makes groups below the one that Tandem was started in, whoever made that; `off` makes none. Without
 * it, that group has to be the user's own or nobody's: what a service manager or container engine made is theirs to arrange
 * (systemd's CGROUP_DELEGATION, "single-writer rule"), unless it was delegated to the user.
 */
const CGROUPS_VARIABLE = "TANDEM_CGROUPS";

const START_DELEGATED = "start Tandem with `systemd-run --user --scope -p Delegate=yes tandem up`";
const SAY_OWN = `set ${CGROUPS_VARIABLE}=own to let the lab make groups below it`;

/**
 * Makes the lab's control groups where this user may, and removes what a dead lab of the same folder left there. The name
 * is `tandem-CLUSTER-` and a hash of the folder.
 */
export async function createLabCgroups(
  stateDir: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<LabCgroups> {
  const own = ownGroups(readText("/proc/self/mountinfo") ?? "", readText("/proc/self/cgroup") ?? "");
  const result = {
    groups: [] as LabGroup[],
    lacking: [] as LackingController[],
    enabled: [] as { dir: string; controller: Controller }[],
  };
  for (const controller of CONTROLLERS) {
    const place = placeFor(controller, own, environment);
    if ("why" in place) {
      result.lacking.push({ controller, ...place });
      continue;
    }
    const dir = join(place.dir, groupName(stateDir));
    try {
      if (!result.groups.some((group) => group.dir === dir)) await removeGroup(dir);
      if (place.version === 2 && enable(place.dir, controller))
        result.enabled.push({ dir: place.dir, controller });
      makeGroup(dir, controller, place.version);
      result.groups.push({ controller, version: place.version, dir });
    } catch (error) {
      await undo(result, controller, dir);
      result.lacking.push({ controller, why: (error as Error).message, next: START_DELEGATED });
    }
  }
  return result;
}

/** Removes the groups of a lab whose processes have ended, or are to end with them. Safe to repeat. */
export async function removeLabCgroups(cgroups: LabCgroups | undefined): Promise<void> {
  if (cgroups === undefined) return;
  await Promise.all([...new Set(cgroups.groups.map(({ dir }) => dir))].map(removeGroup));
  for (const { dir, controller } of cgroups.enabled) disable(dir, controller);
}

/** What {@link createLabCgroups} made for the lab of a folder, from the configuration there. */
export function readLabCgroups(configFile: string): LabCgroups | undefined {
  try {
    return (JSON.parse(readFileSync(configFile, "utf8")) as { cgroups?: LabCgroups }).cgroups;
  } catch {
    return undefined;
  }
}

function groupName(stateDir: string): string {
  const hash = createHash("sha256").update(stateDir).digest("hex").slice(0, 8);
  return `tandem-${basename(stateDir)}-${hash}`;
}

function placeFor(controller: Controller, own: OwnGroups, environment: NodeJS.ProcessEnv): Place {
  const choice = environment[CGROUPS_VARIABLE];
  if (choice === "off")
    return { why: `${CGROUPS_VARIABLE} is off`, next: `run tandem up without ${CGROUPS_VARIABLE}` };
  const v1 = own.v1[controller];
  if (v1 !== undefined) return placeOfVersion1(controller, v1, choice === "own");
  if (own.v2 !== undefined) return placeOfVersion2(controller, own.v2, choice === "own");
  return { why: "no cgroup file system is mounted", next: "mount -t cgroup2 none /sys/fs/cgroup" };
}

function placeOfVersion1(controller: Controller, own: OwnGroup, anybodys: boolean): Place {
  const dir = join(own.mount, own.path);
  if (!writable(dir)) {
    const next = "run tandem as root, or boot with systemd.unified_cgroup_hierarchy=1: v2 can be delegated";
    return { why: `this user may not write to ${dir} (cgroups v1)`, next };
  }
  if (!mayUse(own.path, dir, anybodys)) return managed(controller, dir);
  return { dir, version: 1 };
}

/** The nearest group, the process's own first, below which groups have the controller, or can be given it. */
function placeOfVersion2(controller: Controller, own: OwnGroup, anybodys: boolean): Place {
  let nearest: Place | undefined;
  for (let path = own.path; ; path = dirname(path)) {
    const dir = join(own.mount, path);
    if (!writable(dir)) {
      nearest ??= { why: `this user may not write to ${dir}`, next: START_DELEGATED };
    } else if (!mayUse(path, dir, anybodys)) {
      nearest ??= managed(controller, dir);
    } else if (listed(join(dir, "cgroup.subtree_control"), controller)) {
      return { dir, version: 2 };
    } else if (path === "/" && listed(join(dir, "cgroup.controllers"), controller)) {
      return { dir, version: 2 };
    } else {
      nearest ??= { why: `${dir} does not pass on the controller ${controller}`, next: START_DELEGATED };
    }
    if (path === "/") return nearest;
  }
}

function managed(controller: Controller, dir: string) {
  return { why: `the ${controller} group ${dir} is another program's to arrange`, next: SAY_OWN };
}

function mayUse(path: string, dir: string, anybodys: boolean): boolean {
  if (anybodys || path === "/") return true;
  const user = process.getuid?.();
  return user !== 0 && statSync(dir).uid === user;
}

function writable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    accessSync(join(dir, "cgroup.procs"), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function listed(file: string, controller: Controller): boolean {
  return (readText(file) ?? "").trim().split(" ").includes(controller);
}

function enable(dir: string, controller: Controller): boolean {
  if (listed(join(dir, "cgroup.subtree_control"), controller)) return false;
  enableBelow(dir, [controller]);
  return true;
}

/** The kernel refuses while groups of others below use the controller; then it is left to them. */
function disable(dir: string, controller: Controller): void {
  try {
    writeFileSync(join(dir, "cgroup.subtree_control"), `-${controller}`);
  } catch {
    // in use
  }
}

/** A file that only groups with the controller have. */
const CONTROL_FILE: Record<1 | 2, Record<Controller, string>> = {
  1: { memory: "memory.limit_in_bytes", cpu: "cpu.cfs_quota_us", pids: "pids.max" },
  2: { memory: "memory.max", cpu: "cpu.max", pids: "pids.max" },
};

function makeGroup(dir: string, controller: Controller, version: 1 | 2): void {
  mkdirSync(dir, { recursive: true });
  if (!existsSync(join(dir, CONTROL_FILE[version][controller])))
    throw new Error(`the kernel has no ${CONTROL_FILE[version][controller]}`);
  if (controller === "pids") writeFileSync(join(dir, "pids.max"), String(processBound()));
  if (version === 2) enableBelow(dir, [controller]);
}

const MOST_PROCESSES = 32_768;

/** How many threads all pods of a lab may have: at most half of what the machine has, so that it stays usable. */
function processBound(): number {
  const limits = ["pid_max", "threads-max"].map((name) => Number(readText(`/proc/sys/kernel/${name}`) ?? 0));
  return Math.min(
    MOST_PROCESSES,
    ...limits.filter((limit) => limit > 0).map((limit) => Math.floor(limit / 2)),
  );
}

/** Takes back what was done for a controller that then turned out to be of no use. */
async function undo(made: LabCgroups, controller: Controller, dir: string): Promise<void> {
  if (!made.groups.some((group) => group.dir === dir)) await removeGroup(dir);
  for (const entry of made.enabled) if (entry.controller === controller) disable(entry.dir, controller);
}
