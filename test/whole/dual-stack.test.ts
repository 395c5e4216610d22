/**
 * The dual-stack checks of Kubernetes' end-to-end suite (test/e2e/network/dual_stack.go, Feature:IPv6DualStack), by
 * their names there, against a lab of two nodes: once for each order of the cluster's families. One set of netserver
 * pods serves all of them; the suite makes a new one for each.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Family, FAMILIES } from "../../src/ip/family.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Node, Service } from "../../src/objects/types.ts";
import { isReady, TestCluster, temporaryHome } from "../lab/cluster.ts";
import {
  AGNHOST,
  apply,
  CLUSTER_PORT,
  createTestPods,
  eventually,
  familyOf,
  NetworkSetup,
  podsWith,
  slicesOf,
} from "./dual-stack-net.ts";

const NO_SCTP = "2026-11-21: the kernel here has no SCTP sockets";
const PROTOCOLS = ["http", "udp"] as const;
/** How often the suite asks a Service with client-IP affinity (SessionAffinityChecks). */
const AFFINITY_CHECKS = 10;
const LARGE = { http: "42".repeat(1000), udp: `n${"o".repeat(1999)}` };
const ECHO = { http: `echo?msg=${LARGE.http}`, udp: `echo%20${LARGE.udp}` };

for (const order of [FAMILIES, FAMILIES.toReversed()]) {
  describe(`[Feature:IPv6DualStack] ${order.join(",")}`, () => suite(order));
}

/** What the tests of one cluster share. */
interface Stage {
  home: ReturnType<typeof temporaryHome>;
  lab: TestCluster;
  nodes: Node[];
  net: NetworkSetup;
}

function suite(order: readonly Family[]): void {
  const stage = {} as Stage;

  before(async () => {
    stage.home = temporaryHome();
    const lab = await TestCluster.start("dualstack", order, 2);
    stage.lab = lab;
    stage.nodes = (await lab.client.list<Node>(KINDS.Node)).items;
    stage.net = new NetworkSetup(lab, stage.nodes, "netserver");
    await Promise.all([createTestPods(lab), stage.net.create(), apply(lab, SERVICE_PODS)]);
    const targets = (await Promise.all(PROTOCOLS.map((protocol) => stage.net.targets(protocol)))).flat();
    for (const { host } of targets)
      assert.equal(familyOf(host), order[1], "dialled over the secondary family");
  });

  after(async () => {
    await stage.lab?.stop();
    stage.home.remove();
  });

  addressChecks(stage, order);
  serviceChecks(stage, order);
  describe("Granular Checks: Services Secondary IP Family [LinuxOnly]", () => {
    reachChecks(stage);
    changeChecks(stage);
  });
}

function addressChecks(stage: Stage, order: readonly Family[]): void {
  test("should have ipv4 and ipv6 internal node ip", () => {
    assert.equal(stage.nodes.length, 2);
    for (const { status } of stage.nodes) {
      const internal = status?.addresses?.filter(({ type }) => type === "InternalIP") ?? [];
      assert.deepEqual(
        internal.map(({ address }) => familyOf(address)),
        order,
      );
    }
  });

  test("should create pod, add ipv6 and ipv4 ip to pod ips", async () => {
    const { status } = await stage.lab.pod("test-container-pod");
    assert.equal(status?.podIP, status?.podIPs?.[0]?.ip);
    assert.deepEqual(
      status?.podIPs?.map(({ ip }) => familyOf(ip)),
      order,
    );
  });

  test("should create pod, add ipv6 and ipv4 ip to host ips", async () => {
    const { status } = await stage.lab.pod("test-container-pod");
    assert.equal(status?.hostIP, status?.hostIPs?.[0]?.ip);
    assert.deepEqual(
      status?.hostIPs?.map(({ ip }) => familyOf(ip)),
      order,
    );
  });

  test("should be able to reach pod on ipv4 and ipv6 ip", async () => {
    await apply(
      stage.lab,
      [onePerNode("dualstack-server", SERVER), onePerNode("dualstack-client", CLIENT)].join("---"),
    );
    const ready = async (name: string) => {
      await eventually(async () =>
        assert.equal((await podsWith(stage.lab, `test=${name}`)).filter(isReady).length, 2),
      );
      return podsWith(stage.lab, `test=${name}`);
    };
    const [servers, clients] = [await ready("dualstack-server"), await ready("dualstack-client")];
    assert.equal(new Set(servers.map(({ spec }) => spec.nodeName)).size, 2);
    assert.equal(new Set(clients.map(({ spec }) => spec.nodeName)).size, 2);
    for (const client of clients) {
      for (const ip of servers.flatMap(({ status }) => status?.podIPs ?? []).map((it) => it.ip)) {
        const url = `http://${familyOf(ip) === "IPv6" ? `[${ip}]` : ip}:80`;
        const curl = ["curl", "-g", "-q", "-s", "-f", "--connect-timeout", "30", url];
        assert.equal(
          (await stage.lab.exec(client.metadata.name, curl)).code,
          0,
          `${client.metadata.name} to ${url}`,
        );
      }
    }
  });
}

