/**
 * The flags that the components know, by type. Kept wide: a flag that one of the supported releases (v1.31 to v1.35)
 * has is known, so that only a misspelt or long removed one is called unknown. A name ending in `*` stands for a family.
 */
import type { FlagSet, FlagType } from "./pflag.ts";
import type { Component } from "./verdict.ts";

type Table = Partial<Record<FlagType, string>>;

/** component-base: logging, metrics, versions, feature gates. */
const COMMON: Table = {
  bool: `help version log-json-split-stream log-text-split-stream add-dir-header alsologtostderr logtostderr one-output
    skip-headers skip-log-headers emulation-forward-compatible runtime-config-emulation-forward-compatible`,
  duration: "log-flush-frequency",
  int32: "v",
  list: "disabled-metrics emulated-version min-compatibility-version",
  string: `allow-metric-labels allow-metric-labels-manifest feature-gates log-backtrace-at log-dir log-file
    log-file-max-size log-json-info-buffer-size log-text-info-buffer-size logging-format
    show-hidden-metrics-for-version stderrthreshold vmodule boot-id-file machine-id-file
    azure-container-registry-config`,
};

/** apiserver's secure serving and delegated authentication, which the control plane's components share. */
const SERVING: Table = {
  bool: `permit-address-sharing permit-port-sharing disable-http2-serving profiling contention-profiling
    authentication-skip-lookup authentication-tolerate-lookup-failure`,
  duration: `authentication-token-webhook-cache-ttl authorization-webhook-cache-authorized-ttl
    authorization-webhook-cache-unauthorized-ttl authentication-token-webhook-request-timeout
    authorization-webhook-request-timeout`,
  int: "http2-max-streams-per-connection secure-port",
  ip: "bind-address",
  list: `requestheader-allowed-names requestheader-extra-headers-prefix requestheader-group-headers
    requestheader-uid-headers requestheader-username-headers tls-cipher-suites tls-curve-preferences`,
  string: `cert-dir client-ca-file cloud-config cloud-provider requestheader-client-ca-file tls-cert-file tls-min-version
    tls-private-key-file tls-sni-cert-key cloud-provider-gce-lb-src-cidrs cloud-provider-gce-l7lb-src-cidrs
    authentication-kubeconfig authorization-kubeconfig authorization-always-allow-paths`,
};

const APISERVER: Table = {
  bool: `allow-privileged anonymous-auth audit-log-compress audit-log-truncate-enabled audit-webhook-truncate-enabled
    enable-aggregator-routing enable-bootstrap-token-auth enable-garbage-collector enable-logs-handler
    enable-priority-and-fairness encryption-provider-config-automatic-reload service-account-extend-token-expiration
    service-account-lookup watch-cache aggregator-reject-forwarding-redirect shutdown-send-retry-after kubelet-https
    allow-unsafe-malformed-object-deletion`,
  duration: `audit-webhook-batch-max-wait audit-webhook-initial-backoff etcd-compaction-interval
    etcd-count-metric-poll-period etcd-db-metric-poll-interval etcd-healthcheck-timeout etcd-readycheck-timeout event-ttl
    kubelet-timeout livez-grace-period request-timeout service-account-max-token-expiration shutdown-delay-duration
    shutdown-watch-termination-grace-period storage-initialization-timeout audit-log-batch-max-wait
    coordinated-leadership-lease-duration coordinated-leadership-renew-deadline coordinated-leadership-retry-period`,
  int: `apiserver-count audit-log-batch-buffer-size audit-log-batch-max-size audit-log-batch-throttle-burst audit-log-maxage
    audit-log-maxbackup audit-log-maxsize audit-log-truncate-max-batch-size audit-log-truncate-max-event-size
    audit-webhook-batch-buffer-size audit-webhook-batch-max-size audit-webhook-batch-throttle-burst
    audit-webhook-truncate-max-batch-size audit-webhook-truncate-max-event-size default-watch-cache-size
    delete-collection-workers kubelet-port kubelet-read-only-port kubernetes-service-node-port lease-reuse-duration-seconds
    max-connection-bytes-per-sec max-mutating-requests-inflight max-requests-inflight min-request-timeout
    max-resource-write-bytes`,
  ip: "advertise-address",
  list: `admission-control api-audiences authorization-mode disable-admission-plugins enable-admission-plugins etcd-servers
    etcd-servers-overrides kubelet-preferred-address-types oidc-signing-algs service-account-issuer
    service-account-key-file strict-transport-security-directives watch-cache-sizes cors-allowed-origins`,
  portRange: "service-node-port-range",
  string: `admission-control-config-file audit-log-batch-throttle-enable audit-log-batch-throttle-qps audit-log-format
    audit-log-mode audit-log-path audit-log-version audit-policy-file audit-webhook-batch-throttle-enable
    audit-webhook-batch-throttle-qps audit-webhook-config-file audit-webhook-mode audit-webhook-version
    audit-log-truncate-version audit-webhook-truncate-version
    authentication-config authentication-token-webhook-config-file authentication-token-webhook-version
    authorization-config authorization-policy-file authorization-webhook-config-file authorization-webhook-version
    debug-socket-path egress-selector-config-file encryption-provider-config endpoint-reconciler-type etcd-cafile
    etcd-certfile etcd-keyfile etcd-prefix external-hostname goaway-chance kubelet-certificate-authority
    kubelet-client-certificate kubelet-client-key oidc-ca-file oidc-client-id oidc-groups-claim oidc-groups-prefix
    oidc-issuer-url oidc-required-claim oidc-username-claim oidc-username-prefix peer-advertise-ip peer-advertise-port
    peer-ca-file proxy-client-cert-file proxy-client-key-file runtime-config service-account-jwks-uri
    service-account-signing-endpoint service-account-signing-key-file service-cluster-ip-range storage-backend
    storage-media-type token-auth-file tracing-config-file`,
};

