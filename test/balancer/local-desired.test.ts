import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type LocalFacts, partsOf, proxyModelOf } from "../../src/balancer/local/desired.ts";
import type {
  BalancerEndpoint,
  BalancerModel,
  BalancerPort,
  HealthCheck,
} from "../../src/traffic/balancer/model.ts";
import { balancerModel, balancerPort } from "./local-model.ts";

const FACTS: LocalFacts = {
  addresses: { IPv4: "172.18.254.1", IPv6: "fd00:172:18:0:fe::1" },
  certificates: () => undefined,
};
const BOTH = { IPv4: "172.18.0.2", IPv6: "fd00:172:18::2" };
const NODES = [
  { name: "a", providerId: undefined, addresses: BOTH, zone: undefined },
  { name: "b", providerId: undefined, addresses: { IPv6: "fd00:172:18::3" }, zone: undefined },
];

function destination(model: Partial<BalancerModel>, port: Partial<BalancerPort> = {}) {
  const made = partsOf(balancerModel({ nodes: NODES, ports: [balancerPort(port)], ...model }), FACTS);
  return made.destinations[0];
}

function targets(model: Partial<BalancerModel>): string[] {
  const { target } = destination(model) ?? {};
  if (target?.kind !== "hosts") return [];
  return target.hosts.map(({ addresses, port }) => `${addresses?.join(" ")} ${port}`);
}

describe("targets", () => {
  test("nodes at the node port, each once, with the addresses of the families that are asked for", () => {
    assert.deepEqual(targets({ targetFamilies: ["IPv4"] }), ["172.18.0.2 30080"]);
    assert.deepEqual(targets({ targetFamilies: ["IPv6", "IPv4"] }), [
      "fd00:172:18::2 172.18.0.2 30080",
      "fd00:172:18::3 30080",
    ]);
  });

  test("pods at their own ports", () => {
    const endpoints: BalancerEndpoint[] = [
      { pod: "default/a", addresses: BOTH, node: "a", ports: { web: 8080 } },
      { pod: "default/b", addresses: BOTH, node: "a", ports: { other: 1 } },
    ];
    assert.deepEqual(targets({ targetType: "ip", endpoints }), ["172.18.0.2 8080"]);
  });
});

describe("health checks", () => {
  const check = (differences: Partial<HealthCheck>, port: Partial<BalancerPort> = {}, model = {}) => {
    const one = { ...balancerPort(), ...port };
    const healthCheck = { ...one.healthCheck, ...differences };
    return destination(model, { ...one, healthCheck })?.policy?.activeHealthCheck;
  };

  test("at the traffic's port as traffic comes, PROXY header and all", () => {
    assert.equal(check({})?.socket, undefined);
    assert.equal(check({}, { proxyProtocol: 2 })?.socket, undefined);
    assert.equal(check({ protocol: "HTTPS" }, { tlsToTargets: true })?.socket, undefined);
  });

  test("at another port without: nobody there knows the PROXY protocol", () => {
    const found = check({ protocol: "HTTP", port: 32000, path: "/healthz" }, { proxyProtocol: 2 });
    assert.deepEqual(
      [found?.kind, found?.socket, found?.port, found?.path],
      ["http", "plain", 32000, "/healthz"],
    );
    assert.equal(check({ protocol: "HTTPS", port: 32000 })?.socket, "tls");
    assert.equal(
      check({ port: 30080 }, { proxyProtocol: 2 })?.port,
      undefined,
      "the traffic's port by its number",
    );
  });

  test("UDP ports are asked at a port that is named, or not at all", () => {
    assert.equal(check({}, { protocol: "UDP" }), undefined);
    assert.equal(check({ protocol: "HTTP", port: 32000 }, { protocol: "UDP" })?.port, 32000);
  });

  test("status codes: ranges and lists", () => {
    const codes = check({ protocol: "HTTP", successCodes: "200,301-303" })?.expectedStatuses;
    assert.deepEqual(codes, [200, 301, 302, 303]);
    assert.equal(check({ protocol: "HTTP" })?.expectedStatuses?.length, 200);
  });

  test("with policy Local nothing goes to nodes without pods; else it is better to try than to refuse", () => {
    const threshold = (externalTrafficPolicy: "Local" | "Cluster") =>
      destination({ externalTrafficPolicy })?.policy?.panicThreshold;
    assert.equal(threshold("Local"), 0);
    assert.equal(threshold("Cluster"), 1);
  });
});

describe("listeners", () => {
  test("one a port and transport, on the Service's own addresses", () => {
    const ports = [balancerPort(), balancerPort({ name: "dns", port: 53, protocol: "TCP_UDP" })];
    const { listeners } = partsOf(balancerModel({ ports }), FACTS);
    assert.deepEqual(
      listeners.map(({ name, transport, bindPort }) => [name, transport, bindPort]),
      [
        ["default/web/TCP-80", "TCP", 80],
        ["default/web/TCP-53", "TCP", 53],
        ["default/web/UDP-53", "UDP", 53],
      ],
    );
    for (const { addresses } of listeners) assert.deepEqual(addresses, FACTS.addresses);
  });

  test("idle connections end after 350 s, or when the attribute says", () => {
    const idle = (listenerAttributes: Record<string, string>) =>
      partsOf(balancerModel({ ports: [balancerPort({ listenerAttributes })] }), FACTS).listeners[0]?.policy
        ?.idleTimeout;
    assert.equal(idle({}), 350_000);
    assert.equal(idle({ "tcp.idle_timeout.seconds": "60" }), 60_000);
    assert.equal(idle({ "tcp.idle_timeout.seconds": "soon" }), 350_000);
  });

  test("without an address there is nothing", () => {
    assert.deepEqual(partsOf(balancerModel(), { ...FACTS, addresses: {} }).listeners, []);
  });

  test("a port without a usable certificate closes connections, and says why", () => {
    const ports = [balancerPort({ tls: { certificates: ["default/a", "default/b"] } })];
    const none = partsOf(balancerModel({ ports }), FACTS);
    assert.deepEqual(none.listeners[0]?.chains[0]?.serve, { kind: "close" });
    assert.equal(none.events.length, 3);
    const pair = { certificate: "CERTIFICATE", privateKey: "KEY" };
    const certificates = (name: string) => (name === "default/b" ? pair : undefined);
    const one = partsOf(balancerModel({ ports }), { ...FACTS, certificates });
    assert.deepEqual(one.listeners[0]?.chains[0]?.tls?.certificates, ["default/b"]);
    assert.deepEqual(
      one.certificates.map(({ name }) => name),
      ["default/b"],
    );
    assert.equal(one.events.length, 1);
  });

  test("PROXY protocol over UDP is not spoken, and that is said", () => {
    const made = partsOf(
      balancerModel({ ports: [balancerPort({ protocol: "UDP", proxyProtocol: 2 })] }),
      FACTS,
    );
    assert.equal(made.destinations[0]?.policy?.proxyProtocol, undefined);
    assert.equal(made.events[0]?.reason, "ProxyProtocolNotSpoken");
  });
});

test("Services of one balancer are one model, and share nothing in it but certificates", () => {
  const other = balancerModel({ key: "shop/web", namespace: "shop" });
  const model = proxyModelOf("local", [partsOf(balancerModel(), FACTS), partsOf(other, FACTS)]);
  assert.deepEqual([...model.destinations.keys()], ["default/web/TCP-80", "shop/web/TCP-80"]);
  assert.deepEqual(model.families, ["IPv4", "IPv6"]);
});
