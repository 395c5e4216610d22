import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import { buildFrontend } from "../../src/traffic/index.ts";
import { canonicalText } from "../../src/traffic/text.ts";
import { podEndpoint, service, slice } from "./fixtures.ts";

test("a pod in the slices of both families is one backend with two addresses", () => {
  const frontend = buildFrontend(service(), [
    slice("IPv6", [podEndpoint("fd00:10:244::5", "a"), podEndpoint("fd00:10:244::6", "b")]),
    slice("IPv4", [podEndpoint("10.244.0.5", "a")]),
  ]);
  assert.deepEqual(
    frontend.backends.map((backend) => [backend.id, backend.addresses]),
    [
      ["uid-a", { IPv4: "10.244.0.5", IPv6: "fd00:10:244::5" }],
      ["uid-b", { IPv6: "fd00:10:244::6" }],
    ],
  );
  assert.deepEqual(
    frontend.ports[0]?.backends.map(({ port, backend }) => [port, backend.pod?.name]),
    [
      [8080, "a"],
      [8080, "b"],
    ],
  );
});

test("endpoints without a pod's uid join by name, by node and hostname, or not at all", () => {
  const bare = (address: string, over = {}) => ({ addresses: [address], ...over });
  const frontend = buildFrontend(service(), [
    slice("IPv4", [
      bare("10.0.0.1", { targetRef: { kind: "Pod", name: "a" } }),
      bare("10.0.0.2", { nodeName: "n", hostname: "h" }),
      bare("10.0.0.3"),
    ]),
    slice("IPv6", [
      bare("fd00::1", { targetRef: { kind: "Pod", name: "a" } }),
      bare("fd00::2", { nodeName: "n", hostname: "h" }),
      bare("fd00::3"),
    ]),
  ]);
  assert.deepEqual(
    frontend.backends.map((backend) => Object.values(backend.addresses)),
    [["10.0.0.1", "fd00::1"], ["10.0.0.2", "fd00::2"], ["10.0.0.3"], ["fd00::3"]],
  );
});

test("two addresses of one family under one name are two backends", () => {
  const same = { nodeName: "n", hostname: "h" };
  const frontend = buildFrontend(service(), [
    slice("IPv4", [
      { addresses: ["10.0.0.1"], ...same },
      { addresses: ["10.0.0.2"], ...same },
    ]),
  ]);
  assert.deepEqual(
    frontend.backends.map((backend) => backend.addresses.IPv4),
    ["10.0.0.1", "10.0.0.2"],
  );
});

test("a port finds its backends by the name and protocol of the slice's port, which may differ per pod", () => {
  const spec = {
    ports: [
      { name: "http", protocol: "TCP" as const, port: 80, targetPort: "web" },
      { name: "dns", protocol: "UDP" as const, port: 53, targetPort: 5353 },
    ],
  };
  const dns = { name: "dns", protocol: "UDP" as const, port: 5353 };
  const frontend = buildFrontend(service(spec), [
    slice("IPv4", [podEndpoint("10.0.0.1", "a")], { name: "x", ports: [{ name: "http", port: 8080 }, dns] }),
    slice("IPv4", [podEndpoint("10.0.0.2", "b")], { name: "y", ports: [{ name: "http", port: 9090 }] }),
  ]);
  const portsOf = (name: string) =>
    frontend.ports
      .find((port) => port.name === name)
      ?.backends.map(({ backend, port }) => [backend.addresses.IPv4, port]);
  assert.deepEqual(portsOf("http"), [
    ["10.0.0.1", 8080],
    ["10.0.0.2", 9090],
  ]);
  assert.deepEqual(portsOf("dns"), [["10.0.0.1", 5353]]);
});

test("a port that differs per family keeps each family to its own number", () => {
  const frontend = buildFrontend(service(), [
    slice("IPv4", [podEndpoint("10.0.0.1", "a")]),
    slice("IPv6", [podEndpoint("fd00::1", "a")], { ports: [{ name: "http", port: 9090 }] }),
  ]);
  assert.deepEqual(
    frontend.ports[0]?.backends.map(({ backend, port }) => [backend.addresses, port]),
    [
      [{ IPv4: "10.0.0.1" }, 8080],
      [{ IPv6: "fd00::1" }, 9090],
    ],
  );
});

