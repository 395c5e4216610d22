/** Real packets through the rules, in namespaces of this test's own: every case over both families, TCP and UDP. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Pod, Service, ServiceSpec } from "../../src/objects/types.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import type { TrafficModel } from "../../src/traffic/index.ts";
import { nodePorts, type PodEndpoint, setWeb, WEB, web } from "./cluster.ts";
import {
  ADDRESSES,
  BALANCER,
  FACTS,
  GATEWAY,
  type Place,
  SERVED,
  type TestNetwork,
  UNASSIGNED,
} from "./network.ts";
import { startNode, type TestNode } from "./node.ts";

const FAMILIES = ["IPv4", "IPv6"] as const;
const PROTOCOLS = ["tcp", "udp"] as const;
type Family = (typeof FAMILIES)[number];
type Protocol = (typeof PROTOCOLS)[number];

let node: TestNode;
let network: TestNetwork;
let model: TrafficModel;
let kernel: Kernel;

before(async () => {
  node = await startNode(FACTS);
  ({ network, model, kernel } = node);
});

after(async () => {
  await node.close();
});

async function given(service: Service | undefined, pods: readonly PodEndpoint[] = []): Promise<void> {
  setWeb(model, service, pods);
  await node.settled();
}

const FOREIGN = { IPv4: "10.244.9.9", IPv6: "fd00:10:244:9::9" } as const;

/** Gives the machine outside an address in the pod ranges, which it talks to the node from. */
const FOREIGN_POD = [
  `ip -n outside address add ${FOREIGN.IPv4}/32 dev lo`,
  `ip -n outside address add ${FOREIGN.IPv6}/128 dev lo nodad`,
  `ip -n outside route replace ${ADDRESSES.node.IPv4} dev eth0 src ${FOREIGN.IPv4}`,
  `ip -n outside route replace ${ADDRESSES.node.IPv6} dev eth0 src ${FOREIGN.IPv6}`,
  `ip route add ${FOREIGN.IPv4} via ${ADDRESSES.outside.IPv4}`,
  `ip route add ${FOREIGN.IPv6} via ${ADDRESSES.outside.IPv6}`,
].join("\n");

async function everyWay(check: (family: Family, protocol: Protocol) => Promise<void>): Promise<void> {
  for (const family of FAMILIES) for (const protocol of PROTOCOLS) await check(family, protocol);
}

type Target = Partial<Parameters<TestNetwork["ask"]>[1]> & { host: string; protocol: Protocol };

/** The names that answer, sorted and without repetition, or error codes. */
async function names(from: Place, target: Target): Promise<string[]> {
  const answers = await network.ask(from, { port: 80, ...target });
  return [...new Set(answers.map((answer) => answer.split(" ")[0] as string))].sort();
}

async function answer(from: Place, target: Target): Promise<string> {
  const [text = ""] = await network.ask(from, { port: 80, ...target });
  return text;
}

const A: PodEndpoint = { pod: "a" };
const B: PodEndpoint = { pod: "b" };
const REMOTE_B: PodEndpoint = { pod: "b", node: "node-2" };

test("connections to a cluster IP are spread over the endpoints, and pods see the client's address", async () => {
  await given(web(), [A, B]);
  await everyWay(async (family, protocol) => {
    const answers = await network.ask("client", { host: WEB[family], port: 80, protocol, count: 60 });
    const client = ADDRESSES.client[family];
    const byA = answers.filter((text) => text === `a ${client}`).length;
    const byB = answers.filter((text) => text === `b ${client}`).length;
    assert.equal(byA + byB, 60, `${family} ${protocol}: ${[...new Set(answers)]}`);
    // Chance leaves this band once in a million runs.
    assert.ok(byA > 10 && byB > 10, `${family} ${protocol}: ${byA} and ${byB}`);
  });
});

test("a pod reaches itself through its Service", async () => {
  await given(web(), [A]);
  await everyWay(async (family, protocol) => {
    assert.match(await answer("a", { host: WEB[family], protocol }), /^a /, `${family} ${protocol}`);
  });
});

test("the node and machines outside reach a cluster IP, and answers come back through the node", async () => {
  await given(web(), [A]);
  await everyWay(async (family, protocol) => {
    assert.match(await answer("node", { host: WEB[family], protocol }), /^a /);
    const seen = await answer("outside", { host: WEB[family], protocol });
    assert.equal(seen, `a ${GATEWAY[family]}`);
  });
});

