import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findComponents, judgeCluster } from "../../src/allocation/flags/index.ts";

const SERVICES = "--service-cluster-ip-range";
const MINIKUBE = `
UID          PID    PPID  C STIME TTY          TIME CMD
root        2972    1054  1 11:09 ?        00:09:51 /var/lib/minikube/binaries/v1.31.0/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --config=/var/lib/kubelet/config.yaml --hostname-override=minikube --kubeconfig=/etc/kubernetes/kubelet.conf --node-ip=192.168.49.2
root        3516    3496  1 11:09 ?        00:08:52 etcd --advertise-client-urls=https://192.168.49.2:2379 --data-dir=/var/lib/minikube/etcd
root        3580    3542  2 11:09 ?        00:15:19 kube-apiserver --advertise-address=192.168.49.2 --allow-privileged=true --secure-port=8443 ${SERVICES}=10.96.0.0/12
root        3674    3624  1 11:09 ?        00:06:42 kube-controller-manager --allocate-node-cidrs=true --cluster-cidr=10.244.0.0/16 --controllers=*,bootstrapsigner,tokencleaner ${SERVICES}=10.96.0.0/12
root        3713    3691  0 11:09 ?        00:01:24 kube-scheduler --bind-address=127.0.0.1 --leader-elect=false
root        4779    4683  0 11:09 ?        00:00:04 /usr/local/bin/kube-proxy --config=/var/lib/kube-proxy/config.conf --hostname-override=minikube
root       45275       1  0 14:42 ?        00:00:01 snapfuse /var/lib/snapd/snaps/kubeadm_3513.snap /snap/kubeadm/3513 -o ro,nodev
eric      125908     687  0 21:22 pts/0    00:00:00 grep kube
eric      125909     687  0 21:22 pts/0    00:00:00 grep -w kubelet
eric      125910     687  0 21:22 pts/0    00:00:00 vim kube-apiserver.yaml kubelet
`;

/** A cluster by its flags, as `ps -o args` prints it. */
const cluster = (...lines: string[]) => judgeCluster(findComponents(lines.join("\n")));
const V4 = "10.96.0.0/16";
const V6 = "fd00:10:96::/112";
const PODS = "10.244.0.0/16,fd00:10:244::/56";
const NODE = "--node-ip=192.0.2.1,2001:db8::1";
const DUAL = [
  `kube-apiserver ${SERVICES}=${V4},${V6}`,
  `kube-controller-manager --allocate-node-cidrs --cluster-cidr=${PODS} ${SERVICES}=${V4},${V6}`,
  `kube-proxy --cluster-cidr=${PODS}`,
  `kubelet ${NODE}`,
];
const dualBut = (at: number, line: string) =>
  cluster(...DUAL.map((known, index) => (index === at ? line : known)));

describe("components in a process listing", () => {
  it("finds them by their program, not by their name in other commands", () => {
    const found = findComponents(MINIKUBE).map((process) => [process.component, process.pid]);
    assert.deepEqual(found, [
      ["kubelet", 2972],
      ["kube-apiserver", 3580],
      ["kube-controller-manager", 3674],
      ["kube-proxy", 4779],
    ]);
  });

  it("reads other formats, two-word flags, lists with spaces and wrappers", () => {
    const found = findComponents(
      [
        "root 77 1.0 2.1 1234 5678 ? Ssl Nov20 1:02 /usr/bin/kubelet --node-ip 192.0.2.1",
        "  88 ?  Ssl  1:02 kube-proxy --cluster-cidr=10.244.0.0/16",
        "99 kube-apiserver --secure-port=6443",
        "root 100 1 0 Nov20 ? 3-01:02:03 /bin/sh -c exec kube-controller-manager --cluster-cidr=10.0.0.0/8, fd00::/56 2>&1 | tee log",
        "root 101 100 0 Nov20 ? 00:00:03 sh -c kube-proxy --cluster-cidr=10.244.0.0/16",
      ].join("\n"),
    );
    assert.deepEqual(
      found.map(({ component, pid, args }) => [component, pid, ...args]),
      [
        ["kubelet", 77, "--node-ip", "192.0.2.1"],
        ["kube-proxy", 88, "--cluster-cidr=10.244.0.0/16"],
        ["kube-apiserver", 99, "--secure-port=6443"],
        ["kube-controller-manager", 100, "--cluster-cidr=10.0.0.0/8, fd00::/56"],
      ],
    );
  });

  it("counts a process once, however often it is listed", () => {
    assert.equal(findComponents(MINIKUBE + MINIKUBE).length, 4);
  });
});

