import assert from "node:assert/strict";
import { test } from "node:test";
import { addressRangeOf, findFreeAddress } from "../../src/allocation/address-ranges.ts";
import { createService, readDefaults } from "../../src/allocation/index.ts";
import { staticBandOf } from "../../src/allocation/node-ports.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import type { Service } from "../../src/objects/types.ts";
import { networkOf, Registry, serviceCidr } from "./registry.ts";

const HTTP = { ports: [{ name: "http", port: 80 }], selector: { app: "x" } };
const DUAL = ["10.96.0.0/16", "fd00:10:96::/112"];

function message(answer: { body: { message?: string } }): string | undefined {
  return answer.body.message;
}

test("an IPAddress names its Service and bears the canonical address, the Service the user's spelling", () => {
  const registry = new Registry(...DUAL);
  const answer = registry.create("web", { ...HTTP, clusterIP: "FD00:10:96::0B" });
  assert.deepEqual(answer.body.spec.clusterIPs, ["FD00:10:96::0B"]);
  assert.deepEqual(answer.warnings, [
    'spec.clusterIPs[0]: IPv6 address "FD00:10:96::0B" should be in RFC 5952 canonical format ("fd00:10:96::b")',
  ]);
  assert.deepEqual(registry.ledger.addresses.get("fd00:10:96::b"), {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: {
      name: "fd00:10:96::b",
      labels: {
        "ipaddress.kubernetes.io/ip-family": "IPv6",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
      },
    },
    spec: { parentRef: { group: "", resource: "services", namespace: "default", name: "web" } },
  });
});

test("odd spellings of an IPv4 address are that address", () => {
  const registry = new Registry(...DUAL);
  assert.equal(registry.create("a", { ...HTTP, clusterIP: "10.96.0.010" }).status, 201);
  const again = registry.create("b", { ...HTTP, clusterIP: "::ffff:10.96.0.10" });
  const why = "failed to allocate IP ::ffff:10.96.0.10: provided IP is already allocated";
  assert.equal(
    message(again),
    `Service "b" is invalid: spec.clusterIPs: Invalid value: ["::ffff:10.96.0.10"]: ${why}`,
  );
});

test("network and broadcast addresses are no one's, the last IPv6 address is", () => {
  const registry = new Registry("10.96.0.0/24", "fd00::/120");
  const status = (clusterIP: string): number =>
    registry.create(`s${clusterIP}`, { ...HTTP, clusterIP }).status;
  assert.deepEqual(["10.96.0.0", "10.96.0.255", "fd00::"].map(status), [422, 422, 422]);
  assert.deepEqual(["10.96.0.1", "10.96.0.254", "fd00::1", "fd00::ff"].map(status), [201, 201, 201, 201]);
});

test("errors of allocation hide ordinary validation", () => {
  const registry = new Registry(...DUAL);
  const answer = registry.create("web", { ports: [], ipFamilies: ["IPv5"] });
  assert.deepEqual(
    answer.body.details.causes.map(({ field }: { field: string }) => field),
    ["spec.ipFamilies[0]"],
  );
});

test("errors of metadata stand among those of ordinary validation", () => {
  const registry = new Registry(...DUAL);
  const bad = { field: "metadata.name", reason: "FieldValueInvalid", message: "bad" } as const;
  const answer = registry.create("web", { ports: [] }, { validateMetadata: () => [bad] });
  assert.equal(message(answer), 'Service "web" is invalid: [metadata.name: bad, spec.ports: Required value]');
});

test("an exhausted range is an internal error", () => {
  const registry = new Registry("10.96.0.0/30");
  for (const name of ["a", "b"]) assert.equal(registry.create(name, HTTP).status, 201);
  const answer = registry.create("c", HTTP);
  assert.equal(answer.status, 500);
  assert.equal(message(answer), "Internal error occurred: failed to allocate a serviceIP: range is full");
});

