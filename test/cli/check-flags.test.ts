import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, it } from "node:test";

const TANDEM = fileURLToPath(new URL("../../bin/tandem", import.meta.url));

function check(args: string[], input = "") {
  const { status, stdout, stderr } = spawnSync(TANDEM, ["check", "flags", ...args], {
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const RANGES = "--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112";

describe("tandem check flags", () => {
  it("exits with 0 when the component accepts, and with 65 and its own words when it refuses", () => {
    const accepted = check(["kube-apiserver", RANGES]);
    assert.deepEqual([accepted.status, accepted.stderr], [0, ""]);
    const refused = check(["/usr/bin/kube-proxy", "--cluster-cidr", "bad", "-v", "2"]);
    assert.equal(refused.status, 65);
    assert.match(refused.stderr, /^failed validate: .*: must be a valid CIDR block \(e\.g\. .*\)\n$/);
    assert.equal(refused.stdout, "");
  });

  it("prints JSON and YAML wherever -o stands", () => {
    const json = check(["kube-apiserver", "--service-cluster-ip-range=bad", "-o", "json"]);
    assert.equal(json.status, 65);
    const { accepted, error } = JSON.parse(json.stdout);
    assert.deepEqual(
      { accepted, error },
      { accepted: false, error: "service-cluster-ip-range[0] is not a valid cidr" },
    );
    assert.match(check(["-o", "yaml", "kubelet"]).stdout, /^accepted: true$/m);
  });

  it("judges a listing from standard input", () => {
    const dual = check(["-"], `kube-apiserver ${RANGES}\n`);
    assert.equal(dual.status, 0);
    assert.match(dual.stdout, /^Cluster: dual-stack \(IPv4,IPv6\)$/m);
    const single = check(["-", "-o", "json"], "kube-apiserver --service-cluster-ip-range=10.96.0.0/16\n");
    assert.equal(single.status, 79);
    assert.equal(JSON.parse(single.stdout).cluster, "single-stack");
    assert.equal(check(["-"], "kube-apiserver --service-cluster-ip-range=bad\n").status, 65);
  });

  it("says what is wrong with its own input", () => {
    const nothing = check(["-"], "root 1 0 0 10:00 ? 00:00:01 /sbin/init\n");
    assert.equal(nothing.status, 65);
    assert.match(nothing.stderr, /no process of kube-apiserver.*\n.*where: .*\n\s+next: run/);
    assert.match(
      check(["-"], "root 9 1 0 10:00 ? 00:00:01 /usr/local/bin/k3s server\n").stderr,
      /k3s runs the components inside/,
    );
    const unknown = check(["kube-scheduler"]);
    assert.equal(unknown.status, 64);
    assert.match(unknown.stderr, /component "kube-scheduler"/);
  });
});
