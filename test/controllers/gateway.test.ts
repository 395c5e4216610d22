import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type DesiredStatus,
  ensureAuthority,
  type GatewayInfrastructure,
  type InfrastructureState,
  proxyIdentity,
  proxyOfIdentity,
  StatusWriter,
  startGatewayInfrastructure,
} from "../../src/controllers/gateway/index.ts";
import { GATEWAY_NAME_LABEL, infrastructureName, labelValue } from "../../src/controllers/gateway/names.ts";
import { reachabilityOf } from "../../src/controllers/gateway/addresses.ts";
import { mergeStatus } from "../../src/controllers/gateway/status-merge.ts";
import { GATEWAY_KINDS, type Gateway, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { AnyObject, Deployment, Secret, Service } from "../../src/objects/types.ts";
import { findEnvoyPod } from "../../src/cli/envoy-pods.ts";
import { installDefinitions } from "../../src/cli/gateway/definitions.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const container = {
  image: "envoy:test",
  command: ["envoy"],
  args: ["--config-yaml", "{}"],
  readyPort: 19003,
  statsPort: 19001,
};
const PORTS = [{ port: 80, bindPort: 10080, transport: "TCP" as const }];

describe("infrastructure of Gateways", () => {
  let cluster: TestCluster;
  let infrastructure: GatewayInfrastructure;
  const states = new Map<string, InfrastructureState>();
  const abort = new AbortController();

  before(async () => {
    cluster = await startCluster();
    await installDefinitions(cluster.client);
    await installDefinitions(cluster.client); // again is fine
    const authority = await ensureAuthority(cluster.client, "tandem-system");
    assert.deepEqual(await ensureAuthority(cluster.client, "tandem-system"), authority);
    infrastructure = await startGatewayInfrastructure(
      {
        client: cluster.client,
        authority,
        trustDomain: "cluster.local",
        container: () => container,
        onState: (key, state) => states.set(key, state),
      },
      abort.signal,
    );
  });

  after(async () => {
    abort.abort();
    await infrastructure.stopped;
    await cluster.close();
  });

  const createGateway = (name: string, infra: object = {}): Promise<Gateway> =>
    cluster.client.create<Gateway>(GATEWAY_KINDS.Gateway, {
      metadata: { name, namespace: "default" },
      spec: {
        gatewayClassName: "tandem",
        listeners: [{ name: "http", port: 80, protocol: "HTTP" }],
        infrastructure: infra,
      },
    });
  const find = <T extends AnyObject>(kind: keyof typeof KINDS, name: string): Promise<T | undefined> =>
    cluster.client.get<T>(KINDS[kind], name, "default").catch(() => undefined);

  test("a Gateway gets a Service of both families, a Deployment, an account and a certificate", async () => {
    const labels = { team: "shop" };
    const gateway = await createGateway("edge", { labels, annotations: { note: "x" } });
    infrastructure.set("default/edge", { gateway, ports: PORTS });
    await eventually(
      async () => states.get("default/edge"),
      (state) => state?.missing.length === 2,
    );
    const service = (await find<Service & AnyObject>("Service", "edge-tandem"))!;
    assert.equal(service.spec.ipFamilyPolicy, "PreferDualStack");
    assert.deepEqual(service.spec.ipFamilies, ["IPv4", "IPv6"]);
    assert.deepEqual(
      service.spec.ports?.map(({ port, targetPort }) => [port, targetPort]),
      [[80, 10080]],
    );
    const deployment = (await find<Deployment & AnyObject>("Deployment", "edge-tandem"))!;
    const account = (await find("ServiceAccount", "edge-tandem"))!;
    for (const { metadata } of [service, account, deployment.spec.template as unknown as typeof service]) {
      assert.equal(metadata.labels?.["gateway.networking.k8s.io/gateway-name"], "edge");
      assert.equal(metadata.labels?.["team"], "shop");
      assert.equal(metadata.annotations?.["note"], "x");
    }
    assert.equal(service.metadata.ownerReferences?.[0]?.uid, gateway.metadata.uid);
    const state = states.get("default/edge");
    assert.deepEqual(
      state?.missing.map(({ why }) => why),
      ["the load balancer has given no address yet", "the load balancer has given no address yet"],
    );
    // once the balancer has given addresses, both are there, the primary family first
    await cluster.client.patch(
      KINDS.Service,
      "edge-tandem",
      "default",
      { status: { loadBalancer: { ingress: [{ ip: "fd00::9" }, { ip: "192.0.2.9" }] } } },
      { type: "merge", subresource: "status" },
    );
    const reached = await eventually(
      async () => states.get("default/edge"),
      (now) => now?.addresses.length === 2,
    );
    assert.deepEqual(
      reached?.addresses.map(({ value }) => value),
      ["192.0.2.9", "fd00::9"],
    );
    assert.deepEqual(reached?.missing, []);
  });

  test("the certificate stays while it is good, and is made anew when somebody breaks it", async () => {
    const gateway = await createGateway("keys");
    infrastructure.set("default/keys", { gateway, ports: PORTS });
    const secret = (await eventually(
      () => find<Secret & AnyObject>("Secret", "keys-tandem"),
      (found) => found !== undefined,
    ))!;
    infrastructure.set("default/keys", {
      gateway,
      ports: [...PORTS, { port: 53, bindPort: 10053, transport: "UDP" }],
    });
    await eventually(
      () => find<Service & AnyObject>("Service", "keys-tandem"),
      (service) => service?.spec.ports?.length === 2,
    );
    assert.deepEqual((await find<Secret & AnyObject>("Secret", "keys-tandem"))?.data, secret.data);
    await cluster.client.patch(
      KINDS.Secret,
      "keys-tandem",
      "default",
      { data: { "tls.crt": "AAAA" } },
      { type: "merge" },
    );
    await eventually(
      () => find<Secret & AnyObject>("Secret", "keys-tandem"),
      (found) => (found?.data?.["tls.crt"]?.length ?? 0) > 100,
    );
  });

  test("somebody else's object is left alone, and named", async () => {
    const metadata = { name: "taken-tandem", namespace: "default" };
    await cluster.client.create(KINDS.ServiceAccount, { metadata });
    const gateway = await createGateway("taken");
    infrastructure.set("default/taken", { gateway, ports: PORTS });
    const state = await eventually(
      async () => states.get("default/taken"),
      (found) => found?.problem !== undefined,
    );
    assert.equal(state?.problem, "ServiceAccount default/taken-tandem exists and is not this Gateway's");
    assert.equal(await find("Service", "taken-tandem"), undefined);
  });

  test("who begins to lead while it looks makes everything in its next pass, and nothing else before", async () => {
    const gateway = await createGateway("led");
    const said: string[] = [];
    const ending = new AbortController();
    let asked = 0;
    const follower = await startGatewayInfrastructure(
      {
        client: cluster.client,
        authority: await ensureAuthority(cluster.client, "tandem-system"),
        trustDomain: "cluster.local",
        container: () => container,
        onState: () => {},
        leads: () => ++asked > 2,
        log: (line) => said.push(line),
      },
      ending.signal,
    );
    follower.set("default/led", { gateway, ports: PORTS });
    await eventually(
      async () => asked,
      (times) => times >= 2,
    );
    follower.look();
    await eventually(
      () => find<AnyObject>("Deployment", "led-tandem"),
      (found) => found !== undefined,
    );
    const secret = await find<Secret>("Secret", "led-tandem");
    assert.equal(secret?.type, "kubernetes.io/tls");
    assert.deepEqual(said, []);
    ending.abort();
    await follower.stopped;
  });

  test("a Gateway's proxy is found by the Gateway's name, however long; where there is none it is said why", async () => {
    const name = "long-".repeat(20).slice(0, -1);
    await createGateway(name);
    const asked = findEnvoyPod(cluster.client, `gateway/${name}`, "default");
    await assert.rejects(asked, /none of the Gateway's proxies is running/);
    await assert.rejects(findEnvoyPod(cluster.client, "gateway/none", "default"), /there is no such Gateway/);
    const labels = { [GATEWAY_NAME_LABEL]: labelValue(name) };
    const spec = { containers: [{ name: "envoy", image: "envoy" }] };
    await cluster.client.create(KINDS.Pod, {
      metadata: { name: "proxy", namespace: "default", labels },
      spec,
    });
    const status = { phase: "Running" };
    await cluster.client.patch(
      KINDS.Pod,
      "proxy",
      "default",
      { status },
      { type: "merge", subresource: "status" },
    );
    assert.equal((await findEnvoyPod(cluster.client, `gateway/${name}`, "default")).name, "proxy");
  });

  test("a Gateway that goes to another class loses its infrastructure", async () => {
    const gateway = await createGateway("moving");
    infrastructure.set("default/moving", { gateway, ports: PORTS });
    await eventually(
      () => find("Deployment", "moving-tandem"),
      (found) => found !== undefined,
    );
    infrastructure.set("default/moving", undefined);
    for (const kind of ["Service", "Secret", "ServiceAccount", "Deployment"] as const) {
      await eventually(
        () => find(kind, "moving-tandem"),
        (found) => found === undefined,
      );
    }
  });

  test("another Gateway of the name gets an infrastructure of its own, and is told anew how that is doing", async () => {
    const key = "default/again";
    const first = await createGateway("again");
    infrastructure.set(key, { gateway: first, ports: PORTS });
    await eventually(
      async () => states.get(key),
      (found) => found?.missing.length === 2,
    );
    await cluster.client.delete(GATEWAY_KINDS.Gateway, "again", "default");
    const gateway = await createGateway("again");
    states.delete(key);
    infrastructure.set(key, { gateway, ports: PORTS });
    const service = await eventually(
      () => find<Service>("Service", "again-tandem"),
      (found) => found?.metadata.ownerReferences?.[0]?.uid === gateway.metadata.uid,
    );
    assert.equal(service?.metadata.ownerReferences?.[0]?.uid, gateway.metadata.uid);
    const state = await eventually(
      async () => states.get(key),
      (found) => found?.missing.length === 2,
    );
    assert.equal(state?.missing.length, 2);
  });

  test("statuses are written beside those of other controllers, and only where they differ", async () => {
    const other = {
      parentRef: { name: "other" },
      controllerName: "example.com/other",
      conditions: [
        {
          type: "Accepted",
          status: "True",
          reason: "Accepted",
          message: "",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    };
    await cluster.client.create(GATEWAY_KINDS.HTTPRoute, {
      metadata: { name: "web", namespace: "default" },
      spec: { parentRefs: [{ name: "edge" }, { name: "other" }] },
    });
    const statusOf = () => cluster.client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, "web", "default");
    await cluster.client.patch(
      GATEWAY_KINDS.HTTPRoute,
      "web",
      "default",
      { status: { parents: [other] } },
      { type: "merge", subresource: "status" },
    );
    let known = await statusOf();
    const writer = new StatusWriter({
      client: cluster.client,
      controllerName: "tandem.dev/gateway-controller",
      current: () => known,
    });
    writer.start();
    const wish: DesiredStatus = {
      kind: GATEWAY_KINDS.HTTPRoute,
      key: "default/web",
      status: {
        parents: [
          {
            // as the API server has it: a subject that it completes would be another one, since now
            parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge" },
            controllerName: "tandem.dev/gateway-controller",
            conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "" }],
          },
        ],
      },
    };
    // what the cache has is old: the write is refused, and made again once the cache has caught up
    known = { ...known, metadata: { ...known.metadata, resourceVersion: "1" } };
    writer.set([wish]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    known = await statusOf();
    const after = await eventually(statusOf, ({ status }) => status?.parents.length === 2);
    assert.deepEqual(after.status?.parents[0]?.parentRef.name, "other");
    // written long ago, so that a write too many shows
    const text = JSON.stringify(after.status).replaceAll(/"20\d\d-[^"]*Z"/g, '"2026-01-01T00:00:00Z"');
    known = await cluster.client.patch<HTTPRoute>(
      GATEWAY_KINDS.HTTPRoute,
      "web",
      "default",
      { status: JSON.parse(text) },
      { type: "merge", subresource: "status" },
    );
    writer.set([wish]);
    await writer.stop();
    assert.equal((await statusOf()).metadata.resourceVersion, known.metadata.resourceVersion);
  });
});

test("names fit into labels and Services, and stay apart", () => {
  assert.equal(infrastructureName("edge", "tandem"), "edge-tandem");
  assert.equal(infrastructureName("0-edge", "tandem"), "gw-0-edge-tandem");
  const [a, b] = ["a", "b"].map((end) => infrastructureName(`${"x".repeat(80)}${end}`, "tandem"));
  assert.equal(a?.length, 63);
  assert.notEqual(a, b);
});

test("identities name one Gateway of one domain", () => {
  assert.equal(proxyOfIdentity("d", proxyIdentity("d", "ns/name")), "ns/name");
  assert.equal(proxyOfIdentity("d", proxyIdentity("e", "ns/name")), undefined);
  assert.equal(proxyOfIdentity("d", "spiffe://d/gateway/ns/name/more"), undefined);
});

const serviceOf = (spec: object, ingress: object[] = []): Service =>
  ({ metadata: { name: "s" }, spec, status: { loadBalancer: { ingress } } }) as unknown as Service;

test("a family that is missing has a reason", () => {
  const single = serviceOf(
    { type: "LoadBalancer", ipFamilies: ["IPv4"], ipFamilyPolicy: "PreferDualStack" },
    [{ ip: "192.0.2.1" }],
  );
  assert.deepEqual(reachabilityOf(single, {}, []).missing, [
    { family: "IPv6", why: "the Service got IPv4 only: the cluster has no IPv6 Service range" },
  ]);
  const half = serviceOf({ type: "LoadBalancer", ipFamilies: ["IPv6", "IPv4"] }, [{ ip: "192.0.2.1" }]);
  assert.deepEqual(reachabilityOf(half, {}, []).missing, [
    { family: "IPv6", why: "the load balancer has given no IPv6 address" },
  ]);
  const named = serviceOf({ type: "LoadBalancer", ipFamilies: ["IPv6", "IPv4"] }, [{ hostname: "lb.test" }]);
  assert.deepEqual(reachabilityOf(named, {}, []), {
    addresses: [{ type: "Hostname", value: "lb.test" }],
    missing: [],
    unusable: [],
  });
});

test("of the addresses asked for, those that came count, and the others are told", () => {
  const service = serviceOf({ type: "LoadBalancer", ipFamilies: ["IPv4", "IPv6"] }, [
    { ip: "192.0.2.1" },
    { ip: "fd00::1" },
  ]);
  const asked = { staticAddresses: ["FD00:0::1", "192.0.2.77"] };
  const { addresses, unusable } = reachabilityOf(service, asked, []);
  assert.deepEqual(addresses, [{ type: "IPAddress", value: "fd00::1" }]);
  assert.deepEqual(unusable, ["192.0.2.77"]);
});

test("a condition keeps its time while its status is the same, and what goes goes", () => {
  const at = "2026-01-01T00:00:00Z";
  const now = "2026-02-02T00:00:00Z";
  const condition = (type: string, status: string, more: object = {}) => ({
    type,
    status,
    reason: "R",
    ...more,
  });
  const current = {
    addresses: [{ value: "192.0.2.1" }],
    conditions: [
      condition("Accepted", "True", { lastTransitionTime: at }),
      condition("Programmed", "False", { lastTransitionTime: at }),
      condition("example.com/Checked", "True", { lastTransitionTime: at }),
      condition("Old", "True", { lastTransitionTime: at }),
    ],
  };
  const desired = {
    conditions: [condition("Accepted", "True", { observedGeneration: 2 }), condition("Programmed", "True")],
  };
  const next = mergeStatus(current, desired, "c", now);
  assert.deepEqual(next, {
    conditions: [
      condition("Accepted", "True", { observedGeneration: 2, lastTransitionTime: at }),
      condition("Programmed", "True", { lastTransitionTime: now }),
      condition("example.com/Checked", "True", { lastTransitionTime: at }),
    ],
  });
  assert.equal(mergeStatus(next, desired, "c", "later"), undefined);
});
