import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Family } from "../../src/ip/family.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { createLabAddresses } from "../../src/cli/internal/lab-addresses.ts";
import type { BalancerAddresses } from "../../src/lab/cloud/index.ts";
import { routeCommands, routesInto } from "../../src/lab/cloud/routes.ts";
import { outsideOf } from "../../src/lab/index.ts";
import { run } from "../../src/lab/run.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { EndpointSlice, KubeEvent, Node, Service } from "../../src/objects/types.ts";
import { temporaryHome, TestCluster } from "./cluster.ts";

/** Rules and routes follow the address by some milliseconds. */
const CURL = ["-sS", "--max-time", "1", "--retry", "50", "--retry-all-errors", "--retry-delay", "1"];

function serviceOf(name: string, spec: Partial<Service["spec"]> = {}, ips: string[] = []): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { type: "LoadBalancer", ipFamilies: ["IPv6", "IPv4"], ...spec },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip, ipMode: "VIP" as const })) } },
  };
}

const pool = (v4: string, v6: string) => createLabAddresses({ IPv4: parseCidr(v4)!, IPv6: parseCidr(v6)! });
const ipsOf = (addresses: BalancerAddresses, service: Service) =>
  addresses.assign(service).ingress.map(({ ip }) => ip);

describe("balancer addresses", () => {
  test("one index a Service, in the order of its families; kept over a restart", () => {
    const addresses = pool("192.0.2.0/29", "2001:db8::/112");
    assert.deepEqual(ipsOf(addresses, serviceOf("a")), ["2001:db8::1", "192.0.2.1"]);
    assert.deepEqual(ipsOf(addresses, serviceOf("b", { ipFamilies: ["IPv4"] })), ["192.0.2.2"]);
    const again = pool("192.0.2.0/29", "2001:db8::/112");
    const b = serviceOf("b", { ipFamilies: ["IPv4", "IPv6"] }, ["192.0.2.2"]);
    assert.deepEqual(
      ipsOf(again, b),
      ["192.0.2.2", "2001:db8::2"],
      "a second family comes at the same index",
    );
  });

  test("an address that is asked for is given where it is free, and refused with the reason", () => {
    const addresses = pool("192.0.2.0/29", "2001:db8::/112");
    assert.deepEqual(ipsOf(addresses, serviceOf("a", { loadBalancerIP: "192.0.2.5" })), [
      "2001:db8::1",
      "192.0.2.5",
    ]);
    const taken = addresses.assign(serviceOf("b", { loadBalancerIP: "192.0.2.5", ipFamilies: ["IPv4"] }));
    assert.deepEqual(taken.ingress, []);
    assert.match(taken.problems[0]?.message ?? "", /192\.0\.2\.5 cannot be given: Service default\/a has it/);
    const foreign = addresses.assign(
      serviceOf("c", { loadBalancerIP: "198.51.100.1", ipFamilies: ["IPv4"] }),
    );
    assert.match(
      foreign.problems[0]?.message ?? "",
      /198\.51\.100\.1 cannot be given: no pool for this Service has it/,
    );
  });

  test("a range that is used up is told of, and what is released comes back", () => {
    const addresses = pool("192.0.2.0/30", "2001:db8::/112");
    const v4 = { ipFamilies: ["IPv4"] as Family[] };
    assert.deepEqual(ipsOf(addresses, serviceOf("a", v4)), ["192.0.2.1"]);
    assert.deepEqual(ipsOf(addresses, serviceOf("b", v4)), ["192.0.2.2"]);
    assert.equal(addresses.assign(serviceOf("c", v4)).problems[0]?.reason, "AddressRangeExhausted");
    addresses.release("default/a");
    assert.deepEqual(ipsOf(addresses, serviceOf("c", v4)), ["192.0.2.1"]);
  });
});

describe("ways to balancer addresses", () => {
  const node = (name: string, ready: string, ...ips: string[]): Node =>
    ({
      metadata: { name },
      status: {
        addresses: ips.map((address) => ({ type: "InternalIP", address })),
        conditions: [{ type: "Ready", status: ready }],
      },
    }) as Node;
  const nodes = [
    node("one", "True", "192.0.2.1", "2001:db8::1"),
    node("two", "True", "192.0.2.2", "2001:db8::2"),
  ];

  test("a Service of policy Local is led to the nodes of its pods alone", () => {
    const local = serviceOf("a", { externalTrafficPolicy: "Local" }, ["198.51.100.1", "2001:db8:1::1"]);
    const slice = { endpoints: [{ addresses: [], nodeName: "two", conditions: { ready: true } }] };
    const routes = routesInto(["198.51.100.0/24"], nodes, [local], () => [slice as unknown as EndpointSlice]);
    assert.deepEqual(
      [...routes],
      [
        ["198.51.100.0/24", ["192.0.2.1", "192.0.2.2"]],
        ["198.51.100.1", ["192.0.2.2"]],
        ["2001:db8:1::1", ["2001:db8::2"]],
      ],
    );
  });

  test("only what differs is changed", () => {
    const before = new Map([
      ["a/24", ["x", "y"]],
      ["b", ["x"]],
      ["c", ["x"]],
    ]);
    const after = new Map([
      ["a/24", ["x"]],
      ["b", ["x"]],
    ]);
    assert.deepEqual(routeCommands(before, after), ["route replace a/24 via x", "route del c"]);
  });
});

