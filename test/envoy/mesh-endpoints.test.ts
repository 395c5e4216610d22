import assert from "node:assert/strict";
import { test } from "node:test";
import { meshAssignment } from "../../src/envoy/mesh/outbound-endpoints.ts";

/** Sub-zones with the pods in them, where some of the pods `a`, `b` and `c` are met with mutual TLS. */
function partsOf(peers: readonly string[], havePeers: boolean): Record<string, string[]> {
  const targets = ["a", "b", "c"].map((pod, at) => ({ addresses: [`10.0.0.${at}`], port: 80, pod }));
  const { endpoints } = meshAssignment({
    name: "outbound|80||web",
    targets,
    isPeer: (pod) => peers.includes(pod),
    havePeers,
    inEachOrder: false,
    near: undefined,
    parted: false,
  }) as { endpoints: { locality?: { sub_zone: string }; metadata?: object; lb_endpoints: object[] }[] };
  return Object.fromEntries(
    endpoints.map(({ locality, metadata, lb_endpoints }) => [
      `${locality?.sub_zone ?? ""}${metadata ? " mtls" : ""}`.trim(),
      lb_endpoints.map((host) => /10\.0\.0\.(\d)/.exec(JSON.stringify(host))?.[1] ?? ""),
    ]),
  );
}

test("an endpoint that is met without mutual TLS among others is apart, as Envoy would keep how it met it", () => {
  assert.deepEqual(partsOf(["a", "b", "c"], true), { mtls: ["0", "1", "2"] });
  assert.deepEqual(partsOf(["a", "c"], true), { mtls: ["0", "2"], plain: ["1"] });
});

test("it is so while those with mutual TLS are not ready, and not where there are none", () => {
  assert.deepEqual(partsOf([], true), { plain: ["0", "1", "2"] });
  assert.deepEqual(partsOf([], false), { "": ["0", "1", "2"] });
});
