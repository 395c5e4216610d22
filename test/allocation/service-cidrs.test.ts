import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defaultServiceCidr,
  ipAddressOf,
  isAddressCovered,
  reconcileServiceCidr,
  repairAddresses,
  SERVICE_CIDR_FINALIZER,
} from "../../src/allocation/index.ts";
import type { Service, ServiceCIDR } from "../../src/objects/types.ts";
import { serviceCidr } from "./registry.ts";

const NOW = "2026-01-02T03:04:05Z";
const web: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default" },
  spec: { clusterIP: "10.96.0.010", clusterIPs: ["10.96.0.010"] },
};
const held = ipAddressOf("10.96.0.10", "IPv4", web);

function deleted(object: ServiceCIDR): ServiceCIDR {
  const metadata = {
    ...object.metadata,
    deletionTimestamp: NOW,
    finalizers: ["other", SERVICE_CIDR_FINALIZER],
  };
  return { ...object, metadata };
}

test("the default ServiceCIDR is made from the flags, ready at once", () => {
  const { write } = defaultServiceCidr(["10.96.0.0/16"], NOW);
  assert.equal(write?.metadata.name, "kubernetes");
  assert.deepEqual(write?.metadata.finalizers, [SERVICE_CIDR_FINALIZER]);
  assert.deepEqual(write?.status?.conditions, [
    {
      type: "Ready",
      status: "True",
      reason: "",
      message: "Kubernetes default Service CIDR is ready",
      lastTransitionTime: NOW,
    },
  ]);
  assert.deepEqual(defaultServiceCidr(["10.96.0.0/16"], NOW, write), {});
});

test("the default ServiceCIDR gains a second range, and is otherwise only compared", () => {
  const { write: single } = defaultServiceCidr(["10.96.0.0/16"], NOW);
  const { write: dual } = defaultServiceCidr(["10.96.0.0/16", "fd00::/112"], NOW, single);
  assert.deepEqual(dual?.spec.cidrs, ["10.96.0.0/16", "fd00::/112"]);
  const { write, event } = defaultServiceCidr(["fd00::/112", "10.96.0.0/16"], NOW, dual);
  assert.equal(write, undefined);
  assert.deepEqual(event, {
    reason: "KubernetesDefaultServiceCIDRInconsistent",
    message:
      "The default ServiceCIDR [10.96.0.0/16 fd00::/112] does not match the controller flag configurations " +
      "[fd00::/112 10.96.0.0/16]",
  });
});

test("a new ServiceCIDR gets its finalizer and becomes ready, once", () => {
  const object = serviceCidr("more", "10.97.0.0/24");
  const next = reconcileServiceCidr(object, [object], [], NOW) ?? assert.fail();
  assert.deepEqual(next.metadata.finalizers, [SERVICE_CIDR_FINALIZER]);
  assert.equal(next.status?.conditions?.[0]?.status, "True");
  assert.equal(reconcileServiceCidr(next, [next], [], NOW), undefined);
});

test("a deleted ServiceCIDR stays while an address depends on it alone", () => {
  const object = deleted(serviceCidr("more", "10.96.0.0/24"));
  const waiting = reconcileServiceCidr(object, [object], [held], NOW) ?? assert.fail();
  assert.deepEqual(waiting.metadata.finalizers, ["other", SERVICE_CIDR_FINALIZER]);
  assert.deepEqual(
    waiting.status?.conditions?.map(({ status, reason }) => [status, reason]),
    [["False", "Terminating"]],
  );
  assert.equal(reconcileServiceCidr(waiting, [waiting], [held], NOW), undefined);
  const parent = serviceCidr("all", "10.96.0.0/16");
  const free = reconcileServiceCidr(waiting, [waiting, parent], [held], NOW);
  assert.deepEqual(free?.metadata.finalizers, ["other"]);
  assert.deepEqual(reconcileServiceCidr(object, [object], [], NOW)?.metadata.finalizers, ["other"]);
});

test("addresses of other writers hold nothing", () => {
  const object = deleted(serviceCidr("more", "10.96.0.0/24"));
  const foreign = { ...held, metadata: { name: held.metadata.name } };
  assert.deepEqual(reconcileServiceCidr(object, [object], [foreign], NOW)?.metadata.finalizers, ["other"]);
});

test("a ServiceCIDR does not cover the addresses that it never gives out", () => {
  const object = serviceCidr("a", "10.96.0.0/24", "fd00::/120");
  const covered = (name: string): boolean => isAddressCovered(name, [object]);
  assert.deepEqual(
    ["10.96.0.0", "10.96.0.255", "fd00::", "10.97.0.1", "x"].map(covered),
    Array(5).fill(false),
  );
  assert.deepEqual(["10.96.0.1", "10.96.0.254", "fd00::1", "fd00::ff"].map(covered), Array(4).fill(true));
});

test("addresses are mended: what a Service holds comes back, what none holds goes after a minute", () => {
  assert.deepEqual(repairAddresses([web], [held], 0), { create: [], remove: [] });
  assert.deepEqual(repairAddresses([web], [], 0), { create: [held], remove: [] });
  const stray = { ...held, metadata: { ...held.metadata, creationTimestamp: NOW } };
  const age = (seconds: number): readonly string[] =>
    repairAddresses([], [stray], Date.parse(NOW) + seconds * 1000).remove;
  assert.deepEqual([age(59), age(61)], [[], ["10.96.0.10"]]);
});