const CONTROLLER_MANAGER: Table = {
  bool: `allocate-node-cidrs allow-untagged-cloud configure-cloud-routes disable-attach-detach-reconcile-sync
    disable-force-detach-on-timeout enable-dynamic-provisioning enable-garbage-collector enable-hostpath-provisioner
    enable-leader-migration leader-elect use-service-account-credentials enable-taint-manager volume-host-allow-local-loopback`,
  duration: `attach-detach-reconcile-sync-period cluster-signing-duration controller-start-interval
    controller-shutdown-timeout endpoint-updates-batch-period endpointslice-updates-batch-period
    horizontal-pod-autoscaler-cpu-initialization-period horizontal-pod-autoscaler-downscale-stabilization
    horizontal-pod-autoscaler-initial-readiness-delay horizontal-pod-autoscaler-sync-period leader-elect-lease-duration
    leader-elect-renew-deadline leader-elect-retry-period legacy-service-account-token-clean-up-period min-resync-period
    mirroring-endpointslice-updates-batch-period namespace-sync-period node-monitor-grace-period node-monitor-period
    node-startup-grace-period node-sync-period pvclaimbinder-sync-period resource-quota-sync-period
    route-reconciliation-period`,
  int: `concurrent-* large-cluster-size-threshold max-endpoints-per-slice mirroring-concurrent-service-endpoint-syncs
    mirroring-max-endpoints-per-subset pv-recycler-increment-timeout-nfs pv-recycler-minimum-timeout-hostpath
    pv-recycler-minimum-timeout-nfs pv-recycler-timeout-increment-hostpath terminated-pod-gc-threshold kube-api-burst`,
  int32: "node-cidr-mask-size node-cidr-mask-size-ipv4 node-cidr-mask-size-ipv6",
  list: "controllers",
  string: `cidr-allocator-type cluster-cidr cluster-name cluster-signing-* external-cloud-volume-plugin flex-volume-plugin-dir
    horizontal-pod-autoscaler-tolerance kube-api-content-type kube-api-qps kubeconfig leader-elect-resource-lock
    leader-elect-resource-name leader-elect-resource-namespace leader-migration-config master node-eviction-rate
    pv-recycler-pod-template-filepath-hostpath pv-recycler-pod-template-filepath-nfs root-ca-file
    secondary-node-eviction-rate service-account-private-key-file service-cluster-ip-range unhealthy-zone-threshold
    volume-host-cidr-denylist`,
};

const PROXY: Table = {
  bool: `bind-address-hard-fail cleanup init-only ipvs-strict-arp iptables-localhost-nodeports masquerade-all profiling
    conntrack-tcp-be-liberal`,
  duration: `config-sync-period conntrack-tcp-timeout-close-wait conntrack-tcp-timeout-established conntrack-udp-timeout
    conntrack-udp-timeout-stream iptables-min-sync-period iptables-sync-period ipvs-min-sync-period ipvs-sync-period
    ipvs-tcp-timeout ipvs-tcpfin-timeout ipvs-udp-timeout`,
  int32: `conntrack-max-per-core conntrack-min healthz-port iptables-masquerade-bit kube-api-burst metrics-port
    oom-score-adj`,
  ipVar: "bind-address",
  ipPort: "healthz-bind-address metrics-bind-address",
  list: "ipvs-exclude-cidrs nodeport-addresses",
  string: `cluster-cidr config detect-local-mode hostname-override ipvs-scheduler kube-api-content-type kube-api-qps kubeconfig
    master pod-bridge-interface pod-interface-name-prefix proxy-mode write-config-to`,
};

