/** Scenario 002: clients of both families on a cluster of IPv4, through a load balancer outside of the nodes. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { playScenario } from "./scenario.ts";
import { ROOT } from "./tandem.ts";

const FOLDERS = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", join(ROOT, ".tools/bin")];
const NGINX = FOLDERS.some((folder) => existsSync(join(folder, "nginx")));

describe("the scenario 002", { skip: !NGINX && "no nginx here (scripts/setup-tools nginx)" }, () => {
  const { status, seen } = playScenario("002-ipv6-ingress");

  test("it ends well", () => assert.equal(status(), 0));

  test("before, the client with IPv6 only finds no AAAA record and no way", () => {
    const evidence = seen(/^Before/);
    assert.match(evidence, /AAAA ENODATA/);
    assert.match(evidence, /a client with IPv4, .*: hello /);
    assert.match(evidence, /with IPv6 only .*: curl: \(7\)/);
  });

  test("by the annotations the Service stays IPv4, and nginx logs the client's IPv6 address", () => {
    const evidence = seen(/annotations/);
    assert.match(evidence, /ipFamilyPolicy SingleStack, ipFamilies IPv4$/m);
    assert.match(evidence, /status: 172\.18\.254\.\d+, fd00:172:18:0:fe::/);
    // A node that masquerades has the address of its side of the pod's link, if the pod is its own, else that of the node.
    assert.match(
      evidence,
      /nginx's log: 8081 client=fd00:172:18:0:fc::1 connection=(172\.18\.0\.\d+|10\.244\.\d+\.1) /,
    );
  });

  test("the nodes see packets of IPv4 alone", () => {
    const evidence = seen(/packets/);
    for (const node of ["node-1", "node-2"])
      assert.match(evidence, new RegExp(`${node}: [1-9]\\d* packets .* over IPv4, 0 over IPv6`));
  });

  test("the IPv4 Service is moved under load without a failed request", () => {
    const evidence = seen(/moved/);
    assert.match(evidence, /(\d+\.\d+\.\d+\.\d+), then \1, fd00:172:18:0:fe::/);
    assert.match(evidence, /[1-9]\d* answered on \d+ connections, failed 0/);
  });

  test("both addresses of the Service that is gone are found, with the reason, and removed", () => {
    const evidence = seen(/orphan/);
    assert.equal(evidence.match(/^orphan Address .*does not exist/gm)?.length, 2);
    assert.match(evidence, /after --delete: 0 orphans/);
  });
});
