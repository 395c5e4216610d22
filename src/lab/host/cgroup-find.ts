/** The controllers that limits of containers need, by the names that cgroups v1 and v2 share. */
export const CONTROLLERS = ["memory", "cpu", "pids"] as const;
/** A controller of control groups that the lab makes use of. */
export type Controller = (typeof CONTROLLERS)[number];

/** The control group that a process is in, of one hierarchy. */
export interface OwnGroup {
  /** Where the hierarchy is mounted. */
  readonly mount: string;
  /** The group below the mount; `/` is the hierarchy's root, as far as this process sees it. */
  readonly path: string;
}

/** The groups of a process: one for each controller that has a v1 hierarchy, and that of the v2 hierarchy. */
export interface OwnGroups {
  readonly v1: Partial<Record<Controller, OwnGroup>>;
  readonly v2?: OwnGroup;
}

/**
 * Reads which groups a process is in, and where they are to be found (cgroups(7)). A group outside of what is mounted here
 * is left out.
 * @param mountinfo text of /proc/self/mountinfo
 * @param memberships text of /proc/self/cgroup
 */
export function ownGroups(mountinfo: string, memberships: string): OwnGroups {
  const mounts = mountinfo.split("\n").flatMap(mountOf);
  const v1: Partial<Record<Controller, OwnGroup>> = {};
  let v2: OwnGroup | undefined;
  for (const line of memberships.split("\n")) {
    const [, names = "", path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (names === "") v2 ??= groupAt(mounts, (mount) => mount.type === "cgroup2", path);
    for (const name of names.split(",").filter(isController)) {
      const found = groupAt(mounts, ({ type, options }) => type === "cgroup" && options.includes(name), path);
      if (found !== undefined) v1[name] = found;
    }
  }
  return { v1, ...(v2 && { v2 }) };
}

function isController(name: string): name is Controller {
  return (CONTROLLERS as readonly string[]).includes(name);
}

interface Mount {
  /** The part of the hierarchy that is mounted. */
  readonly root: string;
  readonly at: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** `36 35 98:0 ROOT AT options … - TYPE source SUPER-OPTIONS` (proc_pid_mountinfo(5)). */
function mountOf(line: string): Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root, at] = before.split(" ");
  const [type = "", , options = ""] = after.split(" ");
  if (root === undefined || at === undefined || !type.startsWith("cgroup")) return [];
  return [{ root: unescaped(root), at: unescaped(at), type, options: options.split(",") }];
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

function groupAt(mounts: readonly Mount[], fits: (mount: Mount) => boolean, path: string) {
  for (const { root, at } of mounts.filter(fits)) {
    if (root === "/") return { mount: at, path };
    if (path === root) return { mount: at, path: "/" };
    if (path.startsWith(`${root}/`)) return { mount: at, path: path.slice(root.length) };
  }
  return undefined;
}