describe("the cluster that flags make", () => {
  it("is single-stack with minikube's defaults, and the next flags are named", () => {
    const report = judgeCluster(findComponents(MINIKUBE));
    assert.equal(report.cluster, "single-stack");
    assert.deepEqual(report.families, ["IPv4"]);
    assert.deepEqual(
      report.findings.map((finding) => finding.next),
      [
        `${SERVICES}=10.96.0.0/12,<IPv6 CIDR>`,
        "--cluster-cidr=10.244.0.0/16,<IPv6 CIDR>",
        `${SERVICES}=10.96.0.0/12,<IPv6 CIDR>`,
        'clusterCIDR: "10.244.0.0/16,<IPv6 CIDR>" in /var/lib/kube-proxy/config.conf',
        "--node-ip=192.168.49.2,<IPv6 address>",
      ],
    );
    assert.match(report.notes.join("\n"), /config\.conf cannot be seen here/);
  });

  it("is dual-stack when all of them say so", () => {
    const report = cluster(...DUAL);
    assert.equal(report.cluster, "dual-stack");
    assert.deepEqual([report.findings, report.notes, report.families], [[], [], ["IPv4", "IPv6"]]);
    assert.equal(
      dualBut(2, "kube-proxy --cluster-cidr=fd00:10:244::/56,10.244.0.0/16").cluster,
      "dual-stack",
    );
  });

  it("is inconsistent when one of them is left behind", () => {
    for (const [at, line, next] of [
      [0, `kube-apiserver ${SERVICES}=${V4}`, `${SERVICES}=${V4},<IPv6 CIDR>`],
      [0, "kube-apiserver", `${SERVICES}=10.0.0.0/24,<IPv6 CIDR>`],
      [
        1,
        `kube-controller-manager --allocate-node-cidrs --cluster-cidr=10.244.0.0/16`,
        "--cluster-cidr=10.244.0.0/16,<IPv6 CIDR>",
      ],
      [
        1,
        `kube-controller-manager --allocate-node-cidrs --cluster-cidr=${PODS} ${SERVICES}=10.97.0.0/16,${V6}`,
        `${SERVICES}=${V4},${V6}`,
      ],
      [
        1,
        `kube-controller-manager --allocate-node-cidrs --cluster-cidr=${PODS} ${SERVICES}=${V6},${V4}`,
        `${SERVICES}=${V4},${V6}`,
      ],
      [2, "kube-proxy --cluster-cidr=10.244.0.0/16", "--cluster-cidr=10.244.0.0/16,<IPv6 CIDR>"],
      [2, "kube-proxy --cluster-cidr=10.9.0.0/16,fd00:9::/56", `--cluster-cidr=${PODS}`],
      [3, "kubelet --node-ip=2001:db8::1", "--node-ip=<IPv4 address>,2001:db8::1"],
      [3, "kubelet --node-ip=2001:db8::1,192.0.2.1", NODE],
      [3, "kubelet --kubeconfig=/etc/kubernetes/kubelet.conf", "--node-ip=<IPv4 address>,<IPv6 address>"],
    ] as const) {
      const report = dualBut(at, line);
      assert.equal(report.cluster, "inconsistent", line);
      assert.ok(
        report.findings.some((finding) => finding.next === next),
        `${line}: ${JSON.stringify(report.findings)}`,
      );
    }
  });

  it("says what one mask size for both families becomes", () => {
    const report = cluster(
      "kube-controller-manager --allocate-node-cidrs --cluster-cidr=10.244.0.0/16 --node-cidr-mask-size=26",
    );
    const mask = report.findings.find((finding) => finding.flag === "--node-cidr-mask-size");
    assert.equal(
      mask?.next,
      "--node-cidr-mask-size-ipv4=26 --node-cidr-mask-size-ipv6=64 instead of --node-cidr-mask-size",
    );
  });

  it("judges nothing from a component that would not start", () => {
    const report = cluster(
      "kube-apiserver --service-cluster-ip-range=10.96.0.0/30",
      "kubelet --cloud-provider=external",
    );
    assert.equal(report.components[0]!.verdict.accepted, false);
    assert.equal(report.cluster, "unknown");
  });
});
