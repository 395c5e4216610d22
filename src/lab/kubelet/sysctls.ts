/** Kernel parameters of pods (`spec.securityContext.sysctls`): which are let in, and what is written for them. */
import type { Pod } from "../../objects/types.ts";

/** Those that no other pod notices (pkg/kubelet/sysctl/safe_sysctls.go, Kubernetes 1.35). */
const SAFE: readonly string[] = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
];

/** Those of a pod's network or IPC namespace: only they can be allowed. */
const NAMESPACED = ["net.", "kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."];

/** Whether a name or a pattern that ends in `*` is of a pod's own namespaces, so that it can be allowed. */
export function isNamespaced(pattern: string): boolean {
  const name = normalized(pattern.replace(/\*$/, ""));
  return NAMESPACED.some((prefix) => name.startsWith(prefix));
}

/**
 * Why a pod may not have its sysctls; undefined where it may. The words are the kubelet's (pkg/kubelet/sysctl/allowlist.go).
 * @param allowed beside the safe ones: names, or patterns that end in `*`
 */
export function forbiddenSysctl(pod: Pod, allowed: readonly string[]): string | undefined {
  const matches = (name: string) => (pattern: string) =>
    pattern.endsWith("*") ? name.startsWith(normalized(pattern.slice(0, -1))) : name === normalized(pattern);
  for (const sysctl of pod.spec.securityContext?.sysctls ?? []) {
    const name = normalized(sysctl.name);
    const quoted = JSON.stringify(name);
    if (![...SAFE, ...allowed].some(matches(name))) return `forbidden sysctl: ${quoted} not allowlisted`;
    if (pod.spec.hostNetwork && name.startsWith("net."))
      return `forbidden sysctl: ${quoted} not allowed with host net enabled`;
  }
  return undefined;
}

/** One a line, `FILE BELOW /proc/sys=VALUE`, in the pod's order. */
export function sysctlLines(pod: Pod): string[] {
  return (pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => {
    const file = normalized(name).replace(/[./]/g, (mark) => (mark === "." ? "/" : "."));
    return `${file}=${value.replaceAll("\n", " ")}`;
  });
}

/** With dots between the parts; `net/ipv4/conf/eth0.1/x` is `net.ipv4.conf.eth0/1.x` (sysctl(8)). */
function normalized(name: string): string {
  const [first] = /[./]/.exec(name) ?? [];
  return first === "/" ? name.replace(/[./]/g, (mark) => (mark === "/" ? "." : "/")) : name;
}