function serviceChecks(stage: Stage, order: readonly Family[]): void {
  const [primary] = order as [Family];
  const SINGLE = "SingleStack";
  const DUAL = "RequireDualStack";
  for (const [title, name, families, asked, policy] of [
    [
      "a single stack service with cluster ip from primary service range",
      "defaultclusterip",
      [primary],
      "",
      SINGLE,
    ],
    ["service with ipv4 cluster ip", "ipv4clusterip", ["IPv4"], "ipFamilies: [IPv4]", SINGLE],
    ["service with ipv6 cluster ip", "ipv6clusterip", ["IPv6"], "ipFamilies: [IPv6]", SINGLE],
    ["service with ipv4,v6 cluster ip", "ipv4ipv6clusterip", ["IPv4", "IPv6"], dual("IPv4,IPv6"), DUAL],
    ["service with ipv6,v4 cluster ip", "ipv6ipv4clusterip", ["IPv6", "IPv4"], dual("IPv6,IPv4"), DUAL],
  ] as const) {
    test(`should create ${title}`, async () => {
      await eventually(async () =>
        assert.equal((await podsWith(stage.lab, "app=names")).filter(isReady).length, 2),
      );
      await apply(stage.lab, nodePort53(name, asked));
      const { spec } = await stage.lab.client.get<Service>(KINDS.Service, name, "default");
      assert.equal(spec.ports?.length, 2);
      assert.equal(spec.ipFamilyPolicy, policy);
      assert.deepEqual(spec.ipFamilies, families);
      assert.deepEqual(spec.clusterIPs?.map(familyOf), families);
      await eventually(async () => {
        const slices = await slicesOf(stage.lab, name);
        assert.deepEqual(slices.map(({ addressType }) => addressType).toSorted(), families.toSorted());
        for (const { addressType, endpoints, ports } of slices) {
          const found = endpoints?.flatMap(({ addresses }) => addresses.map(familyOf));
          assert.deepEqual(found, [addressType, addressType]);
          assert.equal(ports?.length, 2);
        }
      });
    });
  }
}

function reachChecks(stage: Stage): void {
  for (const protocol of PROTOCOLS) {
    test(`should function for pod-Service: ${protocol}`, async () => {
      for (const target of await stage.net.targets(protocol))
        await stage.net.reaches(stage.net.fromTestPod, protocol, target);
    });
  }

  test("should function for pod-Service: sctp [Feature:SCTPConnectivity]", { skip: NO_SCTP }, () => {});

  for (const protocol of PROTOCOLS) {
    test(`should function for node-Service: ${protocol}`, async () => {
      for (const target of await stage.net.targets(protocol))
        await stage.net.reaches(stage.net.fromNode, protocol, target);
    });
  }

  for (const protocol of PROTOCOLS) {
    test(`should function for endpoint-Service: ${protocol}`, async () => {
      for (const target of await stage.net.targets(protocol))
        await stage.net.reaches(stage.net.fromEndpoint, protocol, target);
    });
  }
}

