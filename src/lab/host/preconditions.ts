import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UserError } from "../../errors/user-error.ts";
import type { Family } from "../../ip/family.ts";

/** Programs that the lab runs, and the Debian package of each. */
const PROGRAMS: Record<string, string> = {
  unshare: "util-linux",
  nsenter: "util-linux",
  setpriv: "util-linux",
  mount: "mount",
  ip: "iproute2",
  nft: "nftables",
};

/** Where system programs are, for users whose PATH lacks the sbin folders (Debian's default). */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The PATH of the lab's own processes: the user's, then the system's. */
export function labPath(environment: NodeJS.ProcessEnv = process.env): string {
  return [environment["PATH"], SYSTEM_PATH].filter(Boolean).join(delimiter);
}

/** The file of a program on a PATH; undefined when there is none that may be executed. */
export function findProgram(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @throws UserError naming what this machine lacks: programs, or IPv6 when a family asked for needs it */
export function checkMachine(families: readonly Family[]): void {
  if (process.platform !== "linux")
    fail(`this is ${process.platform}; the lab needs Linux`, "run it on Linux or in a Linux VM");
  const path = labPath();
  const missing = Object.keys(PROGRAMS).filter((name) => findProgram(name, path) === undefined);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => PROGRAMS[name]))].join(" ");
    fail(`${missing.join(", ")} not found on PATH`, `sudo apt-get install ${packages}`);
  }
  if (families.includes("IPv6") && !existsSync("/proc/net/if_inet6")) {
    const next = families.includes("IPv4")
      ? "tandem up --ip-families=IPv4, or boot without ipv6.disable=1"
      : "boot the kernel without ipv6.disable=1";
    fail("the kernel has no IPv6 (/proc/net/if_inet6 is missing)", next);
  }
}

function fail(why: string, next: string): never {
  throw new UserError({ what: "cannot start the cluster", where: "this machine", why, next });
}

/**
 * Explains why `unshare` failed: the switches that forbid user namespaces, where one of them is set; else what
 * it said itself.
 */
export function explainUnshareFailure(stderr: string): UserError {
  const said = stderr.trim().split("\n")[0] || "unshare failed";
  const why = (text: string, next: string) =>
    new UserError({
      what: "cannot start the cluster",
      where: "namespaces of this machine",
      why: `${text} (${said})`,
      next,
    });
  if (process.getuid?.() === 0)
    return why(
      "root may not make namespaces here",
      "give this container CAP_SYS_ADMIN (docker run --privileged)",
    );
  const sysctls: [string, string, string][] = [
    ["kernel/unprivileged_userns_clone", "0", "1"],
    ["user/max_user_namespaces", "0", "15000"],
    ["kernel/apparmor_restrict_unprivileged_userns", "1", "0"],
  ];
  for (const [name, forbids, allows] of sysctls) {
    if (sysctl(name) !== forbids) continue;
    const dotted = name.replaceAll("/", ".");
    return why(
      `unprivileged user namespaces are off: ${dotted}=${forbids}`,
      `sudo sysctl -w ${dotted}=${allows}`,
    );
  }
  return why(
    "this user may not make user namespaces here",
    "run tandem as root, or allow user namespaces (man 7 user_namespaces)",
  );
}

function sysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim();
  } catch {
    return undefined;
  }
}
