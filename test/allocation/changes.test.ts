import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "./registry.ts";

// What Kubernetes' own tables say of a Service that one manifest makes and another one replaces (TestFeatureType,
// TestFeaturePorts, TestFeatureExternalTrafficPolicy, TestFeatureClusterIPs, TestFeatureSelector and the headless part of
// TestUpdateIPsFromDualStack in pkg/registry/core/service/storage/storage_test.go), with the defaults that a client of
// the API gets.

type Spec = Record<string, unknown>;

/** What a Service holds: cluster IPs ("None" counts as none), node ports, a health-check port; or that it is refused. */
interface Holds {
  readonly ips: number;
  readonly ports?: number;
  readonly health?: boolean;
}

type Case = readonly [about: string, made: Spec, replaced: Spec, holds: Holds | "refused"];

const PORT = { name: "p", port: 93, targetPort: 76, protocol: "TCP" };
const BASE: Spec = { selector: { k: "v" }, ports: [PORT] };
const spec = (type: string, more: Spec = {}): Spec => ({ ...BASE, type, ...more });
const clusterIP = (more?: Spec): Spec => spec("ClusterIP", more);
const nodePort = (more?: Spec): Spec => spec("NodePort", more);
const balancer = (more?: Spec): Spec => spec("LoadBalancer", more);
const external = (more?: Spec): Spec => spec("ExternalName", { externalName: "example.com", ...more });
const headless = (more?: Spec): Spec => spec("ClusterIP", { clusterIP: "None", ...more });
const p = { name: "p", port: 80 };
const q = { name: "q", port: 443 };
const withPorts = (...ports: Spec[]): Spec => ({ ports });
const local = { externalTrafficPolicy: "Local" };

const TYPES: readonly Case[] = [
  ["ExternalName to ClusterIP", external(), clusterIP(), { ips: 1 }],
  ["ClusterIP to ExternalName", clusterIP(), external(), { ips: 0 }],
  ["ExternalName to NodePort", external(), nodePort(), { ips: 1, ports: 1 }],
  ["NodePort to ExternalName", nodePort(), external(), { ips: 0 }],
  ["ExternalName to LoadBalancer", external(), balancer(), { ips: 1, ports: 1 }],
  ["LoadBalancer to ExternalName", balancer(), external(), { ips: 0 }],
  ["ClusterIP to NodePort", clusterIP(), nodePort(), { ips: 1, ports: 1 }],
  ["NodePort to ClusterIP", nodePort(), clusterIP(), { ips: 1 }],
  ["ClusterIP to LoadBalancer", clusterIP(), balancer(), { ips: 1, ports: 1 }],
  ["LoadBalancer to ClusterIP", balancer(), clusterIP(), { ips: 1 }],
  ["NodePort to LoadBalancer", nodePort(), balancer(), { ips: 1, ports: 1 }],
  ["LoadBalancer to NodePort", balancer(), nodePort(), { ips: 1, ports: 1 }],
  ["headless to ExternalName", headless(), external(), { ips: 0 }],
  ["ExternalName to headless", external(), headless(), { ips: 0 }],
  ["headless to NodePort", headless(), nodePort(), "refused"],
  ["NodePort to headless", nodePort(), headless(), "refused"],
  ["headless to LoadBalancer", headless(), balancer(), "refused"],
  ["LoadBalancer to headless", balancer(), headless(), "refused"],
  ["ExternalName stays", external(), external({ externalName: "updated.example.com" }), { ips: 0 }],
  ["ExternalName without a name", external(), external({ externalName: "" }), "refused"],
];

