import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { LAB_IMAGES } from "../images/mapping.ts";
import { run } from "../run.ts";

/**
 * How the root file system of pods is put together from the host's top-level folders. Pods see the host's programs
 * and libraries; what they write stays in memory and is theirs alone.
 */
export interface RootLayout {
  /** Symbolic links of the host's root (`/bin -> usr/bin`), copied. */
  readonly links: readonly string[];
  /** Folders that get a writable layer of the pod's own on top. */
  readonly overlays: readonly string[];
  /** Folders that can only be shown read-only here. */
  readonly binds: readonly string[];
}

/** Tandem's package, read-only; pods see it at the same place, for the built-in images. */
export const LAB_APP = "/run/tandem/app";
/** The folder of the Node that runs it, likewise. */
export const LAB_NODE = "/run/tandem/node";
/** Node's cache of compiled code, writable: it halves the start of the built-in images. */
export const LAB_CACHE = "/run/tandem/cache";
/** Folders of the host that cannot be overlaid, read-only. */
export const LAB_HOST = "/run/tandem/host";

/** Where each pod builds its root, in a mount namespace of its own. */
export const SANDBOX_BASE = "/run/tandem/sandbox";

/** Top-level folders that pods see; homes and other data of the host they do not. */
const SHOWN = new Set(["bin", "sbin", "usr", "etc", "opt", "srv", "var"]);
const FILE = "/run/tandem/root.json";

/** Shows Tandem's own files below /run, where every pod has them whatever is mounted over the rest. */
export async function bindOwnFiles(packageRoot: string, nodeBinary: string, cache: string): Promise<void> {
  const folders = [packageRoot, LAB_APP, dirname(nodeBinary), LAB_NODE];
  await run(["sh", "-ec", BIND_OWN, "bind", ...folders, cache, LAB_CACHE]);
}

const BIND_OWN = `
mkdir -p "$2" "$4" "$6" ${SANDBOX_BASE}
mount --rbind "$1" "$2"; mount -o remount,bind,ro "$2"
mount --rbind "$3" "$4"; mount -o remount,bind,ro "$4"
[ -z "$5" ] || mount --bind "$5" "$6"`;

/** Shows single programs of the host, read-only, at the places given. */
export async function bindPrograms(
  programs: readonly (readonly [program: string, place: string])[],
): Promise<void> {
  await run(["sh", "-ec", BIND_PROGRAMS, "bind", LAB_IMAGES, ...programs.flat()]);
}

const BIND_PROGRAMS = `
mkdir -p "$1"; shift
while [ $# -gt 0 ]; do
  mkdir -p "${"$"}{2%/*}"; : > "$2"
  mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"
  shift 2
done`;

/**
 * Finds out, once a lab, which of the host's folders can be overlaid: the kernel refuses it to plain users where
 * something of the host is mounted below, and not every kernel has overlayfs.
 */
export async function detectRootLayout(): Promise<RootLayout> {
  const names = readdirSync("/").filter((name) => SHOWN.has(name) || name.startsWith("lib"));
  const links = names.filter((name) => lstatSync(`/${name}`).isSymbolicLink());
  const folders = names.filter((name) => !links.includes(name) && lstatSync(`/${name}`).isDirectory());
  const overlays = (await run(["sh", "-c", TRY_OVERLAYS, "try", ...folders])).split("\n").filter(Boolean);
  const layout = { links, overlays, binds: folders.filter((name) => !overlays.includes(name)) };
  writeFileSync(FILE, JSON.stringify(layout));
  return layout;
}

/** Tries each folder given and prints those that work; the others it shows read-only below LAB_HOST. */
const TRY_OVERLAYS = `
cd /run/tandem && mkdir -p try/up try/work try/at
for name in "$@"; do
  if mount -t overlay overlay -o "lowerdir=/$name,upperdir=try/up,workdir=try/work,userxattr" try/at 2>/dev/null; then
    umount try/at
    echo "$name"
  else
    mkdir -p "${LAB_HOST}/$name"
    mount --rbind "/$name" "${LAB_HOST}/$name"
    mount -o remount,bind,ro "${LAB_HOST}/$name"
  fi
done
rm -rf try`;

/** What {@link detectRootLayout} found. */
export function readRootLayout(): RootLayout {
  return JSON.parse(readFileSync(FILE, "utf8")) as RootLayout;
}