test("a second ServiceCIDR is used when the first is full, and none that is not ready", () => {
  const registry = new Registry("10.96.0.0/30");
  const unready = serviceCidr("c", "10.98.0.0/24");
  unready.status = { conditions: [{ type: "Ready", status: "False" }] };
  registry.ledger.cidrs = [...registry.ledger.cidrs, unready, serviceCidr("b", "10.97.0.0/30")];
  const ips = ["a", "b", "c", "d"].map((name) => registry.create(name, HTTP).body.spec.clusterIP);
  assert.deepEqual(ips.slice(0, 2).sort(), ["10.96.0.1", "10.96.0.2"]);
  assert.deepEqual(ips.slice(2).sort(), ["10.97.0.1", "10.97.0.2"]);
  assert.equal(registry.create("e", { ...HTTP, clusterIP: "10.98.0.9" }).status, 422);
});

test("an address may be asked for in any ServiceCIDR that is ready, and in no other", () => {
  const registry = new Registry("10.96.0.0/30");
  const ask = (name: string, options = {}) =>
    registry.create(name, { ...HTTP, clusterIP: "10.97.0.9" }, options);
  registry.ledger.cidrs = [...registry.ledger.cidrs, serviceCidr("b", "10.97.0.0/24")];
  assert.equal(ask("dry", { dryRun: true }).status, 201);
  assert.equal(ask("web").body.spec.clusterIP, "10.97.0.9");
  const status = { conditions: [{ type: "Ready", status: "False" }] };
  registry.ledger.cidrs = registry.ledger.cidrs.map((cidr) => ({ ...cidr, status }));
  assert.match(
    message(ask("dry", { dryRun: true })) ?? "",
    /failed to allocate IP 10\.97\.0\.9: allocator not ready/,
  );
  assert.match(message(ask("late")) ?? "", /the provided network does not match the current range/);
});

test("dry runs show the network's address and a port of no range, and take nothing", () => {
  const registry = new Registry(...DUAL);
  const spec = { ...HTTP, type: "NodePort", ipFamilyPolicy: "RequireDualStack" };
  const answer = registry.create("web", spec, { dryRun: true });
  assert.deepEqual(answer.body.spec.clusterIPs, ["10.96.0.0", "fd00:10:96::"]);
  assert.equal(answer.body.spec.ports[0].nodePort, 32_769);
  assert.equal(registry.ledger.addresses.size + registry.ledger.ports.size, 0);
  const outside = registry.create("web", { ...HTTP, clusterIP: "10.1.0.1" }, { dryRun: true });
  const why = "the provided IP (10.1.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16";
  assert.match(message(outside) ?? "", new RegExp(why.replace(/[()]/g, "\\$&")));
});

test("one number shares a node port across protocols", () => {
  const registry = new Registry(...DUAL);
  const ports = [
    { name: "dns", port: 53, protocol: "UDP" },
    { name: "dns-tcp", port: 53, protocol: "TCP" },
    { name: "metrics", port: 9153 },
  ];
  const [udp, tcp, metrics] = registry.create("dns", { ports, type: "NodePort" }).body.spec.ports;
  assert.equal(udp.nodePort, tcp.nodePort);
  assert.notEqual(udp.nodePort, metrics.nodePort);
});

test("a port left without a number keeps its node port, unless another port of the Service has taken that", () => {
  const registry = new Registry(...DUAL);
  const spec = (a?: number, b?: number): object => ({
    type: "NodePort",
    ports: [
      { name: "a", port: 80, nodePort: a ?? null },
      { name: "b", port: 81, nodePort: b ?? null },
    ],
  });
  const put = (body: object): number[] => {
    const answer = registry.update("web", { metadata: { name: "web" }, spec: body });
    return answer.body.spec.ports.map(({ nodePort }: { nodePort: number }) => nodePort);
  };
  registry.create("web", spec(30_001, 30_002));
  assert.deepEqual(put(spec()), [30_001, 30_002]);
  const [a, b] = put(spec(undefined, 30_001));
  assert.equal(b, 30_001);
  assert.ok(a !== 30_001 && a !== 30_002);
  assert.deepEqual([...registry.ledger.ports].sort(), [30_001, a]);
});

