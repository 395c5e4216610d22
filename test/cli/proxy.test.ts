/** `tandem proxy` as a process, in a namespace with an API server that it is pointed at. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { EndpointSlice, Node, Service } from "../../src/objects/types.ts";
import { ProxySpace } from "./proxy-space.ts";

let space: ProxySpace;

before(async () => {
  space = await ProxySpace.create();
  await space.call("create", "Node", node(["172.18.0.2", "fd00:172:18::2"]));
});

after(() => space?.close());

function node(addresses: readonly string[]): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-1", labels: { "topology.kubernetes.io/zone": "z1" } },
    spec: {},
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  } as Node;
}

function service(name: string, spec: object): object {
  const ports = [{ port: 80, targetPort: 8080 }];
  return {
    metadata: { name, namespace: "default" },
    spec: { ipFamilyPolicy: "RequireDualStack", ports, ...spec },
  };
}

function slice(name: string, family: "IPv4" | "IPv6", address: string): object {
  return {
    metadata: {
      name: `${name}-${family.toLowerCase()}`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": name },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": new Date().toISOString() },
    },
    addressType: family,
    endpoints: [
      { addresses: [address], nodeName: "node-1", targetRef: { kind: "Pod", namespace: "default", name } },
    ],
    ports: [{ port: 8080, protocol: "TCP" }],
  } satisfies Omit<EndpointSlice, "apiVersion" | "kind">;
}

async function addWeb(name: string, index: number, spec: object = {}): Promise<Service> {
  const created = await space.call<Service>("create", "Service", service(name, spec));
  await space.call("create", "EndpointSlice", slice(name, "IPv4", `10.244.0.${index}`));
  await space.call("create", "EndpointSlice", slice(name, "IPv6", `fd00:10:244::${index}`));
  return created;
}

/** Waits until both tables hold, or no longer hold, a text. */
async function untilRules(ip: "ip" | "ip6", text: string, there = true): Promise<void> {
  for (;;) {
    const { stdout } = await space.exec(["nft", "list", "table", ip, "tandem"]);
    if (stdout.includes(text) === there) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Answer {
  code: number;
  headers: Record<string, string>;
  body: string;
}

test("it programs both families, follows the server over a restart of it, and leaves the rules when it ends", async () => {
  const proxy = await space.proxy();
  assert.match(proxy.output, /rules of node-1 are in force for IPv4 and IPv6/);
  const web = await addWeb("web", 5);
  for (const [index, ip] of (["ip", "ip6"] as const).entries()) {
    await untilRules(ip, `${web.spec.clusterIPs?.[index]} . tcp . 80 : goto tcp-cluster-1`);
  }
  await untilRules("ip6", "fd00:10:244::5");
  await space.killServer();
  await untilRules("ip", "10.244.0.5 . 8080");
  await space.startServer();
  await addWeb("later", 6);
  await untilRules("ip", "10.244.0.6 . 8080");
  await untilRules("ip6", "fd00:10:244::6 . 8080");
  assert.equal(await proxy.end(), 0);
  await untilRules("ip", "10.244.0.6 . 8080");
});

test("health and metrics are served over both families, and health checks with the real JSON", async () => {
  await addWeb("local", 7, { type: "LoadBalancer", externalTrafficPolicy: "Local" });
  const { spec } = await space.call<Service>("get", "Service", "local", "default");
  const proxy = await space.proxy();
  for (const host of ["127.0.0.1", "[::1]"]) {
    const health = await space.call<Answer>("http", `http://${host}:10256/healthz`);
    assert.equal(health.code, 200);
    assert.equal(JSON.parse(health.body).nodeEligible, true);
    const check = await space.call<Answer>("http", `http://${host}:${spec.healthCheckNodePort}/`);
    assert.equal(check.code, 200);
    assert.equal(check.headers["x-load-balancing-endpoint-weight"], "1");
    assert.deepEqual(JSON.parse(check.body), {
      service: { namespace: "default", name: "local" },
      localEndpoints: 1,
      serviceProxyHealthy: true,
    });
    const { body } = await space.call<Answer>("http", `http://${host}:10249/metrics`);
    for (const family of ["IPv4", "IPv6"]) {
      const started = new RegExp(`tandem_kernel_sync_duration_seconds_count\\{family="${family}"\\} [1-9]`);
      assert.match(body, started);
    }
  }
  await addWeb("timed", 9);
  await untilRules("ip6", "fd00:10:244::9");
  await untilRules("ip", "10.244.0.9 ");
  for (const family of ["IPv4", "IPv6"]) {
    const text = `network_programming_duration_seconds_count{family="${family}"} 1`;
    for (;;) {
      const { body } = await space.call<Answer>("http", "http://[::1]:10249/metrics");
      if (body.includes(text)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  await space.call("delete", "Service", "local", "default");
  for (;;) {
    const gone = await space.call("http", `http://[::1]:${spec.healthCheckNodePort}/`).then(
      () => false,
      () => true,
    );
    if (gone) break;
  }
  await proxy.end();
});

test("a node that has lost a family programs the other one, and says so", async () => {
  await space.call(
    "patch",
    "Node",
    "node-1",
    undefined,
    { status: { addresses: [{ type: "InternalIP", address: "172.18.0.2" }] } },
    { type: "merge", subresource: "status" },
  );
  const proxy = await space.proxy();
  await proxy.says(/IPv6 is left out: Node node-1 has no address of it in status\.addresses/);
  assert.match(proxy.output, /in force for IPv4;/);
  assert.equal((await space.exec(["nft", "list", "tables"])).stdout.trim(), "table ip tandem");
  await proxy.end();
});

test("--cleanup takes away all that is Tandem's, and nothing else", async () => {
  await space.exec(["nft", "add", "table", "ip6", "other"]);
  const cleaning = space.tandem("proxy", "--cleanup");
  await cleaning.says(/removed table ip tandem/);
  assert.equal(await cleaning.end("SIGCONT"), 0);
  assert.equal((await space.exec(["nft", "list", "tables"])).stdout.trim(), "table ip6 other");
  await space.tandem("proxy", "--cleanup").says(/nothing of Tandem's is there/);
});