function changeChecks(stage: Stage): void {
  for (const protocol of PROTOCOLS) {
    test(`should update endpoints: ${protocol}`, async () => {
      const [clusterIp] = await stage.net.targets(protocol);
      await stage.net.reaches(stage.net.fromTestPod, protocol, clusterIp!);
      try {
        await stage.net.deleteOne();
        await stage.net.reaches(
          stage.net.fromTestPod,
          protocol,
          clusterIp!,
          stage.net.hostnames().slice(1),
          stage.net.maxTries,
        );
      } finally {
        await stage.net.fill();
      }
    });
  }

  for (const protocol of PROTOCOLS) {
    test(`should function for client IP based session affinity: ${protocol}`, async () => {
      const { spec } = await stage.net.service("affinity");
      const seen = new Set<string>();
      for (let i = 0; i < AFFINITY_CHECKS; i++)
        seen.add(
          await answerOf(() => stage.net.fromTestPod(protocol, spec.clusterIPs![1]!, CLUSTER_PORT[protocol])),
        );
      const [only, ...more] = seen;
      assert.ok(stage.net.hostnames().includes(only ?? ""), `answered by ${only}`);
      assert.deepEqual(more, []);
    });
  }

  for (const protocol of PROTOCOLS) {
    test(`should be able to handle large requests: ${protocol}`, async () => {
      const [clusterIp] = await stage.net.targets(protocol);
      const { host, port } = clusterIp!;
      const answer = await answerOf(() => stage.net.fromTestPod(protocol, host, port, ECHO[protocol]));
      assert.equal(answer, LARGE[protocol]);
    });
  }

  test("should function for service endpoints using hostNetwork", async () => {
    const onHost = new NetworkSetup(stage.lab, stage.nodes, "host-netserver", true);
    await onHost.create();
    for (const target of await onHost.targets("http")) {
      await onHost.reaches(onHost.fromTestPod, "http", target);
      await onHost.reaches(onHost.fromNode, "http", target);
    }
    for (const target of await onHost.targets("udp")) await onHost.reaches(onHost.fromNode, "udp", target);
    for (const protocol of PROTOCOLS) {
      const [{ host, port }] = (await onHost.targets(protocol)) as [{ host: string; port: number }];
      const answer = await answerOf(() => onHost.fromTestPod(protocol, host, port, ECHO[protocol]));
      assert.equal(answer, LARGE[protocol]);
    }
  });
}

/** Asks again where nothing came back: the dialler gives up after 5 s, and datagrams may be lost. */
async function answerOf(ask: () => Promise<string>): Promise<string> {
  let answer = "";
  await eventually(async () => {
    answer = await ask();
    assert.notEqual(answer, "");
  });
  return answer;
}

const SERVER = `{name: agnhost, image: "${AGNHOST}", args: [netexec, --http-port=80],
        readinessProbe: {httpGet: {path: /healthz, port: 80}, periodSeconds: 1, timeoutSeconds: 10}}`;
const CLIENT = `{name: agnhost, image: "${AGNHOST}", command: [sleep, "3600"]}`;

/** A Deployment of two pods that avoid each other's nodes. */
function onePerNode(name: string, container: string): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {test: ${name}}}
  template:
    metadata: {labels: {test: ${name}}}
    spec:
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - labelSelector: {matchExpressions: [{key: test, operator: In, values: [${name}]}]}
            topologyKey: kubernetes.io/hostname
      containers:
      - ${container}
`;
}

/** The pods behind the Services of the first checks (jig.CreateServicePods). */
const SERVICE_PODS = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: names, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: names}}
  template:
    metadata: {labels: {app: names}}
    spec:
      containers: [{name: agnhost, image: "${AGNHOST}", args: [serve-hostname]}]
`;

function dual(families: string): string {
  return `ipFamilyPolicy: RequireDualStack\n  ipFamilies: [${families}]`;
}

function nodePort53(name: string, families: string): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec:
  type: NodePort
  selector: {app: names}
  ${families}
  ports:
  - {name: tcp-port, port: 53, protocol: TCP}
  - {name: udp-port, port: 53, protocol: UDP}
`;
}