const PORTS: readonly Case[] = [
  ["a port more", clusterIP(withPorts(p)), clusterIP(withPorts(p, q)), { ips: 1 }],
  ["a port more, and node ports", clusterIP(withPorts(p)), nodePort(withPorts(p, q)), { ips: 1, ports: 2 }],
  ["a port more, no node ports", nodePort(withPorts(p)), clusterIP(withPorts(p, q)), { ips: 1 }],
  ["a port less", clusterIP(withPorts(p, q)), clusterIP(withPorts(p)), { ips: 1 }],
  ["a port less, and node ports", clusterIP(withPorts(p, q)), nodePort(withPorts(p)), { ips: 1, ports: 1 }],
  ["a port less, no node ports", nodePort(withPorts(p, q)), clusterIP(withPorts(p)), { ips: 1 }],
  ["ports swapped", nodePort(withPorts(p, q)), nodePort(withPorts(q, p)), { ips: 1, ports: 2 }],
  [
    "other numbers",
    nodePort(withPorts(p, q)),
    nodePort(withPorts({ ...p, port: 8080 }, { ...q, port: 8443 })),
    { ips: 1, ports: 2 },
  ],
  [
    "other protocols",
    nodePort(withPorts(p, q)),
    nodePort(withPorts({ ...p, protocol: "UDP" }, { ...q, protocol: "UDP" })),
    { ips: 1, ports: 2 },
  ],
  [
    "other ports altogether: an update shares no number across protocols",
    nodePort(withPorts(p, q)),
    nodePort(withPorts({ name: "r", port: 53 }, { name: "s", port: 53, protocol: "UDP" })),
    { ips: 1, ports: 2 },
  ],
  [
    "the other protocol of a port",
    nodePort(withPorts({ name: "p", port: 53 })),
    nodePort(withPorts({ name: "p", port: 53 }, { name: "q", port: 53, protocol: "UDP" })),
    { ips: 1, ports: 2 },
  ],
  ["no ports", nodePort(withPorts(p, q)), nodePort(withPorts()), "refused"],
];

const POLICIES: readonly Case[] = [
  ["ClusterIP knows no policy", clusterIP(), clusterIP(local), "refused"],
  ["nor Cluster", clusterIP(), clusterIP({ externalTrafficPolicy: "Cluster" }), "refused"],
  ["NodePort has no health-check port", nodePort(), nodePort(local), { ips: 1, ports: 1 }],
  ["and may name none", nodePort(), nodePort({ ...local, healthCheckNodePort: 30_000 }), "refused"],
  ["a LoadBalancer gets one", balancer(), balancer(local), { ips: 1, ports: 1, health: true }],
  [
    "or the one that it names",
    balancer(),
    balancer({ ...local, healthCheckNodePort: 30_000 }),
    { ips: 1, ports: 1, health: true },
  ],
  ["and gives it back", balancer(local), balancer(), { ips: 1, ports: 1 }],
  ["a named one, too", balancer({ ...local, healthCheckNodePort: 30_000 }), balancer(), { ips: 1, ports: 1 }],
  [
    "it does not change",
    balancer({ ...local, healthCheckNodePort: 30_000 }),
    balancer({ ...local, healthCheckNodePort: 30_001 }),
    "refused",
  ],
  ["only with Local", balancer(), balancer({ healthCheckNodePort: 30_000 }), "refused"],
  ["no such policy", balancer(local), balancer({ externalTrafficPolicy: "Invalid" }), "refused"],
  ["ExternalName has none", external(), external(local), "refused"],
  ["nor a port", external(), external({ healthCheckNodePort: 30_000 }), "refused"],
];

const ADDRESSES: readonly Case[] = [
  ["an address stays", clusterIP(), headless(), "refused"],
  ["None stays", headless(), clusterIP({ clusterIP: "10.96.0.93" }), "refused"],
  [
    "no other address",
    clusterIP({ clusterIP: "10.96.0.93" }),
    clusterIP({ clusterIP: "10.96.0.76" }),
    "refused",
  ],
  [
    "no other pair",
    clusterIP({
      ipFamilyPolicy: "PreferDualStack",
      clusterIP: "10.96.0.93",
      clusterIPs: ["10.96.0.93", "fd00:10:96::93"],
    }),
    clusterIP({
      ipFamilyPolicy: "PreferDualStack",
      clusterIP: "10.96.0.76",
      clusterIPs: ["10.96.0.76", "fd00:10:96::76"],
    }),
    "refused",
  ],
  ["another selector", clusterIP(), clusterIP({ selector: { updated: "value" } }), { ips: 1 }],
  ["no selector", clusterIP(), clusterIP({ selector: {} }), { ips: 1 }],
  ["a first selector", clusterIP({ selector: {} }), clusterIP(), { ips: 1 }],
];

