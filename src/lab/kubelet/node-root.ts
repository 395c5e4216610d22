/**
 * The root file system of a node, for volumes of the kind hostPath: the host's programs as pods see them, and folders in
 * memory that all pods of the node share, and that stay when the node's agent starts anew.
 */
import { existsSync, lstatSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AnyVolume } from "../../objects/types.ts";
import { LAB_HOST, readRootLayout, type RootLayout } from "../init/root-layout.ts";
import { run } from "../run.ts";
import { MountFailed } from "./mount-failed.ts";

const NODES = "/run/tandem/nodes";

/** A path of a node that a pod mounts. */
export interface HostVolume {
  /** The volume's name. */
  readonly name: string;
  /** As the pod names it. */
  readonly path: string;
  /** Where the node has it, in the lab; undefined: it is the kernel's, and the pod gets its own. */
  readonly source?: string;
  readonly isFolder: boolean;
}

/** Of these a pod gets its own: the node's would show what is not the pod's to see. */
const KERNELS = /^\/(proc|sys|dev)(\/|$)/;

/** One node's root; made when the first pod asks for it. */
export class NodeRoot {
  readonly #folder: string;
  readonly #node: string;
  #made: Promise<string> | undefined;

  constructor(node: string) {
    this.#node = node;
    this.#folder = join(NODES, node);
  }

  /**
   * The hostPath volumes among these, each checked, and made where its type says so (pkg/volume/hostpath).
   * @throws MountFailed where something else, or nothing, is there
   */
  async volumes(volumes: readonly AnyVolume[]): Promise<HostVolume[]> {
    const those = volumes.filter((volume) => volume["hostPath"] !== undefined);
    if (those.length === 0) return [];
    const root = await this.#root().catch((error) => {
      throw new MountFailed(those[0]?.name ?? "", error as Error);
    });
    return those.map(({ name, hostPath }) => {
      const path: string = hostPath.path;
      if (KERNELS.test(path)) return { name, path, isFolder: !existsSync(path) || isFolder(path) };
      const source = join(root, path);
      try {
        prepare(source, path, hostPath.type ?? "");
      } catch (error) {
        throw new MountFailed(name, error as Error);
      }
      return { name, path, source, isFolder: isFolder(source) };
    });
  }

  #root(): Promise<string> {
    this.#made ??= this.#make(readRootLayout()).catch((error) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }

  async #make(layout: RootLayout): Promise<string> {
    const root = join(this.#folder, "root");
    if (existsSync(root)) return root; // of an agent before this one
    const building = join(this.#folder, "building");
    const shown = (names: readonly string[]) => names.filter((name) => !OWN.has(name)).join(" ");
    const script = ["sh", "-ec", MAKE, "root", building, this.#node, layout.links.join(" ")];
    await run([...script, shown(layout.overlays), shown(layout.binds)]);
    await run(["sh", "-ec", 'mkdir "$2"; mount --move "$1" "$2"', "move", building, root]);
    return root;
  }
}

/** A node has these for itself, as pods write there: a plain user may not, where an overlay shows root's folders. */
const OWN = new Set(["etc", "var", "opt", "srv"]);

/** The root is a mount of its own, so that it can be moved to its place when it is whole. */
const MAKE = `
building=$1 node=$2 links=$3 overlays=$4 binds=$5
mkdir -p "$building"
mount -t tmpfs -o mode=755 node "$building"
mount --make-private "$building"
cd "$building"
mkdir -p .up .work proc sys dev tmp run home root mnt etc opt srv var/cache var/lib var/log var/tmp $overlays $binds
chmod 1777 tmp var/tmp
ln -s /run var/run
cp -a /etc/. etc/ 2>/dev/null || true
rm -f etc/hostname
echo "$node" > etc/hostname
for name in $links; do cp -P "/$name" .; done
for name in $overlays; do
  mkdir -p .up/$name .work/$name
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=.up/$name,workdir=.work/$name,userxattr" "$name"
done
for name in $binds; do mount --rbind "${LAB_HOST}/$name" "$name"; done`;

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** What each type of hostPath wants to find, and whether it is made where nothing is there. */
function prepare(source: string, path: string, type: string): void {
  const found = statSync(source, { throwIfNoEntry: false });
  const fail = (what: string): never => {
    throw new Error(`hostPath type check failed: ${path} is not ${what}`);
  };
  switch (type) {
    case "":
      // a container runtime makes a folder of what is not there
      if (found === undefined) mkdirSync(source, { recursive: true });
      return;
    case "DirectoryOrCreate":
      if (found === undefined) mkdirSync(source, { recursive: true });
      return void ((found?.isDirectory() ?? true) || fail("a directory"));
    case "FileOrCreate":
      if (found === undefined && isFolder(dirname(source))) writeFileSync(source, "");
      return void (lstatSync(source, { throwIfNoEntry: false })?.isFile() || fail("a file"));
    case "Directory":
      return void (found?.isDirectory() || fail("a directory"));
    case "File":
      return void (found?.isFile() || fail("a file"));
    case "Socket":
      return void (found?.isSocket() || fail("a socket"));
    case "CharDevice":
      return void (found?.isCharacterDevice() || fail("a character device"));
    default:
      return void (found?.isBlockDevice() || fail("a block device"));
  }
}

/**
 * The lines of fstab that show volumes of a node in a pod, and the folders and files that they need to be there first.
 * @param root the pod's root
 * @param folder where its volumes are
 */
export function hostMounts(volumes: readonly HostVolume[], root: string, folder: string) {
  const targetOf = ({ name }: HostVolume) => `${folder}/${name}`;
  return {
    folders: volumes.filter(({ isFolder }) => isFolder).map(targetOf),
    files: volumes.filter(({ isFolder }) => !isFolder).map(targetOf),
    lines: volumes.flatMap((volume) => {
      const target = targetOf(volume);
      const bound = `${escaped(volume.source ?? `${root}${volume.path}`)} ${target} none rbind 0 0`;
      if (volume.path !== "/") return [bound];
      return [
        bound,
        `proc ${target}/proc proc defaults 0 0`,
        `sys ${target}/sys sysfs ro 0 0`,
        `${root}/dev ${target}/dev none rbind 0 0`,
      ];
    }),
  };
}

/** Of blanks and backslashes fstab wants the octal code (fstab(5)). */
function escaped(path: string): string {
  return path.replace(/[\s\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
