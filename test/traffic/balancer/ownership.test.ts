import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../../../src/objects/types.ts";
import { ownershipOf } from "../../../src/traffic/balancer/index.ts";
import { annotations, balancerService } from "./fixtures.ts";

const CLASSLESS = { loadBalancerClass: undefined } as unknown as Service["spec"];

interface Case {
  readonly service: Service;
  readonly aws: boolean;
  readonly local: boolean;
  /** With the flag `service.k8s.aws/nlb`, where that differs from AWS. */
  readonly flagged?: boolean;
  readonly finding?: RegExp;
}

const classed = (name: string) => balancerService({}, { loadBalancerClass: name });
const noted = (short: Record<string, string>, spec: Partial<Service["spec"]> = {}) =>
  balancerService(short, { ...CLASSLESS, ...spec });

const CASES: Record<string, Case> = {
  "class tandem.dev/nlb": { service: classed("tandem.dev/nlb"), aws: true, local: true },
  "class tandem.dev/local": { service: classed("tandem.dev/local"), aws: false, local: true },
  "class service.k8s.aws/nlb": {
    service: classed("service.k8s.aws/nlb"),
    aws: false,
    local: false,
    flagged: true,
  },
  "class tandem.dev/lab": { service: classed("tandem.dev/lab"), aws: false, local: false },
  "class of a typo": {
    service: classed("tandem.dev/nbl"),
    aws: false,
    local: false,
    finding: /^nobody serves/,
  },
  "another's class beside our annotations": {
    service: balancerService({ type: "external", "nlb-target-type": "ip" }, { loadBalancerClass: "x.io/y" }),
    aws: false,
    local: false,
  },
  "our class beside in-tree annotations": {
    service: balancerService({ type: "nlb" }),
    aws: true,
    local: true,
  },
  nothing: { service: noted({}), aws: false, local: false },
  "type nlb-ip": { service: noted({ type: "nlb-ip" }), aws: true, local: true },
  "type external alone": {
    service: noted({ type: "external" }),
    aws: false,
    local: false,
    finding: /served by nobody: neither here nor in-tree/,
  },
  "type external, target type ip": {
    service: noted({ type: "external", "nlb-target-type": "ip" }),
    aws: true,
    local: true,
  },
  "type external, target type instance": {
    service: noted({ type: "external", "nlb-target-type": "instance" }),
    aws: true,
    local: true,
  },
  "type external, target type of another case": {
    service: noted({ type: "external", "nlb-target-type": "Instance" }),
    aws: false,
    local: false,
    finding: /^unknown target type "Instance": with type external the Service is served by nobody$/,
  },
  "type nlb (in-tree)": {
    service: noted({ type: "nlb", "nlb-target-type": "instance" }),
    aws: false,
    local: false,
  },
  "type of a typo": {
    service: noted({ type: "External", "nlb-target-type": "instance" }),
    aws: false,
    local: false,
    finding: /^unknown type "External"/,
  },
  "the seed's four annotations": {
    service: noted({
      "ip-address-type": "dualstack",
      scheme: "internet-facing",
      "nlb-target-type": "instance",
      type: "external",
    }),
    aws: true,
    local: true,
  },
  "type NodePort with the annotations": {
    service: noted({ type: "external", "nlb-target-type": "instance" }, { type: "NodePort" }),
    aws: false,
    local: false,
    finding: /^a Service of type NodePort gets no load balancer/,
  },
  "type ClusterIP without": { service: noted({}, { type: "ClusterIP" }), aws: false, local: false },
  "being deleted": {
    service: {
      ...classed("tandem.dev/nlb"),
      metadata: { name: "web", deletionTimestamp: "2026-01-01T00:00:00Z" },
    },
    aws: false,
    local: false,
  },
};

for (const [name, { service, aws, local, flagged = aws, finding }] of Object.entries(CASES))
  test(`ownership: ${name}`, () => {
    const ofAws = ownershipOf(service, { provider: "aws" });
    assert.equal(ofAws.owned, aws);
    assert.equal(ownershipOf(service, { provider: "local" }).owned, local);
    const loadBalancerClass = "service.k8s.aws/nlb";
    assert.equal(ownershipOf(service, { provider: "aws", loadBalancerClass }).owned, flagged);
    if (ofAws.owned) return;
    assert.notEqual(ofAws.reason, "");
    if (finding === undefined) assert.equal(ofAws.finding, undefined);
    else assert.match(ofAws.finding?.message ?? "none", finding);
  });

test("what decides is said: the class before the annotations", () => {
  const service = balancerService();
  service.metadata.annotations = annotations({ type: "nlb-ip" });
  assert.deepEqual(ownershipOf(service, { provider: "aws" }), { owned: true, by: "class" });
  delete service.spec.loadBalancerClass;
  assert.deepEqual(ownershipOf(service, { provider: "aws" }), { owned: true, by: "annotations" });
});