for (const [topic, cases] of Object.entries({ TYPES, PORTS, POLICIES, ADDRESSES })) {
  test(`changes of ${topic.toLowerCase()} take, keep and give back what they should`, () => {
    for (const [about, made, replaced, holds] of cases) {
      const registry = new Registry("10.96.0.0/16", "fd00:10:96::/112");
      const first = registry.create("web", made);
      assert.equal(first.status, 201, about);
      const before = ledgerOf(registry);
      const second = registry.update("web", { ...first.body, spec: replaced });
      if (holds === "refused") {
        assert.ok(second.status >= 400, about);
        assert.deepEqual(ledgerOf(registry), before, `${about}: a refusal takes and frees nothing`);
        continue;
      }
      assert.equal(second.status, 200, `${about}: ${JSON.stringify(second.body)}`);
      const ports = (holds.ports ?? 0) + (holds.health ? 1 : 0);
      assert.deepEqual(
        [registry.ledger.addresses.size, registry.ledger.ports.size],
        [holds.ips, ports],
        about,
      );
      assert.equal((second.body.spec.healthCheckNodePort ?? 0) > 0, holds.health ?? false, about);
      keepsWhatItHad(first.body.spec, second.body.spec, about);
      registry.remove("web");
      assert.deepEqual([registry.ledger.addresses.size, registry.ledger.ports.size], [0, 0], about);
    }
  });
}

function ledgerOf({ ledger }: Registry): unknown {
  return [[...ledger.addresses.keys()].sort(), [...ledger.ports].sort()];
}

/** A first address stays for as long as there is one, and a port of a name keeps its node port. */
function keepsWhatItHad(before: Spec, after: Spec, about: string): void {
  if (before["clusterIP"] !== undefined && after["clusterIP"] !== undefined)
    assert.equal(after["clusterIP"], before["clusterIP"], about);
  const portsOf = ({ ports }: Spec) => (ports ?? []) as { name: string; nodePort?: number }[];
  for (const { name, nodePort: held } of portsOf(after)) {
    const old = portsOf(before).find((port) => port.name === name)?.nodePort;
    if (old !== undefined && held !== undefined) assert.equal(held, old, about);
  }
}

test("a headless Service of both families loses one by SingleStack, and by nothing else", () => {
  for (const policy of [undefined, "SingleStack", "PreferDualStack", "RequireDualStack"]) {
    for (const families of [undefined, ["IPv4"], ["IPv4", "IPv6"]]) {
      const registry = new Registry("10.96.0.0/16", "fd00:10:96::/112");
      const { body } = registry.create("web", headless({ ipFamilyPolicy: "RequireDualStack" }));
      const edit = { selector: { k2: "v2" }, ipFamilyPolicy: policy ?? null, ipFamilies: families ?? null };
      const answer = registry.update("web", { ...body, spec: spec("ClusterIP", edit) });
      const about = JSON.stringify([policy, families]);
      const single = policy === "SingleStack";
      if (!single && families?.length === 1) {
        assert.equal(answer.status, 422, about);
        continue;
      }
      assert.equal(answer.status, 200, about);
      assert.deepEqual(answer.body.spec.clusterIPs, ["None"], about);
      assert.deepEqual(answer.body.spec.ipFamilies, single ? ["IPv4"] : ["IPv4", "IPv6"], about);
    }
  }
});