test("conditions are known per family, and default to ready", () => {
  const frontend = buildFrontend(service(), [
    slice("IPv4", [podEndpoint("10.0.0.1", "a", { conditions: undefined })]),
    slice("IPv6", [
      podEndpoint("fd00::1", "a", { conditions: { ready: false, serving: true, terminating: true } }),
    ]),
  ]);
  assert.deepEqual(frontend.backends[0]?.conditions, {
    IPv4: { ready: true, serving: true, terminating: false },
    IPv6: { ready: false, serving: true, terminating: true },
  });
});

test("an endpoint that two slices hold counts as the readier one", () => {
  const unready = podEndpoint("10.0.0.1", "a", { conditions: { ready: false } });
  for (const order of [
    ["x", "y"],
    ["y", "x"],
  ] as const) {
    const frontend = buildFrontend(service(), [
      slice("IPv4", [unready], { name: order[0] }),
      slice("IPv4", [podEndpoint("10.0.0.1", "a")], { name: order[1] }),
    ]);
    assert.equal(frontend.backends.length, 1);
    assert.equal(frontend.backends[0]?.conditions.IPv4?.ready, true);
  }
});

test("kinds: headless and alias have no address, an alias has a target", () => {
  assert.equal(buildFrontend(service({ clusterIP: "None", clusterIPs: ["None"] }), []).kind, "headless");
  const alias = buildFrontend(
    service({ type: "ExternalName", externalName: "example.org", clusterIPs: [] }),
    [],
  );
  assert.deepEqual([alias.kind, alias.target, alias.addresses], ["alias", "example.org", {}]);
});

test("outside addresses, node ports and ranges come out per family and canonical", () => {
  const balanced = service({
    type: "LoadBalancer",
    externalIPs: ["192.0.2.1", "2001:DB8:0::1"],
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 30500,
    sessionAffinity: "ClientIP",
    loadBalancerSourceRanges: ["203.0.113.7/24", " 2001:db8:1::/48"],
    ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }],
  });
  balanced.status = {
    loadBalancer: {
      ingress: [{ ip: "198.51.100.1" }, { ip: "2001:db8::9", ipMode: "Proxy" }, { hostname: "lb" }],
    },
  };
  const frontend = buildFrontend(balanced, []);
  assert.deepEqual(frontend.externalAddresses, { IPv4: ["192.0.2.1"], IPv6: ["2001:db8::1"] });
  assert.deepEqual(frontend.balancerAddresses, { IPv4: ["198.51.100.1"] });
  assert.deepEqual(frontend.sourceRanges, { IPv4: ["203.0.113.0/24"], IPv6: ["2001:db8:1::/48"] });
  assert.equal(frontend.ports[0]?.nodePort, 30080);
  assert.deepEqual(
    [frontend.externalPolicy, frontend.healthCheckPort, frontend.affinitySeconds],
    ["Local", 30500, 10_800],
  );
});

test("external policies only count where a Service is reachable from outside", () => {
  assert.equal(buildFrontend(service({ externalTrafficPolicy: "Local" }), []).externalPolicy, "Cluster");
});

test("the quick way to canonical text agrees with the arithmetic", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseAddress(text);
      const mapped = address !== undefined && address.value >> 32n === 0xffffn;
      const expected = address === undefined || mapped ? undefined : formatAddress(address);
      assert.equal(canonicalText(text, "IPv6"), expected);
    }),
    { numRuns: 500 },
  );
  for (const text of ["fd00:1:2:3:4:5::7", "FD00::1", "fd00::0", "fd00:0::1", "fd00::1:2"]) {
    const address = parseAddress(text);
    assert.equal(canonicalText(text, "IPv6"), address && formatAddress(address));
  }
});