test("without endpoints, and on a port that a live cluster IP does not have, clients are refused", async () => {
  await given(web(), []);
  for (const from of ["client", "node", "outside"] as const) {
    await everyWay(async (family, protocol) => {
      assert.equal(await answer(from, { host: WEB[family], protocol }), "ECONNREFUSED", `${from} ${family}`);
    });
  }
  await given(web(), [A]);
  await everyWay(async (family, protocol) => {
    assert.equal(await answer("client", { host: WEB[family], port: 81, protocol }), "ECONNREFUSED");
  });
});

test("an address that no Service has is silent", async () => {
  await given(web(), [A]);
  for (const host of Object.values(UNASSIGNED)) {
    assert.equal(await answer("client", { host, protocol: "tcp", timeoutMs: 200 }), "TIMEOUT");
  }
});

test("a node port answers from outside, from pods and from the node, and never on loopback", async () => {
  await given(web({ type: "NodePort", ports: nodePorts(30080) }), [A, B]);
  await everyWay(async (family, protocol) => {
    const host = ADDRESSES.node[family];
    for (const from of ["outside", "client", "node"] as const) {
      const seen = await names(from, { host, port: 30080, protocol, count: 30 });
      assert.deepEqual(seen, ["a", "b"], `${from} ${family} ${protocol}`);
    }
    const [, source] = (await answer("outside", { host, port: 30080, protocol })).split(" ");
    assert.equal(source, GATEWAY[family], "masqueraded by the node");
    const loopback = family === "IPv4" ? "127.0.0.1" : "::1";
    assert.equal(await answer("node", { host: loopback, port: 30080, protocol }), "ECONNREFUSED");
    const elsewhere = ADDRESSES.outside[family];
    assert.equal(await answer("client", { host: elsewhere, port: 30080, protocol }), "ECONNREFUSED");
  });
});

test("node ports are served on the addresses that were chosen for them, in each family", async () => {
  const chosen = { IPv4: ["172.18.0.0/16"], IPv6: ["fd00:172:18::/64"] };
  await given(web({ type: "NodePort", ports: nodePorts(30080) }), [A]);
  kernel.setFacts({ ...FACTS, nodePortAddresses: chosen });
  await node.settled();
  await everyWay(async (family, protocol) => {
    const target = { port: 30080, protocol };
    assert.match(await answer("client", { ...target, host: ADDRESSES.node[family] }), /^a /);
    assert.equal(await answer("client", { ...target, host: GATEWAY[family] }), "ECONNREFUSED");
  });
  kernel.setFacts(FACTS);
  await node.settled();
  await everyWay(async (family, protocol) => {
    assert.match(await answer("client", { host: GATEWAY[family], port: 30080, protocol }), /^a /);
  });
});

test("a node port without endpoints refuses", async () => {
  await given(web({ type: "NodePort", ports: nodePorts(30080) }), []);
  await everyWay(async (family, protocol) => {
    const host = ADDRESSES.node[family];
    assert.equal(await answer("outside", { host, port: 30080, protocol }), "ECONNREFUSED");
  });
});

test("changed endpoints count for the next connection, also of a UDP flow that goes on", async () => {
  await given(web(), [A]);
  await everyWay(async (family, protocol) => {
    assert.deepEqual(await names("client", { host: WEB[family], protocol, fromPort: 40001 }), ["a"]);
  });
  await given(web(), [B]);
  await everyWay(async (family, protocol) => {
    const port = protocol === "udp" ? { fromPort: 40001 } : {};
    assert.deepEqual(
      await names("client", { host: WEB[family], protocol, ...port }),
      ["b"],
      `${family} ${protocol}`,
    );
  });
  await given(web(), []);
  await everyWay(async (family, protocol) => {
    const port = protocol === "udp" ? { fromPort: 40001 } : {};
    assert.deepEqual(await names("client", { host: WEB[family], protocol, ...port }), ["ECONNREFUSED"]);
  });
});

test("a removed Service leaves nothing behind", async () => {
  await given(web({ type: "NodePort", ports: nodePorts(30080) }), [A]);
  await given(undefined);
  await everyWay(async (family, protocol) => {
    assert.equal(await answer("client", { host: WEB[family], protocol, timeoutMs: 200 }), "TIMEOUT");
    const host = ADDRESSES.node[family];
    assert.equal(await answer("outside", { host, port: 30080, protocol }), "ECONNREFUSED");
  });
});

