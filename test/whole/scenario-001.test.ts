import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { playScenario } from "./scenario.ts";

describe("tandem lab run 001-mesh-experiment", () => {
  const { status, seen } = playScenario("001-mesh-experiment");

  test("every pod has its sidecar and an address of each family", () => {
    const lines = seen(/^Sidecars/).split("\n");
    assert.equal(lines.length, 4);
    for (const line of lines)
      assert.match(line, /with tandem-init and tandem-proxy: 10\.[0-9.]+, fd00:[0-9a-f:]+$/);
  });

  test("hello dualstack, hello ipv4, hello ipv6", () => {
    const answers = seen(/^The answers/)
      .split("\n")
      .filter((line) => !line.startsWith("$"));
    assert.deepEqual(answers, ["hello dualstack", "hello ipv4", "hello ipv6"]);
  });

  test("a listener with both addresses for the Service of both families, the primary one first", () => {
    const text = seen(/^Listeners/);
    assert.match(
      text,
      /^\[fd00:[0-9a-f:]+\],10\.96\.[0-9.]+ +9000 +ALL +Cluster: outbound\|9000\|\|tcp-echo\.dual-stack\.svc\.cluster\.local$/m,
    );
    assert.match(text, /^10\.96\.[0-9.]+ +9000 +ALL +Cluster: outbound\|9000\|\|tcp-echo\.ipv4\.svc/m);
    assert.match(text, /^\[fd00:[0-9a-f:]+\] +9000 +ALL +Cluster: outbound\|9000\|\|tcp-echo\.ipv6\.svc/m);
  });

  test("virtual inbound is on 0.0.0.0 and [::]", () => {
    assert.match(seen(/virtual inbound/), /^0\.0\.0\.0,\[::\] +15006 /m);
  });

  test("one endpoint a pod, with the addresses of the Service's families", () => {
    const text = seen(/^Endpoints/);
    assert.match(
      text,
      /^\[fd00:[0-9a-f:]+\]:9000,10\.244\.[0-9.]+:9000 +HEALTHY +OK +outbound.*tcp-echo\.dual-stack\.svc/m,
    );
    assert.match(text, /^10\.244\.[0-9.]+:9000 +HEALTHY +OK +outbound.*tcp-echo\.ipv4\.svc/m);
    assert.match(text, /^\[fd00:[0-9a-f:]+\]:9000 +HEALTHY +OK +outbound.*tcp-echo\.ipv6\.svc/m);
  });

  test("mutual TLS was spoken, and all of the story holds", () => {
    assert.match(seen(/^Mutual TLS/), /dual-stack: [1-9]/);
    assert.equal(status(), 0);
  });
});
