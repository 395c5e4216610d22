import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../../../src/objects/types.ts";
import { balancerService, remarks, translate } from "./fixtures.ts";

/** A Service of ours, with one thing of another type. */
function misshapen(spec: object, metadata: object = {}): Service {
  const service = balancerService();
  const loose = {
    ...service,
    metadata: { ...service.metadata, ...metadata },
    spec: { ...service.spec, ...spec },
  };
  return { ...loose, spec: { ...loose.spec, loadBalancerClass: "tandem.dev/nlb" } } as Service;
}

const CASES: readonly (readonly [string, object, string])[] = [
  ["ports that are a text", { ports: "80" }, 'error: must be a list of ports, and is "80"'],
  ["ports that are numbers", { ports: [80] }, "error: must be a port, and is 80"],
  [
    "a port that is a text",
    { ports: [{ port: "x" }] },
    'error: must be a number from 1 to 65535, and is "x"',
  ],
  [
    "a port out of range",
    { ports: [{ port: 65_536 }] },
    "error: must be a number from 1 to 65535, and is 65536",
  ],
  ["a port that is missing", { ports: [{}] }, "error: must be a number from 1 to 65535, and is missing"],
  ["no ports", { ports: [] }, "error: there is none"],
  ["no cluster IP", { clusterIP: "None" }, "error: may not be None for LoadBalancer services"],
  ["ports that are missing", { ports: undefined }, "error: there is none"],
  [
    "a protocol in small letters",
    { ports: [{ port: 80, protocol: "tcp" }] },
    'error: must be TCP, UDP or SCTP, and is "tcp"',
  ],
  [
    "a node port that is a text",
    { ports: [{ port: 80, nodePort: "30080" }] },
    'error: must be a number from 1 to 65535, and is "30080"',
  ],
  ["a family that is no list", { ipFamilies: "IPv6" }, 'error: must be a list of texts, and is "IPv6"'],
  [
    "ranges that are no texts",
    { loadBalancerSourceRanges: [10] },
    "error: must be a list of texts, and is [10]",
  ],
];

for (const [name, spec, remark] of CASES)
  test(`of another shape: ${name}`, () => {
    for (const provider of ["aws", "local"] as const) {
      const translated = translate(misshapen(spec), { provider });
      assert.deepEqual(remarks(translated), [remark]);
      assert.equal(translated.model, undefined);
    }
  });

test("of another shape: annotations that are no texts, told with their key", () => {
  const key = "service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval";
  const number = translate(misshapen({}, { annotations: { [key]: 10 } }));
  assert.deepEqual(number.findings, [
    {
      level: "error",
      field: `metadata.annotations[${key}]`,
      message: "must be a text, and is 10",
      next: 'put it in quotes: "10"',
    },
  ]);
  const list = translate(misshapen({}, { annotations: ["a"] }));
  assert.deepEqual(remarks(list), ['error: must be a map of texts, and is ["a"]']);
});

test("nothing is said of a Service that is not ours, whatever its shape", () => {
  const service = {
    ...misshapen({ ports: "80" }),
    spec: { ports: "80", type: "LoadBalancer" },
  } as unknown as Service;
  const { ownership } = translate({ ...service, metadata: { name: "web", namespace: "default" } });
  assert.equal(ownership.owned, false);
});