test("endpoints that are not ready get nothing; terminating ones serve while there is no other", async () => {
  const terminating = { ready: false, serving: true, terminating: true };
  await given(web(), [A, { ...B, conditions: { ready: false, serving: false, terminating: false } }]);
  await everyWay(async (family, protocol) => {
    assert.deepEqual(await names("client", { host: WEB[family], protocol, count: 20 }), ["a"]);
  });
  await given(web(), [{ ...A, conditions: terminating }, B]);
  await everyWay(async (family, protocol) => {
    assert.deepEqual(await names("client", { host: WEB[family], protocol, count: 20 }), ["b"]);
  });
  await given(web(), [{ ...A, conditions: terminating }]);
  await everyWay(async (family, protocol) => {
    assert.deepEqual(await names("client", { host: WEB[family], protocol }), ["a"]);
  });
  for (const conditions of [
    { ready: false, serving: true, terminating: false },
    { ready: false, serving: false, terminating: true },
  ]) {
    await given(web(), [{ ...A, conditions }]);
    await everyWay(async (family, protocol) => {
      assert.deepEqual(await names("client", { host: WEB[family], protocol }), ["ECONNREFUSED"]);
    });
  }
});

const OUTSIDE_IPS = { IPv4: "192.0.2.10", IPv6: "2001:db8::10" } as const;

test("external IPs and balancer addresses of mode VIP lead to the endpoints", async () => {
  const balanced = web({ type: "LoadBalancer", externalIPs: Object.values(OUTSIDE_IPS) });
  balanced.status = { loadBalancer: { ingress: [{ ip: "192.0.2.20" }, { ip: "2001:db8::20" }] } };
  await given(balanced, [A, B]);
  for (const last of ["10", "20"]) {
    await everyWay(async (family, protocol) => {
      const host = OUTSIDE_IPS[family].replace(/10$/, last);
      for (const from of ["outside", "client"] as const) {
        assert.deepEqual(await names(from, { host, protocol, count: 30 }), ["a", "b"], `${from} ${host}`);
      }
    });
  }
});

test("a balancer address of mode Proxy is left to the balancer", async () => {
  const service = web({ type: "LoadBalancer", ports: [{ name: "http", protocol: "TCP", port: SERVED }] });
  for (const ipMode of ["Proxy", "VIP"] as const) {
    const ingress = Object.values(BALANCER).map((ip) => ({ ip, ipMode }));
    await given({ ...service, status: { loadBalancer: { ingress } } }, [A]);
    for (const family of FAMILIES) {
      const target = { host: BALANCER[family], port: SERVED, protocol: "tcp" as const };
      const expected = ipMode === "Proxy" ? `outside ${ADDRESSES.client[family]}` : `a ${GATEWAY[family]}`;
      assert.equal(await answer("client", target), expected, `${family} ${ipMode}`);
    }
  }
});

test("externalTrafficPolicy Local keeps outside traffic on the node, with its source", async () => {
  const local = {
    type: "NodePort" as const,
    ports: nodePorts(30080),
    externalTrafficPolicy: "Local" as const,
  };
  await given(web(local), [A, REMOTE_B]);
  await everyWay(async (family, protocol) => {
    const target = { host: ADDRESSES.node[family], port: 30080, protocol };
    const answers = await network.ask("outside", { ...target, count: 20 });
    assert.deepEqual([...new Set(answers)], [`a ${ADDRESSES.outside[family]}`], `${family} ${protocol}`);
    // Pods and the node itself may use every endpoint.
    assert.deepEqual(await names("client", { ...target, count: 30 }), ["a", "b"]);
    assert.deepEqual(await names("node", { ...target, count: 30 }), ["a", "b"]);
    // The source of pods is kept, that of the node is not: it has many addresses, and not all of them lead back.
    assert.match(await answer("client", target), new RegExp(`^[ab] ${ADDRESSES.client[family]}$`));
    assert.match(await answer("node", target), new RegExp(`^[ab] ${GATEWAY[family]}$`));
  });
  const leaving = { ready: false, serving: true, terminating: true };
  // At another port: flows of UDP stay with a backend that still serves, and a client may come to use a port again.
  await given(web({ ...local, ports: nodePorts(30081) }), [{ ...A, conditions: leaving }, REMOTE_B]);
  await everyWay(async (family, protocol) => {
    // What is on this node is judged for itself: ready ones elsewhere do not count.
    const target = { host: ADDRESSES.node[family], port: 30081, protocol, count: 10 };
    assert.deepEqual(await names("outside", target), ["a"], `${family} ${protocol}`);
    assert.deepEqual(await names("client", target), ["b"], `${family} ${protocol}`);
  });
  await given(web(local), [REMOTE_B]);
  await everyWay(async (family, protocol) => {
    const target = { host: ADDRESSES.node[family], port: 30080, protocol, timeoutMs: 200 };
    assert.equal(await answer("outside", target), "TIMEOUT");
    assert.match(await answer("client", { ...target, timeoutMs: 60_000 }), /^b /);
  });
  await given(web(local), []);
  await everyWay(async (family, protocol) => {
    const target = { host: ADDRESSES.node[family], port: 30080, protocol };
    assert.equal(await answer("outside", target), "ECONNREFUSED");
  });
});

