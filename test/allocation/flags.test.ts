import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Component, judge } from "../../src/allocation/flags/index.ts";
import {
  formatGoIP,
  formatGoNet,
  parseCIDRSloppy,
  parseIPSloppy,
} from "../../src/allocation/flags/go-net.ts";

const error = (component: Component, ...args: string[]) => judge(component, args).error;

describe("reading flags as pflag does", () => {
  it("takes a value as a word of its own, `_` for `-`, and the last of several", () => {
    assert.equal(
      error("kube-apiserver", "--service-cluster-ip-range", "10.96.0.0/30"),
      error("kube-apiserver", "--service_cluster_ip_range=10.96.0.0/30"),
    );
    assert.match(
      error("kube-apiserver", "--service-cluster-ip-range", "10.96.0.0/30"),
      /at least 8 IP addresses$/,
    );
    assert.equal(
      error("kube-apiserver", "--service-cluster-ip-range=bad", "--service-cluster-ip-range=10.96.0.0/16"),
      "",
    );
  });

  it("takes a boolean without a value, and then has a stray argument", () => {
    assert.match(error("kube-controller-manager", "--allocate-node-cidrs"), /^invalid CIDR\[0\]/);
    assert.equal(
      error("kube-controller-manager", "--allocate-node-cidrs", "true"),
      'Error: "kube-controller-manager" does not take any arguments, got ["true"]',
    );
  });

  it("names what it cannot read", () => {
    const masks = "--node-cidr-mask-size-ipv4";
    assert.equal(error("kube-apiserver", "--nonsense=1"), "Error: unknown flag: --nonsense");
    assert.equal(error("kube-apiserver", "-x"), "Error: unknown shorthand flag: 'x' in -x");
    assert.equal(error("kube-apiserver", "--=1"), "Error: bad flag syntax: --=1");
    assert.equal(
      error("kube-apiserver", "--advertise-address"),
      "Error: flag needs an argument: --advertise-address",
    );
    assert.equal(
      error("kube-apiserver", "--advertise-address=010.1.1.1"),
      'Error: invalid argument "010.1.1.1" for "--advertise-address" flag: failed to parse IP: "010.1.1.1"',
    );
    assert.equal(
      error("kube-controller-manager", `${masks}=x`),
      `Error: invalid argument "x" for "${masks}" flag: strconv.ParseInt: parsing "x": invalid syntax`,
    );
    assert.equal(
      error("kube-controller-manager", `${masks}=4294967296`),
      `Error: invalid argument "4294967296" for "${masks}" flag: strconv.ParseInt: parsing "4294967296": value out of range`,
    );
    assert.equal(
      error("kube-controller-manager", "--allocate-node-cidrs=maybe"),
      'Error: invalid argument "maybe" for "--allocate-node-cidrs" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    );
    assert.equal(
      error("kube-proxy", "--healthz-bind-address=x"),
      'Error: invalid argument "x" for "--healthz-bind-address" flag: "x" is not in a valid format (ip or ip:port): address x: missing port in address',
    );
    assert.equal(error("kubelet", "--nonsense"), "failed to parse kubelet flag: unknown flag: --nonsense");
  });

  it("reads a leading zero as octal, as Go does", () => {
    const range = ["--allocate-node-cidrs", "--cluster-cidr=10.244.0.0/20"];
    assert.equal(error("kube-controller-manager", ...range, "--node-cidr-mask-size=030"), "");
    assert.match(
      error("kube-controller-manager", ...range, "--node-cidr-mask-size=020"),
      /^Controller: Invalid/,
    );
  });

  it("reads port ranges", () => {
    const flag = "--service-node-port-range";
    const cause = (text: string) => error("kube-apiserver", `${flag}=${text}`).replace(/^.* flag: /, "");
    assert.equal(cause("30000-32767"), "");
    assert.equal(cause("a-b"), 'strconv.Atoi: parsing "a": invalid syntax');
    assert.equal(cause("-5"), 'strconv.Atoi: parsing "": invalid syntax');
    assert.equal(cause("1+2-3"), "unable to parse port range: 1+2-3");
    assert.equal(cause("65000+1000"), "the port range cannot be greater than 65535: 65000+1000");
    assert.equal(
      error("kube-apiserver", "--kubernetes-service-node-port=80"),
      "kubernetes service node port range 30000-32767 doesn't contain 80",
    );
  });
});

describe("rules that no recording holds", () => {
  it("prints several errors of one component as a list", () => {
    assert.equal(
      error("kube-apiserver", "--service-cluster-ip-range=10.96.0.0/16,10.97.0.0/16,10.98.0.0/16"),
      "[--service-cluster-ip-range must not contain more than two entries, --service-cluster-ip-range[0] and " +
        "--service-cluster-ip-range[1] must be of different IP family]",
    );
    const path = "KubeProxyConfiguration.NodePortAddresses";
    assert.equal(
      error("kube-proxy", "--nodeport-addresses=a", "--nodeport-addresses=b"),
      `failed validate: [${path}[0]: Invalid value: "a": must be a valid CIDR, ${path}[1]: Invalid value: "b": must be a valid CIDR]`,
    );
  });

  it("takes the bind address for the public one, and none of another family", () => {
    const ranges = "--service-cluster-ip-range=fd00:10:96::/112";
    assert.match(
      error("kube-apiserver", ranges, "--bind-address=10.0.0.1"),
      /must match public address family "10.0.0.1"$/,
    );
    for (const noAddress of ["127.0.0.1", "0.0.0.0", "::", "::1"])
      assert.equal(error("kube-apiserver", ranges, `--bind-address=${noAddress}`), "", noAddress);
    assert.equal(
      error("kube-apiserver", ranges, "--bind-address=10.0.0.1", "--endpoint-reconciler-type=none"),
      "",
    );
  });

  it("does not look at ranges that no controller uses", () => {
    const bad = "--cluster-cidr=bad";
    assert.equal(error("kube-controller-manager", bad), "");
    assert.equal(
      error("kube-controller-manager", bad, "--allocate-node-cidrs", "--controllers=*,-nodeipam"),
      "",
    );
    assert.equal(error("kube-proxy", bad, "--detect-local-mode=NodeCIDR"), "");
    assert.equal(error("kube-proxy", bad, "--config=/etc/proxy.yaml"), "");
  });

  it("checks the addresses that kube-proxy serves on", () => {
    assert.equal(
      error("kube-proxy", "--metrics-bind-address=127.0.0.1:0"),
      'failed validate: KubeProxyConfiguration.MetricsBindAddress: Invalid value: "0": must be a valid port',
    );
    assert.equal(error("kube-proxy", "--metrics-bind-address=::1", "--healthz-bind-address=0.0.0.0"), "");
    assert.equal(
      error("kube-proxy", "--proxy-mode=userspace"),
      'failed validate: KubeProxyConfiguration.Mode.ProxyMode: Invalid value: "userspace": must be iptables, ipvs, ' +
        "nftables or blank (blank means the best-available proxy [currently iptables])",
    );
  });

  it("judges the kubelet's node addresses", () => {
    const pair = "must contain either a single IP or a dual-stack pair of IPs";
    assert.equal(
      error("kubelet", "--node-ip=10.0.0.1,10.0.0.2"),
      `bad --node-ip "10.0.0.1,10.0.0.2": ${pair}`,
    );
    assert.equal(error("kubelet", "--node-ip", "10.0.0.1,fd00::1"), "");
    assert.equal(
      error("kubelet", "--node-ip=10.0.0.1,::"),
      `bad --node-ip "10.0.0.1,::": dual-stack node IP cannot include '0.0.0.0' or '::'`,
    );
    assert.equal(
      error("kubelet", "--node-ip=10.0.0.1,fd00::1", "--cloud-provider=aws"),
      'bad --node-ip "10.0.0.1,fd00::1": dual-stack not supported in this configuration',
    );
    assert.equal(error("kubelet", "--node-ip=10.0.0.1,fd00::1", "--cloud-provider=external"), "");
    assert.deepEqual(judge("kubelet", ["--node-ip=fe80::1"]).notes, [
      "failed to validate nodeIP: nodeIP can't be a link-local unicast address (fe80::1)",
    ]);
    assert.match(
      judge("kubelet", ["--node-ip=10.0.0.1,nonsense"]).notes[0]!,
      /"nonsense" in --node-ip is no IP address/,
    );
  });
});

describe("addresses as Go before 1.17 read them", () => {
  it("takes leading zeros and long groups", () => {
    assert.equal(formatGoIP(parseIPSloppy("010.001.0.09")!), "10.1.0.9");
    assert.equal(formatGoIP(parseIPSloppy("fd00:00010::1")!), "fd00:10::1");
    assert.equal(formatGoIP(parseIPSloppy("::ffff:1.2.3.4")!), "1.2.3.4");
    for (const bad of [
      "",
      "1.2.3",
      "1.2.3.256",
      "1:2",
      "1::2::3",
      "12345::",
      "1:2:3:4:5:6:7::8",
      "fe80::1%eth0",
      ":1",
    ]) {
      assert.equal(parseIPSloppy(bad), undefined, bad);
    }
  });

  it("prints an IPv4-mapped network as the IPv4 one, and knows when it is none any more", () => {
    assert.equal(formatGoNet(parseCIDRSloppy("::ffff:10.96.7.7/112")!), "10.96.0.0/16");
    assert.equal(formatGoNet(parseCIDRSloppy("::ffff:10.96.7.7/80")!), "::/80");
    assert.equal(formatGoNet(parseCIDRSloppy("10.96.7.7/016")!), "10.96.0.0/16");
    for (const bad of [
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0",
      "fd00::/129",
      "/8",
      "10.0.0.0/-1",
      " 10.0.0.0/8",
    ]) {
      assert.equal(parseCIDRSloppy(bad), undefined, bad);
    }
  });
});
