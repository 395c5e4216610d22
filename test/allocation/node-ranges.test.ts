import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeRanges } from "../../src/allocation/index.ts";
import { type Cidr, parseCidr } from "../../src/ip/cidr.ts";

function cidrs(...texts: string[]): Cidr[] {
  return texts.map((text) => parseCidr(text) ?? assert.fail(text));
}

function ranges(clusterCidrs: Cidr[], nodePrefixes: number[], serviceCidrs?: Cidr[]): NodeRanges {
  return new NodeRanges({ clusterCidrs, nodePrefixes, ...(serviceCidrs && { serviceCidrs }) });
}

test("each node gets one range per family, in the order of the cluster's", () => {
  const both = ranges(cidrs("fd00:10:244::/56", "10.244.0.0/16"), [64, 24]);
  assert.deepEqual(both.allocate(), ["fd00:10:244::/64", "10.244.0.0/24"]);
  assert.deepEqual(both.allocate(), ["fd00:10:244:1::/64", "10.244.1.0/24"]);
});

test("a range that was given back comes up again last", () => {
  const four = ranges(cidrs("10.244.0.0/22"), [24]);
  four.allocate();
  four.allocate();
  four.release({ name: "a", podCIDRs: ["10.244.0.0/24"] });
  assert.deepEqual([four.allocate(), four.allocate(), four.allocate()].flat(), [
    "10.244.2.0/24",
    "10.244.3.0/24",
    "10.244.0.0/24",
  ]);
  const why = "CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range";
  assert.throws(() => four.allocate(), {
    message: `failed to allocate cidr from cluster cidr at idx:0: ${why}`,
  });
});

test("when the second family has none left, the first keeps its own", () => {
  const uneven = ranges(cidrs("10.244.0.0/23", "fd00::/64"), [24, 64]);
  uneven.allocate();
  assert.throws(() => uneven.allocate(), /at idx:1/);
  uneven.release({ name: "a", podCIDRs: ["10.244.0.0/24", "fd00::/64"] });
  assert.deepEqual(uneven.allocate()[1], "fd00::/64");
});

test("ranges that nodes have already are kept from others, whatever their size", () => {
  const set = ranges(cidrs("10.244.0.0/22"), [24]);
  set.occupy({ name: "a", podCIDRs: ["10.244.0.0/24"] });
  set.occupy({ name: "a", podCIDRs: ["10.244.0.0/24"] });
  set.occupy({ name: "b", podCIDRs: ["10.244.1.128/25"] });
  assert.deepEqual([set.allocate(), set.allocate()].flat(), ["10.244.2.0/24", "10.244.3.0/24"]);
  set.release({ name: "d", podCIDRs: ["10.244.2.0/23"] });
  set.occupy({ name: "c", podCIDRs: ["10.244.2.0/23"] });
  assert.throws(() => set.allocate(), /no remaining CIDRs/);
});

test("service ranges inside the cluster range are left out", () => {
  const set = ranges(cidrs("10.0.0.0/14"), [16], cidrs("10.1.0.0/16", "fd00::/112"));
  assert.deepEqual([set.allocate(), set.allocate()].flat(), ["10.0.0.0/16", "10.2.0.0/16"]);
});

test("what does not fit is said in the words of the real controller", () => {
  const small = "New CIDR set failed; the node CIDR size is too big";
  assert.throws(() => ranges(cidrs("fd00::/47"), [64]), { message: small });
  ranges(cidrs("fd00::/48", "10.0.0.0/8"), [64, 28]);
  const set = ranges(cidrs("10.244.0.0/16"), [24]);
  assert.throws(() => set.occupy({ name: "n", podCIDRs: ["10.244.0.0/24", "fd00::/64"] }), {
    message:
      "node:n has an allocated cidr: fd00::/64 at index:1 that does not exist in cluster cidrs configuration",
  });
  assert.throws(() => set.occupy({ name: "n", podCIDRs: ["10.9.0.0/24"] }), {
    message:
      "failed to mark cidr[10.9.0.0/24] at idx [0] as occupied for node: n: " +
      "cidr 10.9.0.0/24 is out the range of cluster cidr 10.244.0.0/16",
  });
  assert.throws(() => set.release({ name: "n", podCIDRs: ["10.9.0.0/24"] }), {
    message:
      "error when releasing CIDR 10.9.0.0/24: cidr 10.9.0.0/24 is out the range of cluster cidr 10.244.0.0/16",
  });
  assert.throws(() => set.occupy({ name: "n", podCIDRs: ["x"] }), {
    message: "failed to parse node n, CIDR x",
  });
});