test("under policy Local a pod behind no link of this node's pods is held to this node, as all else from outside", async () => {
  const links = { ...FACTS, podLinks: "v-" };
  const other = await startNode(links);
  try {
    setWeb(other.model, web({ type: "NodePort", ports: nodePorts(30080), externalTrafficPolicy: "Local" }), [
      A,
      REMOTE_B,
    ]);
    await other.settled();
    // a pod of another node: its address is in the pod ranges, and it comes by the node's own link
    const added = await other.network.exec(["sh", "-e"], [FOREIGN_POD]);
    assert.equal(added.code, 0, added.stderr);
    await everyWay(async (family, protocol) => {
      const target = { host: ADDRESSES.node[family], port: 30080, protocol };
      const from = async (place: Place) =>
        [...new Set(await other.network.ask(place, { ...target, count: 30 }))].sort();
      assert.deepEqual(await from("outside"), [`a ${FOREIGN[family]}`], `${family} ${protocol}`);
      const own = ["a", "b"].map((pod) => `${pod} ${ADDRESSES.client[family]}`);
      assert.deepEqual(await from("client"), own, `${family} ${protocol}`);
    });
  } finally {
    await other.close();
  }
});

test("internalTrafficPolicy Local uses endpoints on this node only, and drops where there are none", async () => {
  await given(web({ internalTrafficPolicy: "Local" }), [A, REMOTE_B]);
  await everyWay(async (family, protocol) => {
    assert.deepEqual(await names("client", { host: WEB[family], protocol, count: 20 }), ["a"]);
  });
  await given(web({ internalTrafficPolicy: "Local" }), [{ ...A, node: "node-2" }, B]);
  await everyWay(async (family, protocol) => {
    assert.deepEqual(await names("client", { host: WEB[family], protocol, count: 20 }), ["b"]);
  });
  await given(web({ internalTrafficPolicy: "Local" }), [REMOTE_B]);
  await everyWay(async (family, protocol) => {
    assert.equal(await answer("client", { host: WEB[family], protocol, timeoutMs: 200 }), "TIMEOUT");
  });
});

function guarded(ranges: string[], spec: Partial<ServiceSpec> = {}): Service {
  const service = web({ type: "LoadBalancer", loadBalancerSourceRanges: ranges, ...spec });
  service.status = { loadBalancer: { ingress: [{ ip: "192.0.2.20" }, { ip: "2001:db8::20" }] } };
  return service;
}

test("source ranges admit to balancer addresses, each family by its own", async () => {
  const reach = async (family: Family, protocol: Protocol, expected: string) => {
    const host = family === "IPv4" ? "192.0.2.20" : "2001:db8::20";
    return (await names("outside", { host, protocol, ...(expected === "TIMEOUT" && { timeoutMs: 200 }) }))[0];
  };
  await given(guarded(["172.18.0.0/16", "172.18.0.0/24", "203.0.113.1/32", "2001:db8:ffff::/48"]), [A]);
  await everyWay(async (family, protocol) => {
    const expected = family === "IPv4" ? "a" : "TIMEOUT";
    assert.equal(await reach(family, protocol, expected), expected, `${family} ${protocol}`);
  });
  await given(guarded(["203.0.113.0/24"]), [A]);
  await everyWay(async (family, protocol) => {
    const expected = family === "IPv4" ? "TIMEOUT" : "a";
    assert.equal(await reach(family, protocol, expected), expected, `${family} ${protocol}`);
  });
  // Whom they do not admit, they do not tell either that there is no endpoint.
  await given(guarded(["203.0.113.0/24", "fd00:172:18::/64"]), []);
  await everyWay(async (family, protocol) => {
    const expected = family === "IPv4" ? "TIMEOUT" : "ECONNREFUSED";
    assert.equal(await reach(family, protocol, expected), expected, `${family} ${protocol}`);
  });
});

