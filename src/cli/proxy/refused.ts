/** kube-proxy's flags that `tandem proxy` does not take, each with why and what to do instead. */

/** Why a flag is refused. */
export interface Refusal {
  readonly why: string;
  readonly next: string;
}

const CONFIG: Refusal = {
  why: "Tandem reads no KubeProxyConfiguration file",
  next: "give the file's settings as flags of the same names",
};
const OTHER_MODE: Refusal = {
  why: "it is about the iptables or ipvs mode, and Tandem programs nftables",
  next: "leave it out",
};
const AT_ONCE: Refusal = {
  why: "changes are programmed at once, one transaction after the other; nothing is held back",
  next: "leave it out",
};
const CONNTRACK: Refusal = {
  why: "Tandem leaves the sysctls of connection tracking as they are",
  next: "set net.netfilter.nf_conntrack_* by sysctl",
};
const INTERFACES: Refusal = {
  why: "pods are told from others by their addresses, not by interfaces",
  next: "give the pods' ranges by --cluster-cidr",
};
const CLIENT: Refusal = { why: "Tandem's client has no such setting", next: "leave it out" };
const LOGGING: Refusal = {
  why: "Tandem logs to standard error, what matters and no more",
  next: "leave it out",
};

/** By the name of the flag, without dashes. */
export const REFUSED: Readonly<Record<string, Refusal>> = {
  config: CONFIG,
  "write-config-to": CONFIG,
  "iptables-sync-period": OTHER_MODE,
  "iptables-min-sync-period": OTHER_MODE,
  "iptables-localhost-nodeports": OTHER_MODE,
  "ipvs-scheduler": OTHER_MODE,
  "ipvs-exclude-cidrs": OTHER_MODE,
  "ipvs-strict-arp": OTHER_MODE,
  "ipvs-sync-period": OTHER_MODE,
  "ipvs-min-sync-period": OTHER_MODE,
  "ipvs-tcp-timeout": OTHER_MODE,
  "ipvs-tcpfin-timeout": OTHER_MODE,
  "ipvs-udp-timeout": OTHER_MODE,
  "min-sync-period": AT_ONCE,
  "config-sync-period": {
    why: "changes come by watches, and nothing is listed again by time",
    next: "leave it out; --sync-period says how often the rules are compared with the kernel's",
  },
  "conntrack-max-per-core": CONNTRACK,
  "conntrack-min": CONNTRACK,
  "conntrack-tcp-timeout-established": CONNTRACK,
  "conntrack-tcp-timeout-close-wait": CONNTRACK,
  "conntrack-udp-timeout": CONNTRACK,
  "conntrack-udp-timeout-stream": CONNTRACK,
  "conntrack-tcp-be-liberal": CONNTRACK,
  "pod-bridge-interface": INTERFACES,
  "pod-interface-name-prefix": INTERFACES,
  "kube-api-qps": CLIENT,
  "kube-api-burst": CLIENT,
  "kube-api-content-type": CLIENT,
  "oom-score-adj": {
    why: "Tandem leaves its own OOM score as it is",
    next: "set it where the process is started (choom -n, or OOMScoreAdjust= of systemd)",
  },
  "init-only": { why: "there are no privileged steps before the start", next: "leave it out" },
  profiling: { why: "no profiles are served", next: "leave it out" },
  "healthz-port": {
    why: "it is deprecated in kube-proxy itself",
    next: "use --healthz-bind-address=ADDRESS:PORT",
  },
  "metrics-port": {
    why: "it is deprecated in kube-proxy itself",
    next: "use --metrics-bind-address=ADDRESS:PORT",
  },
  "feature-gates": { why: "Tandem has no feature gates", next: "leave it out" },
  "show-hidden-metrics-for-version": { why: "Tandem hides no metrics", next: "leave it out" },
  v: LOGGING,
  vmodule: LOGGING,
  "logging-format": LOGGING,
  "log-flush-frequency": LOGGING,
};