const KUBELET: Table = {
  bool: `anonymous-auth authentication-token-webhook cgroups-per-qos contention-profiling cpu-cfs-quota
    enable-controller-attach-detach enable-debugging-handlers enable-load-reader enable-server exit-on-lock-contention
    experimental-allocatable-ignore-eviction fail-cgroupv1 fail-swap-on keep-terminated-pod-volumes
    kernel-memcg-notification local-storage-capacity-isolation log-cadvisor-usage make-iptables-util-chains
    protect-kernel-defaults register-node register-schedulable rotate-certificates rotate-server-certificates runonce
    seccomp-default serialize-image-pulls storage-driver-secure`,
  duration: `authentication-token-webhook-cache-ttl authorization-webhook-cache-authorized-ttl
    authorization-webhook-cache-unauthorized-ttl cpu-cfs-quota-period cpu-manager-reconcile-period
    eviction-pressure-transition-period file-check-frequency global-housekeeping-interval housekeeping-interval
    http-check-frequency minimum-container-ttl-duration minimum-image-ttl-duration node-status-update-frequency
    runtime-request-timeout storage-driver-buffer-duration streaming-connection-idle-timeout sync-frequency
    volume-stats-agg-period`,
  int32: `container-log-max-files event-burst event-qps eviction-max-pod-grace-period healthz-port image-gc-high-threshold
    image-gc-low-threshold kube-api-burst kube-api-qps max-pods maximum-dead-containers
    maximum-dead-containers-per-container node-status-max-images oom-score-adj pods-per-core port read-only-port
    registry-burst registry-qps`,
  int: "max-open-files pod-max-pids",
  ipVar: "address healthz-bind-address",
  list: "allowed-unsafe-sysctls cluster-dns enforce-node-allocatable tls-cipher-suites",
  string: `application-metrics-count-limit authorization-mode bootstrap-kubeconfig cert-dir cgroup-driver cgroup-root
    client-ca-file cloud-config cloud-provider cluster-domain config config-dir container-hints container-log-max-size
    container-runtime-endpoint containerd containerd-namespace cpu-manager-policy cpu-manager-policy-options
    event-storage-age-limit event-storage-event-limit eviction-hard eviction-minimum-reclaim eviction-soft
    eviction-soft-grace-period experimental-mounter-path hairpin-mode hostname-override
    image-credential-provider-bin-dir image-credential-provider-config image-service-endpoint kube-api-content-type
    kube-reserved kube-reserved-cgroup kubeconfig kubelet-cgroups lock-file manifest-url manifest-url-header
    master-service-namespace memory-manager-policy node-ip node-labels pod-cidr pod-infra-container-image
    pod-manifest-path provider-id qos-reserved register-with-taints reserved-cpus reserved-memory resolv-conf root-dir
    runtime-cgroups storage-driver-db storage-driver-host storage-driver-password storage-driver-table
    storage-driver-user system-cgroups system-reserved system-reserved-cgroup tls-cert-file tls-min-version
    tls-private-key-file topology-manager-policy topology-manager-policy-options topology-manager-scope
    volume-plugin-dir`,
};

const TABLES: Record<Component, readonly Table[]> = {
  "kube-apiserver": [APISERVER, SERVING, COMMON],
  "kube-controller-manager": [CONTROLLER_MANAGER, SERVING, COMMON],
  "kube-proxy": [PROXY, COMMON],
  kubelet: [KUBELET, COMMON],
};

/** The flags of a component. */
export function flagSetOf(component: Component): FlagSet {
  const types = new Map<string, FlagType>();
  const prefixes: [string, FlagType][] = [];
  for (const table of TABLES[component]) {
    for (const [type, names] of Object.entries(table) as [FlagType, string][]) {
      for (const name of names.split(/\s+/)) {
        if (name.endsWith("*")) prefixes.push([name.slice(0, -1), type]);
        else if (!types.has(name)) types.set(name, type);
      }
    }
  }
  return { typeOf: (name) => types.get(name) ?? prefixes.find(([prefix]) => name.startsWith(prefix))?.[1] };
}