test("a source range over everything is no filter, and a balancer address that is an external IP too has one", async () => {
  const balancerIPs = { IPv4: "192.0.2.20", IPv6: "2001:db8::20" };
  const everybody = guarded(["0.0.0.0/0", "203.0.113.0/24", "::/0"]);
  const nobody = guarded(["203.0.113.0/24", "2001:db8:1::/48"], { externalIPs: Object.values(balancerIPs) });
  for (const [service, expected] of [
    [everybody, "a"],
    [nobody, "TIMEOUT"],
  ] as const) {
    await given(service, [A]);
    await everyWay(async (family, protocol) => {
      const target = {
        host: balancerIPs[family],
        protocol,
        ...(expected === "TIMEOUT" && { timeoutMs: 200 }),
      };
      assert.deepEqual(await names("outside", target), [expected], `${family} ${protocol}`);
    });
  }
});

test("a node that is admitted may use the balancer's address as its source", async () => {
  const balancerIPs = ["192.0.2.20/32", "2001:db8::20/128"];
  const onLoopback = async (verb: "add" | "delete") => {
    for (const address of balancerIPs) await network.exec(["ip", "address", verb, address, "dev", "lo"]);
  };
  await onLoopback("add");
  const admitted = guarded([`${ADDRESSES.node.IPv4}/32`, `${ADDRESSES.node.IPv6}/128`]);
  const others = guarded(["203.0.113.0/24", "2001:db8:1::/48"]);
  for (const [service, expected] of [
    [admitted, "a"],
    [others, "TIMEOUT"],
  ] as const) {
    await given(service, [A]);
    await everyWay(async (family, protocol) => {
      const host = family === "IPv4" ? "192.0.2.20" : "2001:db8::20";
      const target = { host, protocol, ...(expected === "TIMEOUT" && { timeoutMs: 200 }) };
      assert.deepEqual(await names("node", target), [expected], `${family} ${protocol}`);
    });
  }
  await onLoopback("delete");
});

test("endpoints meant for this node, or for its zone, are preferred", async () => {
  kernel.setFacts({ ...FACTS, zone: "east" });
  const hint = (hints: (pod: string) => PodEndpoint["hints"]) =>
    setWeb(
      model,
      web(),
      [A, REMOTE_B].map((endpoint) => ({ ...endpoint, hints: hints(endpoint.pod) })),
    );
  hint((pod) => ({ forZones: [{ name: pod === "a" ? "west" : "east" }] }));
  await node.settled();
  for (const family of FAMILIES) {
    assert.deepEqual(await names("client", { host: WEB[family], protocol: "tcp", count: 20 }), ["b"]);
  }
  hint((pod) => ({ forNodes: [{ name: pod === "a" ? "node-1" : "node-2" }], forZones: [{ name: "east" }] }));
  await node.settled();
  for (const family of FAMILIES) {
    assert.deepEqual(await names("client", { host: WEB[family], protocol: "tcp", count: 20 }), ["a"]);
  }
  kernel.setFacts(FACTS);
});

test("a pod that is silent over a family gets no connection of it, where its Service enforces that", async () => {
  const annotations = { "tandem.dev/family-readiness": "enforce" };
  const object = { ...web(), metadata: { ...web().metadata, annotations } };
  const silent: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", namespace: "default", uid: "a" },
    spec: { containers: [] },
    status: { conditions: [{ type: "tandem.dev/IPv6Ready", status: "False" }] },
  };
  await given(object, [{ pod: "a" }, { pod: "b" }]);
  model.onPod({ type: "added", object: silent });
  await node.settled();
  await everyWay(async (family, protocol) => {
    const all = await names("client", { host: WEB[family], protocol, count: 40 });
    assert.deepEqual(all, family === "IPv4" ? ["a", "b"] : ["b"], `${family} ${protocol}`);
  });
  model.onPod({ type: "deleted", object: silent });
});

test("with masquerade-all a pod's address is not seen behind a cluster IP either", async () => {
  await given(web(), [{ pod: "a" }]);
  kernel.setFacts({ ...FACTS, masqueradeAll: true });
  await node.settled();
  await everyWay(async (family, protocol) => {
    const text = await answer("client", { host: WEB[family], protocol });
    assert.ok(
      text.startsWith("a ") && !text.includes(ADDRESSES.client[family]),
      `${family} ${protocol}: ${text}`,
    );
  });
  kernel.setFacts(FACTS);
  await node.settled();
});