test("node ports: taken, out of range, used up", () => {
  const registry = new Registry(...DUAL);
  const spec = (nodePort?: number): object => ({ ports: [{ port: 80, nodePort }], type: "NodePort" });
  assert.equal(registry.create("a", spec(30_100)).status, 201);
  const field = 'Service "b" is invalid: spec.ports[0].nodePort: Invalid value';
  assert.equal(
    message(registry.create("b", spec(30_100))),
    `${field}: 30100: provided port is already allocated`,
  );
  const range = "provided port is not in the valid range. The range of valid ports is 30000-32767";
  assert.equal(message(registry.create("b", spec(80))), `${field}: 80: ${range}`);
  for (let port = 30_000; port <= 32_767; port++) registry.ledger.ports.add(port);
  const full = registry.create("b", spec());
  assert.equal(message(full), "Internal error occurred: failed to allocate a nodePort: range is full");
  assert.equal(full.status, 500);
});

test("a health-check port that cannot be had is an internal error", () => {
  const registry = new Registry(...DUAL);
  const local = { ...HTTP, type: "LoadBalancer", externalTrafficPolicy: "Local" };
  const first = registry.create("a", local);
  const wanted = first.body.spec.healthCheckNodePort;
  const second = registry.create("b", { ...local, healthCheckNodePort: wanted });
  assert.equal(second.status, 500);
  const why = `failed to allocate requested HealthCheck NodePort ${wanted}: provided port is already allocated`;
  assert.equal(message(second), `Internal error occurred: ${why}`);
  registry.patch("a", { spec: { externalTrafficPolicy: "Cluster" } });
  assert.equal(registry.create("b", { ...local, healthCheckNodePort: wanted }).status, 201);
});

test("a node port that an ExternalName only shows is not its own", () => {
  const registry = new Registry(...DUAL);
  const ports = [{ port: 80, nodePort: 30_100 }];
  assert.equal(
    registry.create("name", { ports, type: "ExternalName", externalName: "example.com" }).status,
    201,
  );
  assert.equal(registry.create("web", { ports, type: "NodePort" }).status, 201);
  assert.equal(registry.patch("name", { spec: { type: "NodePort" } }).status, 422);
  registry.remove("name");
  assert.deepEqual([...registry.ledger.ports], [30_100]);
});

test("a node port belongs to one Service across both families", () => {
  const registry = new Registry(...DUAL);
  const spec = (family: string): object => ({
    ports: [{ port: 80, nodePort: 30_100 }],
    type: "NodePort",
    ipFamilies: [family],
  });
  assert.equal(registry.create("four", spec("IPv4")).status, 201);
  assert.equal(registry.create("six", spec("IPv6")).status, 422);
});

test("a Service that prefers both gains none when the cluster does, until it is asked to", () => {
  const single = new Registry("10.96.0.0/16");
  single.create("web", { ...HTTP, ipFamilyPolicy: "PreferDualStack" });
  const dual = new Registry(...DUAL);
  for (const [name, service] of single.services) dual.services.set(name, service);
  const same = dual.patch("web", { metadata: { labels: { a: "b" } } });
  assert.deepEqual(same.body.spec.ipFamilies, ["IPv4"]);
  const more = dual.patch("web", { spec: { ipFamilyPolicy: "RequireDualStack" } });
  assert.deepEqual(more.body.spec.ipFamilies, ["IPv4", "IPv6"]);
  assert.deepEqual([...dual.ledger.addresses.keys()], [more.body.spec.clusterIPs[1]]);
});

test("addresses of a family that the cluster gave up are not touched", () => {
  const dual = new Registry(...DUAL);
  dual.create("web", { ...HTTP, ipFamilyPolicy: "PreferDualStack" });
  const single = new Registry("10.96.0.0/16");
  for (const [name, service] of dual.services) single.services.set(name, service);
  for (const [name, address] of dual.ledger.addresses) single.ledger.addresses.set(name, address);
  single.remove("web");
  assert.deepEqual(
    [...single.ledger.addresses.keys()].map((name) => name.includes(":")),
    [true],
  );
});

