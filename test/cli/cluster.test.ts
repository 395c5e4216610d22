import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { kubeconfigFor, kubeconfigOf, parseShape, type ShapeFlags } from "../../src/cli/cluster.ts";
import { UserError } from "../../src/errors/user-error.ts";
import { writeLabProcess } from "../../src/lab/host/state.ts";
import { formatCidr } from "../../src/ip/cidr.ts";

const FLAGS: ShapeFlags = { name: "tandem", nodes: "2", ipFamilies: "IPv4,IPv6", port: "0" };

test("ranges follow the order of the families", () => {
  const shape = parseShape({ ...FLAGS, ipFamilies: "ipv6,IPv4" });
  assert.deepEqual(shape.families, ["IPv6", "IPv4"]);
  assert.deepEqual(shape.serviceRanges.map(formatCidr), ["fd00:10:96::/112", "10.96.0.0/16"]);
});

const BAD: readonly [Partial<ShapeFlags>, RegExp][] = [
  [{ name: "No Name" }, /flag --name.*\n.*next: for example --name demo/],
  [{ ipFamilies: "IPv4,IPv4" }, /flag --ip-families, value "IPv4,IPv4"/],
  [{ ipFamilies: "IPv5" }, /flag --ip-families/],
  [{ serviceClusterIpRange: "10.96.0.0/99,fd00::/112" }, /entry 1, "10\.96\.0\.0\/99", is not a CIDR/],
  [{ serviceClusterIpRange: "10.96.0.0/16" }, /its families are not those of the cluster/],
  [{ clusterCidr: "10.96.128.0/17,fd00:10:244::/56" }, /overlaps 10\.96\.128\.0\/17 of --cluster-cidr/],
  [{ clusterCidr: "172.18.4.0/22,fd00:10:244::/56" }, /overlaps 172\.18\.0\.0\/16 of the links/],
  [{ nodes: "0" }, /flag --nodes/],
  [{ port: "70000" }, /flag --port.*\n.*next: for example --port 6443/],
];

test("wrong flags name the flag, the value, why, and what would do", () => {
  for (const [flags, expected] of BAD) {
    assert.throws(
      () => parseShape({ ...FLAGS, ...flags }),
      (error) => error instanceof UserError && expected.test(error.message) && error.parts.next !== undefined,
      JSON.stringify(flags),
    );
  }
});

test("without a cluster of the lab, $KUBECONFIG says which cluster is meant", () => {
  const before = process.env["TANDEM_HOME"];
  process.env["TANDEM_HOME"] = "/nonexistent";
  try {
    assert.equal(kubeconfigFor("given", undefined, { KUBECONFIG: "/a" }), "given");
    assert.equal(kubeconfigFor(undefined, undefined, { KUBECONFIG: "/a" }), undefined);
    assert.throws(() => kubeconfigFor(undefined, "lab", { KUBECONFIG: "/a" }), /cluster lab/);
    assert.throws(() => kubeconfigFor(undefined, undefined, {}), /next: tandem up/);
  } finally {
    if (before === undefined) delete process.env["TANDEM_HOME"];
    else process.env["TANDEM_HOME"] = before;
  }
});

test("where the cluster that is meant does not run, those that do are told of", () => {
  const home = mkdtempSync(join(tmpdir(), "tandem-clusters-"));
  const before = process.env["TANDEM_HOME"];
  process.env["TANDEM_HOME"] = home;
  try {
    assert.throws(() => kubeconfigOf("tandem"), /it is not running\n.*\n.*next: tandem up$/);
    for (const name of ["demo", "dead"]) mkdirSync(join(home, name));
    writeLabProcess(join(home, "demo"), process.pid);
    assert.throws(() => kubeconfigOf("tandem"), /others are: demo\n.*\n.*--name demo; or tandem up$/);
    // of proxy-config's flags, --name is for another thing
    assert.throws(
      () => kubeconfigFor(undefined, "x", {}, "--cluster-name"),
      /meant: --cluster-name demo; or/,
    );
  } finally {
    if (before === undefined) delete process.env["TANDEM_HOME"];
    else process.env["TANDEM_HOME"] = before;
    rmSync(home, { recursive: true });
  }
});