const home = temporaryHome();
after(home.remove);

for (const families of [
  ["IPv4", "IPv6"],
  ["IPv6", "IPv4"],
] as Family[][]) {
  describe(`a cluster of ${families.join(" and ")}`, () => {
    let lab: TestCluster;
    before(async () => {
      lab = await TestCluster.start(`cloud-${families[0]?.toLowerCase()}`, families, 2);
      const container = { image: "agnhost", args: ["netexec"] };
      await lab.create("web", { ...container, readinessProbe: { tcpSocket: { port: 8080 } } as never });
      await lab.create("client", { command: ["sleep", "infinity"] });
      await Promise.all([lab.ready("web"), lab.ready("client")]);
    });
    after(() => lab.stop());

    const create = (name: string, spec: Partial<Service["spec"]> = {}) =>
      lab.client.create<Service>(KINDS.Service, {
        metadata: { name, namespace: "default" },
        spec: {
          type: "LoadBalancer",
          ipFamilyPolicy: "PreferDualStack",
          selector: { app: "web" },
          ports: [{ port: 80, targetPort: 8080 }],
          ...spec,
        },
      });
    const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
      for (let attempt = 0; attempt < 12_000; attempt++) {
        const found = await look();
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error("it did not come");
    };
    const addressesOf = (name: string) =>
      until(async () => {
        const service = await lab.client.get<Service>(KINDS.Service, name, "default");
        const ips = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
        return ips.length === service.spec.ipFamilies?.length ? ips : undefined;
      });
    const urlOf = (ip: string) => `http://${ip.includes(":") ? `[${ip}]` : ip}/clientip`;
    const outside = (url: string) => {
      const { prefix } = outsideOf(lab.cluster.stateDir)!;
      return run([...prefix, "curl", ...CURL, url]);
    };

    test("addresses in the order of the families, which answer from outside and to pods", async () => {
      await create("cluster-wide");
      const ips = await addressesOf("cluster-wide");
      assert.deepEqual(
        ips.map((ip) => (ip.includes(":") ? "IPv6" : "IPv4")),
        families,
      );
      for (const ip of ips) {
        assert.match(await outside(urlOf(ip)), /:\d+$/);
        assert.equal((await lab.exec("client", ["curl", ...CURL, urlOf(ip)])).code, 0);
      }
    });

    test("with policy Local the pod sees the client's own address", async () => {
      await create("local", { externalTrafficPolicy: "Local" });
      const seen = [];
      for (const ip of await addressesOf("local")) seen.push(await outside(urlOf(ip)));
      const own = { IPv4: /^172\.18\.0\.1:/, IPv6: /^\[fd00:172:18::1\]:/ };
      for (const [index, family] of families.entries()) assert.match(seen[index] ?? "", own[family]);
    });

    test("a Service of another class is left alone; one that is no longer a balancer's gives back", async () => {
      await create("foreign", { loadBalancerClass: "example.com/other" });
      await create("first", {
        ipFamilyPolicy: "SingleStack",
        loadBalancerIP: "172.18.255.200",
        ipFamilies: ["IPv4"],
      });
      assert.deepEqual(await addressesOf("first"), ["172.18.255.200"]);
      await create("second", {
        ipFamilyPolicy: "SingleStack",
        loadBalancerIP: "172.18.255.200",
        ipFamilies: ["IPv4"],
      });
      const message = await until(async () => {
        const events = await lab.client.list<KubeEvent>(KINDS.Event, { namespace: "default" });
        return events.items.find(({ reason }) => reason === "AddressNotUsable")?.message;
      });
      assert.match(message, /172\.18\.255\.200 cannot be given: Service default\/first has it/);
      await lab.client.delete(KINDS.Service, "first", "default");
      assert.deepEqual(await addressesOf("second"), ["172.18.255.200"], "who waits for it gets it");
      const foreign = await lab.client.get<Service>(KINDS.Service, "foreign", "default");
      assert.deepEqual(foreign.status?.loadBalancer, {});
    });
  });
}