test("a Service that turns to ExternalName and headless at once keeps its None, in both fields", () => {
  const registry = new Registry(...DUAL);
  registry.create("a", { ports: [{ port: 80 }], ipFamilyPolicy: "RequireDualStack" });
  const spec = {
    type: "ExternalName",
    externalName: "example.org",
    clusterIP: "None",
    ports: [{ port: 80 }],
  };
  const { status, body } = registry.update("a", { metadata: { name: "a" }, spec });
  assert.equal(status, 200);
  assert.deepEqual([body.spec.clusterIP, body.spec.clusterIPs], ["None", ["None"]]);
  assert.equal(registry.ledger.addresses.size, 0);
});

test("what was stored before families existed is shown with them", () => {
  const network = networkOf(...DUAL);
  const old = (spec: object): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "a" },
    spec,
  });
  const shown = (spec: object): unknown[] => {
    const { clusterIPs, ipFamilies, ipFamilyPolicy } = readDefaults(network, old(spec)).spec;
    return [clusterIPs, ipFamilies, ipFamilyPolicy];
  };
  assert.deepEqual(shown({ clusterIP: "fd00::1" }), [["fd00::1"], ["IPv6"], "SingleStack"]);
  assert.deepEqual(shown({ clusterIP: "None" }), [["None"], ["IPv4", "IPv6"], "RequireDualStack"]);
  const selector = { app: "x" };
  assert.deepEqual(shown({ clusterIP: "None", selector }), [["None"], ["IPv4"], "SingleStack"]);
  const external = old({ type: "ExternalName", internalTrafficPolicy: "Cluster" });
  assert.deepEqual(readDefaults(network, external).spec, { type: "ExternalName" });
  const kept = { type: "ExternalName", clusterIP: "None" };
  assert.deepEqual(readDefaults(network, old(kept)).spec, { ...kept, clusterIPs: ["None"] });
  const complete = old({ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1"], ipFamilies: ["IPv4"] });
  assert.equal(readDefaults(network, complete), complete);
});

test("automatic addresses come from the dynamic band for as long as it has any", () => {
  // A /24 leaves its first 16 addresses to users' own choices, a /20 and larger 256, a /28 none.
  const band = (text: string): bigint => addressRangeOf(parseCidr(text) ?? assert.fail())?.staticBand ?? -1n;
  const texts = [
    "10.0.0.0/28",
    "10.0.0.0/24",
    "10.0.0.0/22",
    "10.0.0.0/20",
    "10.0.0.0/8",
    "fd00::/112",
    "fd00::/64",
  ];
  assert.deepEqual(texts.map(band), [0n, 16n, 64n, 256n, 256n, 256n, 256n]);
  assert.equal(addressRangeOf(parseCidr("fd00::/63") ?? assert.fail()), undefined);

  const range = addressRangeOf(parseCidr("10.0.0.0/27") ?? assert.fail()) ?? assert.fail();
  const taken = new Set<string>();
  const order: string[] = [];
  for (;;) {
    const name = findFreeAddress(
      range,
      (candidate) => taken.has(candidate),
      () => 0,
    );
    if (name === undefined) break;
    taken.add(name);
    order.push(name);
  }
  const from = (first: number, last: number): string[] =>
    Array.from({ length: last - first + 1 }, (_, index) => `10.0.0.${first + index}`);
  assert.deepEqual(order, [...from(17, 30), ...from(1, 16)]);
});

test("the static band of node ports", () => {
  assert.deepEqual([10, 16, 17, 512, 2768, 10_000].map(staticBandOf), [0, 0, 16, 16, 86, 128]);
});

test("a random start is anywhere in the band, the largest IPv6 range included", () => {
  const range = addressRangeOf(parseCidr("fd00::/64") ?? assert.fail()) ?? assert.fail();
  assert.equal(
    findFreeAddress(
      range,
      () => false,
      () => 0,
    ),
    "fd00::101",
  );
  assert.equal(
    findFreeAddress(
      range,
      () => false,
      () => 0.5,
    ),
    "fd00::8000:0:8000:101",
  );
});

test("creation leaves the caller's other objects alone and returns the given one", () => {
  const registry = new Registry(...DUAL);
  const service: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "a" },
    spec: { ...HTTP } as never,
  };
  const written = createService(registry.ledger, registry.network, service);
  assert.equal(written.service, service);
  assert.deepEqual(service.status, { loadBalancer: {} });
});
