import { existsSync } from "node:fs";
import { LAB_IMAGES } from "../images/mapping.ts";
import {
  LAB_APP,
  LAB_CACHE,
  LAB_HOST,
  LAB_NODE,
  type RootLayout,
  SANDBOX_BASE as BASE,
} from "../init/root-layout.ts";
import type { MemoryVolume } from "./empty-dir.ts";
import { type HostVolume, hostMounts } from "./node-root.ts";

/** Volumes of a pod, before and after the change of its root. */
export const POD_VOLUMES = "/run/tandem/volumes";

/**
 * The script of a pod's first process, in new namespaces (mount, UTS, IPC, PID and, unless the pod uses the node's,
 * network). It says `pid N` at once, so that the node can link the pod while the mounts are made; waits for `go` once
 * the link is there; sets the pod's side up; says `ready`; and then holds the namespaces until its input ends.
 *
 * `cat` with SIGCHLD ignored is that last process: the kernel reaps orphans for it, and when the node agent goes, its
 * input ends, and with process 1 all of the pod.
 */
export const SANDBOX_SCRIPT = `
set -e
read -r pid rest < /proc/self/stat
if [ -n "$POD_NETWORK" ]; then
  for file in /proc/sys/net/ipv6/conf/default/accept_dad /proc/sys/net/ipv6/conf/all/accept_dad; do
    [ ! -e $file ] || echo 0 > $file
  done
  [ ! -e /proc/sys/net/ipv4/ping_group_range ] || echo "0 0" > /proc/sys/net/ipv4/ping_group_range
  echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
fi
echo "pid $pid"
hostname "$POD_HOSTNAME"
mount -t tmpfs -o mode=755 pod ${BASE}
cd ${BASE}
mkdir -p rootfs $POD_FOLDERS
mount --bind rootfs rootfs
cd rootfs
mkdir -p proc sys dev tmp run/tandem/app run/tandem/node run/tandem/cache run/tandem/images run/tandem/volumes home root mnt var/log var/tmp $POD_TOP
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm dev/net
for name in $POD_DEVICES; do : > dev/$name; done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
[ -z "$POD_LINKS" ] || cp -P $POD_LINKS .
[ ! -d etc ] || [ -n "$POD_ETC_OVERLAID" ] || cp -a /etc/. etc/ 2>/dev/null || true
chmod 1777 tmp
cd ${BASE}
rm -f "$POD_ETC/resolv.conf" "$POD_ETC/hosts" "$POD_ETC/hostname"
mkdir -p "$POD_ETC" $POD_MOUNT_FOLDERS
for name in $POD_MOUNT_FILES; do : > "$name"; done
printf '%s' "$POD_RESOLV" > "$POD_ETC/resolv.conf"
printf '%s' "$POD_HOSTS" > "$POD_ETC/hosts"
printf '%s\\n' "$POD_HOSTNAME" > "$POD_ETC/hostname"
printf '%s' "$POD_MOUNTS" > mounts
mount -a -T mounts || [ $? = 64 ]
cd rootfs
pivot_root . .
umount -l .
cd /
read -r go
if [ -n "$POD_NETWORK" ]; then printf '%s\\n' "$POD_NETWORK" | ip -batch -; fi
if [ -n "$POD_SYSCTLS" ]; then
  printf '%s\\n' "$POD_SYSCTLS" | while IFS= read -r line; do
    printf '%s' "${"$"}{line#*=}" > "/proc/sys/${"$"}{line%%=*}" || {
      echo "sysctl ${"$"}{line%%=*} cannot be set to ${"$"}{line#*=}" >&2
      exit 1
    }
  done
fi
echo ready
exec 2>/dev/null
trap '' CHLD TERM INT HUP
exec cat > /dev/null
`;

/** What the script is told through its environment. */
export interface SandboxSetup {
  readonly hostname: string;
  readonly resolvConf: string;
  readonly hosts: string;
  /** `ip` commands of the pod's side; none for the node's own network. */
  readonly network: readonly string[];
  /** Volumes in memory, each a file system of its own. */
  readonly memoryVolumes?: readonly MemoryVolume[];
  /** Volumes of the node. */
  readonly hostVolumes?: readonly HostVolume[];
  /** Kernel parameters, see sysctlLines; set once the pod has its links. */
  readonly sysctls?: readonly string[];
}

/** The environment of the sandbox script. */
export function sandboxEnvironment(setup: SandboxSetup, layout: RootLayout): Record<string, string> {
  const etcOverlaid = layout.overlays.includes("etc");
  const memory = setup.memoryVolumes ?? [];
  const volumes = `${BASE}/rootfs${POD_VOLUMES}`;
  const host = hostMounts(setup.hostVolumes ?? [], `${BASE}/rootfs`, volumes);
  return {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    POD_HOSTNAME: setup.hostname,
    POD_RESOLV: setup.resolvConf,
    POD_HOSTS: setup.hosts,
    POD_NETWORK: setup.network.join("\n"),
    POD_FOLDERS: layout.overlays.flatMap((name) => [`up/${name}`, `scratch/${name}`]).join(" "),
    POD_DEVICES: devices().join(" "),
    POD_TOP: [...layout.overlays, ...layout.binds].join(" "),
    POD_LINKS: layout.links.map((name) => `/${name}`).join(" "),
    POD_ETC: etcOverlaid ? `${BASE}/up/etc` : `${BASE}/rootfs/etc`,
    POD_ETC_OVERLAID: etcOverlaid ? "1" : "",
    POD_MOUNT_FOLDERS: [...memory.map(({ name }) => `${volumes}/${name}`), ...host.folders].join(" "),
    POD_MOUNT_FILES: host.files.join(" "),
    POD_MOUNTS: mountTable(layout, memory, host.lines),
    POD_SYSCTLS: (setup.sysctls ?? []).join("\n"),
  };
}

/** What containers have below /dev, as by the OCI's runtime specification; the rest is the host's, and none of theirs. */
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty", "net/tun"];

function devices(): string[] {
  return DEVICES.filter((name) => existsSync(`/dev/${name}`));
}

/** The pod's mounts in the form of fstab, so that one `mount` process makes them all. */
function mountTable(layout: RootLayout, memory: readonly MemoryVolume[], more: readonly string[]): string {
  const root = `${BASE}/rootfs`;
  const overlay = (name: string) =>
    `overlay ${root}/${name} overlay lowerdir=/${name},upperdir=${BASE}/up/${name},workdir=${BASE}/scratch/${name},userxattr 0 0`;
  const bound = layout.binds.filter((name) => name !== "etc");
  const lines = [
    ...layout.overlays.map(overlay),
    ...bound.map((name) => `${LAB_HOST}/${name} ${root}/${name} none rbind 0 0`),
    ...devices().map((name) => `/dev/${name} ${root}/dev/${name} none bind 0 0`),
    `shm ${root}/dev/shm tmpfs mode=1777 0 0`,
    `pts ${root}/dev/pts devpts newinstance,ptmxmode=0666,mode=620 0 0`,
    ...memory.map(
      ({ name, bytes }) => `${name} ${root}${POD_VOLUMES}/${name} tmpfs size=${bytes},mode=0777 0 0`,
    ),
    `proc ${root}/proc proc defaults 0 0`,
    `sys ${root}/sys sysfs ro 0 0`,
    ...[LAB_APP, LAB_NODE, LAB_CACHE, LAB_IMAGES].map((path) => `${path} ${root}${path} none rbind 0 0`),
    ...more,
  ];
  return `${lines.join("\n")}\n`;
}
