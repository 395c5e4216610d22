import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import {
  addressAt,
  type Cidr,
  cidrContains,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  formatCidr,
  parseCidr,
  subnetAt,
} from "../../src/ip/cidr.ts";
import { bitsOf } from "../../src/ip/family.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed, text);
  return parsed;
}

test("reading networks", () => {
  assert.equal(formatCidr(cidr("10.96.5.9/16")), "10.96.0.0/16");
  assert.equal(formatCidr(cidr("fd00:10:96::7/112")), "fd00:10:96::/112");
  for (const bad of [
    "10.96.0.0",
    "10.96.0.0/33",
    "fd00::/129",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "/8",
    "x/8",
    "10.0.0.0/",
  ])
    assert.equal(parseCidr(bad), undefined, bad);
});

test("addresses of a network by index", () => {
  assert.equal(formatAddress(addressAt(cidr("10.96.0.0/16"), 10n)), "10.96.0.10");
  assert.equal(formatAddress(addressAt(cidr("10.96.0.0/16"), -1n)), "10.96.255.255");
  assert.equal(formatAddress(addressAt(cidr("fd00:10:96::/112"), 0xffffn)), "fd00:10:96::ffff");
  assert.equal(cidrSize(cidr("fd00::/64")), 1n << 64n);
});

test("subnets follow each other", () => {
  assert.equal(formatCidr(subnetAt(cidr("10.244.0.0/16"), 24, 3n)), "10.244.3.0/24");
  assert.equal(formatCidr(subnetAt(cidr("fd00:10:244::/56"), 64, 255n)), "fd00:10:244:ff::/64");
});

const anyCidr = fc
  .record({
    v6: fc.boolean(),
    raw: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    prefix: fc.integer({ min: 0, max: 128 }),
  })
  .map(({ v6, raw, prefix }) => {
    const family = v6 ? "IPv6" : "IPv4";
    const bits = bitsOf(family);
    return cidrOf({ family, value: raw & ((1n << BigInt(bits)) - 1n) }, Math.min(prefix, bits));
  });

test("property: a network holds its ends and not its neighbours; text is inverse", () => {
  fc.assert(
    fc.property(anyCidr, (network) => {
      assert.deepEqual(parseCidr(formatCidr(network)), network);
      assert.ok(cidrContains(network, addressAt(network, 0n)));
      const last = addressAt(network, -1n);
      assert.ok(cidrContains(network, last));
      assert.ok(!cidrContains(network, { family: network.family, value: last.value + 1n }));
    }),
  );
});

test("property: networks overlap exactly when one holds the other's first address", () => {
  fc.assert(
    fc.property(anyCidr, anyCidr, (a, b) => {
      const shared = cidrContains(a, addressAt(b, 0n)) || cidrContains(b, addressAt(a, 0n));
      assert.equal(cidrsOverlap(a, b), shared);
      assert.equal(cidrsOverlap(b, a), shared);
    }),
  );
});

test("an address of the other family is never inside", () => {
  const address = parseAddress("::1");
  assert.ok(address);
  assert.ok(!cidrContains(cidr("0.0.0.0/0"), address));
});
