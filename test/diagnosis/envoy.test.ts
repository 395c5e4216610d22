/** Where Envoys listen, judged: which families the ports of dumps, configurations and manifests hear. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { countPorts, judgeListeners } from "../../src/diagnosis/envoy/index.ts";
import { envoysIn, parseDocuments } from "../../src/diagnosis/envoy/sources.ts";
import { FAMILIES } from "../../src/ip/family.ts";

const at = (address: string, port: number, more: object = {}) => ({
  socket_address: { address, port_value: port, ...more },
});
const listener = (name: string, address: object, ...further: object[]) => ({
  name,
  address,
  additional_addresses: further.map((each) => ({ address: each })),
});
const bootstrap = (...listeners: object[]) => ({ static_resources: { listeners } });

function findings(configuration: object, families = FAMILIES) {
  const [envoy, ...others] = envoysIn(JSON.parse(JSON.stringify(configuration)));
  assert.ok(envoy && others.length === 0);
  return judgeListeners(envoy.dump, families);
}

test("a health port on 0.0.0.0 hears IPv4 alone, and it is said whom that keeps out", () => {
  const [found, ...others] = findings(bootstrap(listener("ready", at("0.0.0.0", 19003))));
  assert.deepEqual(others, []);
  assert.equal(found?.object, "listener ready");
  assert.match(
    found?.message ?? "",
    /^0\.0\.0\.0:19003 hears IPv4 alone: the kubelet's .* over IPv6 are refused$/,
  );
  assert.match(found?.next ?? "", /ipv4_compat: true/);
});

test("an admin interface is judged like a listener, in configurations and in dumps", () => {
  const admin = (address: string) => ({ admin: { address: at(address, 9901) } });
  const [found, ...others] = findings({ ...bootstrap(), ...admin("0.0.0.0") });
  assert.deepEqual([found?.object, others], ["admin interface", []]);
  assert.match(
    found?.message ?? "",
    /^0\.0\.0\.0:9901 hears IPv4 alone: requests to it, such as scrapes, over IPv6/,
  );
  assert.equal(found?.next, 'bind address "::" with ipv4_compat: true, port 9901');
  assert.equal(findings(admin("0.0.0.0")).length, 1);
  assert.deepEqual(findings(admin("127.0.0.1")), []);
  assert.equal(findings({ configs: [{ bootstrap: admin("::") }] }).length, 1);
  const camels = {
    admin: { address: { socketAddress: { address: "0.0.0.0", portValue: 1 } } },
    staticResources: {},
  };
  assert.equal(findings(camels).length, 1);
});

for (const [what, bad, ...listeners] of [
  ["0.0.0.0 and :: of one listener", 0, listener("a", at("0.0.0.0", 80), at("::", 80))],
  ["0.0.0.0 and :: of two listeners", 0, listener("a", at("0.0.0.0", 80)), listener("b", at("::", 80))],
  [":: with ipv4_compat", 0, listener("a", at("::", 80, { ipv4_compat: true }))],
  [":: without it", 1, listener("a", at("::", 80))],
  ["an IPv4 address written as one of IPv6", 1, listener("a", at("::ffff:10.0.0.1", 80))],
  [
    "UDP and TCP are two ports",
    2,
    listener("a", at("0.0.0.0", 53)),
    listener("b", at("::", 53, { protocol: "UDP" })),
  ],
  ["loopback", 0, listener("a", at("127.0.0.1", 19000)), listener("b", at("::1", 19000))],
  ["no socket at all", 0, listener("a", { pipe: { path: "/x" } }), listener("b", {})],
] as const)
  test(`ports that miss a family: ${what}: ${bad}`, () => {
    assert.equal(findings(bootstrap(...listeners)).length, bad);
  });

test("a cluster of one family misses nothing that it does not have", () => {
  const four = bootstrap(listener("a", at("0.0.0.0", 80)));
  assert.deepEqual(findings(four, ["IPv4"]), []);
  assert.equal(findings(four, ["IPv6"]).length, 1);
});

const dynamic = {
  "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
  dynamicListeners: [
    {
      name: "eg",
      activeState: {
        listener: { name: "eg", address: { socketAddress: { address: "0.0.0.0", portValue: 10080 } } },
      },
      drainingState: {
        listener: { name: "eg", address: { socketAddress: { address: "0.0.0.0", portValue: 9 } } },
      },
    },
  ],
};

test("what egctl writes is read: names of protobuf's JSON, a proxy by namespace and pod, one kind alone", () => {
  const whole = { "envoy-gateway-system": { "envoy-1": { configs: [dynamic] }, "envoy-2": dynamic } };
  const found = envoysIn(JSON.parse(JSON.stringify(whole)));
  assert.deepEqual(
    found.map(({ name, dump }) => [name, countPorts(dump), judgeListeners(dump, FAMILIES).length]),
    [
      ["envoy-gateway-system/envoy-1", 1, 1],
      ["envoy-gateway-system/envoy-2", 1, 1],
    ],
  );
});

test("manifests are looked through for the configuration of an Envoy", () => {
  const bad = stringify(bootstrap(listener("ready", at("0.0.0.0", 19003))));
  const workload = (args: readonly string[]) => ({
    kind: "Deployment",
    metadata: { namespace: "ns", name: "proxy" },
    spec: { template: { spec: { containers: [{ name: "envoy", args }, { name: "other" }] } } },
  });
  const items = [
    workload(["--config-yaml", bad]),
    workload([`--config-yaml=${bad}`]),
    workload(["--config-yaml", "a: b: c"]),
    { kind: "ConfigMap", metadata: { name: "c" }, data: { "envoy.yaml": bad, other: "x" } },
    { kind: "Service", metadata: { name: "s" }, spec: null },
  ];
  const found = parseDocuments(stringify({ kind: "List", items })).flatMap(envoysIn);
  assert.deepEqual(
    found.map(({ name, dump }) => [name, judgeListeners(dump, FAMILIES).length]),
    [
      ["Deployment ns/proxy", 1],
      ["Deployment ns/proxy", 1],
      ["ConfigMap c", 1],
    ],
  );
});

test("tandem check envoy: 79 with a finding, 0 without, 65 where there is no Envoy", () => {
  const tandem = join(import.meta.dirname, "../../bin/tandem");
  const check = (input: string, ...flags: string[]) =>
    spawnSync(tandem, ["check", "envoy", "-f", "-", ...flags], { input, encoding: "utf8" });
  const bad = check(JSON.stringify({ configs: [dynamic] }));
  assert.equal(bad.status, 79, bad.stderr);
  assert.match(bad.stdout, /warning: -: listener eg: 0\.0\.0\.0:10080 hears IPv4 alone: clients over IPv6/);
  assert.equal(check(JSON.stringify({ configs: [dynamic] }), "--ip-families", "IPv4").status, 0);
  assert.equal(check(JSON.stringify({ configs: [] })).stdout, "no port of - is bound in the network\n");
  for (const none of ["", "{}", "kind: Service", "a: b: c"]) assert.equal(check(none).status, 65);
});
