import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { playScenario } from "./scenario.ts";

describe("tandem lab run 000-ipv6-health-port", () => {
  const { status, seen } = playScenario("000-ipv6-health-port");

  test("pod status: it runs, and its probe over IPv6 is refused", () => {
    const text = seen(/^Pod status/);
    assert.match(text, /: Running, Ready False/);
    assert.match(text, /Get "http:\/\/\[fd00:[^\]]+\]:19003\/ready": .*connection refused/);
    assert.match(text, /IPv6Ready: False listens on 0\.0\.0\.0:19003; bind \[::\]:19003/);
    assert.match(text, /IPv4Ready: True/);
  });

  test("pod logs: Envoy has started without an error", () => {
    assert.match(seen(/^Pod logs/), /starting main dispatch loop[\s\S]* 0 errors/);
  });

  test("configuration: 0.0.0.0 alone at the health port, both families at the data port", () => {
    assert.equal(seen(/^Configuration/), "0.0.0.0:10080, [::]:10080\n0.0.0.0:19003");
  });

  test("network: probes over IPv6 are answered by RST, over IPv4 the port answers", () => {
    const text = seen(/^Network/);
    assert.match(text, /packets over IPv6: [1-9]\d* SYN in, [1-9]\d* RST out/);
    assert.match(text, /packets over IPv4: \d+ SYN in, 0 RST out/);
    assert.match(text, /10\.244\.\d+\.\d+:19003\/ready: 200/);
  });

  test("service: both families, no endpoint that is ready, refused over both", () => {
    const text = seen(/^Service/);
    assert.match(text, /^ipFamilyPolicy RequireDualStack, ipFamilies IPv6, IPv4$/m);
    assert.equal(text.match(/ready=false/g)?.length, 2);
    assert.equal(text.match(/curl: \(7\)/g)?.length, 2);
  });

  test("kubelet: the node's first address is of IPv6", () => {
    assert.match(seen(/^Kubelet/), /InternalIP fd00:172:18::2, 172\.18\.0\.2/);
  });

  test("the fix: bound to both, ready, and answering over both", () => {
    assert.match(seen(/^The fix/), /0\.0\.0\.0:19003, \[::\]:19003/);
    const text = seen(/^Requests/);
    assert.match(text, /http:\/\/\[fd00:[^\]]+\]:80\/: hello from the gateway/);
    assert.match(text, /http:\/\/172\.18\.255\.\d+:80\/: hello from the gateway/);
    assert.equal(status(), 0);
  });
});
