import assert from "node:assert/strict";
import { test } from "node:test";
import { HTTP, settle, type TestService, world } from "./cluster.ts";
import { checkServed } from "./served.ts";

const DNS = { name: "dns", port: 53, nodePort: 30_053, protocol: "UDP" } as const;
const DUAL = { "ip-address-type": "dualstack" };
const PODS = { "nlb-target-type": "ip" };
const SIX = { ipFamilies: ["IPv6"] };
const PREFIX = { ...DUAL, ...PODS, "enable-prefix-for-ipv6-source-nat": "on" };

/** Changes of the address type together with what only the one or the other has. */
const CASES: readonly (readonly [string, TestService, TestService, readonly number[]])[] = [
  ["both families → IPv4 with UDP", { annotations: DUAL }, { ports: [HTTP, DNS] }, [80, 53]],
  ["IPv4 with UDP → both families", { ports: [HTTP, DNS] }, { annotations: DUAL }, [80]],
  ["UDP alone → TCP and both families", { ports: [DNS] }, { ports: [HTTP], annotations: DUAL }, [80]],
  ["IPv6 targets → IPv4", { annotations: { ...DUAL, ...PODS }, spec: SIX }, { annotations: PODS }, [80]],
  [
    "IPv4 → IPv6 targets with UDP",
    { annotations: PODS },
    { annotations: PREFIX, spec: SIX, ports: [HTTP, DNS] },
    [80],
  ],
];

for (const [name, before, after, ports] of CASES)
  test(`address type, in place: ${name}`, async () => {
    const w = world(before);
    await settle(w.provider, w.live, w.clock);
    const host = w.live.hostname;
    w.live.apply(after);
    await settle(w.provider, w.live, w.clock);
    w.clock.advance(60_000);
    assert.equal(w.live.hostname, host);
    checkServed(w.aws, host, ports);
    assert.deepEqual(
      w.live.events.filter(({ reason }) => reason.startsWith("Failed")),
      [],
    );
  });

test("the source NAT prefix goes with its annotation, after the UDP port that needed it", async () => {
  const w = world({ annotations: PREFIX, spec: SIX, ports: [HTTP, DNS] });
  const prefixes = () =>
    [...w.aws.world.loadBalancers.values()].map((it) => it.prefixForIpv6SourceNat ?? "off");
  await settle(w.provider, w.live, w.clock);
  assert.deepEqual(prefixes(), ["on"]);
  w.live.apply({ annotations: { ...DUAL, ...PODS }, spec: SIX, ports: [HTTP] });
  await settle(w.provider, w.live, w.clock);
  assert.deepEqual(prefixes(), ["off"]);
  assert.deepEqual(
    w.live.events.filter(({ reason }) => reason.startsWith("Failed")),
    [],
  );
});

test("capacity of 0 gives back what was reserved", async () => {
  const w = world({ annotations: { "minimum-load-balancer-capacity": "CapacityUnits=3000" } });
  const units = () => [...w.aws.world.loadBalancers.values()].map((it) => it.capacityUnits);
  await settle(w.provider, w.live, w.clock);
  assert.deepEqual(units(), [3000]);
  w.live.apply({ annotations: { "minimum-load-balancer-capacity": "CapacityUnits=0" } });
  await settle(w.provider, w.live, w.clock);
  assert.deepEqual(units(), [undefined]);
});
