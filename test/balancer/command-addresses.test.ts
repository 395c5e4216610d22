import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { KINDS } from "../../src/objects/kinds.ts";
import type { EndpointSlice, Service } from "../../src/objects/types.ts";
import { eventually } from "../controllers/cluster.ts";
import { CommandWorld, manifest, PREFIX } from "./command-world.ts";
import { targetGroupSpec } from "./fake-aws/specs.ts";
import type { FakeListener, FakeLoadBalancer } from "./fake-aws/world.ts";

const SIX = "2a05:d018:1234";

/** Annotations of AWS by what follows `aws-load-balancer-`. */
function annotated(short: Readonly<Record<string, string>>): Record<string, string> {
  const all = { type: "external", "nlb-target-type": "instance", scheme: "internet-facing", ...short };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [`${PREFIX}-${key}`, value]));
}

/** By name, with a node port of its own. */
function named(service: Service, name: string): Service {
  const ports = service.spec.ports?.map(({ nodePort: _, ...rest }) => rest) ?? [];
  return { ...service, metadata: { ...service.metadata, name }, spec: { ...service.spec, ports } };
}

describe("addresses and forward actions of AWS, by the command with the real SDK", () => {
  let world: CommandWorld;
  let stop: () => Promise<void>;
  before(async () => {
    world = await CommandWorld.start();
    for (const id of ["eipalloc-1", "eipalloc-2", "eipalloc-3", "eipalloc-4"])
      world.aws.world.allocations.set(id, undefined);
    stop = await world.serve();
  });
  after(async () => {
    await stop();
    await world.close();
  });

  const balancerOf = (name: string): FakeLoadBalancer => {
    const all = [...world.aws.world.loadBalancers.values()];
    return all.find(({ tags }) => tags["service.k8s.aws/stack"] === `default/${name}`) ?? assert.fail();
  };
  const annotate = (name: string, short: Readonly<Record<string, string | null>>): Promise<unknown> => {
    const entries = Object.entries(short).map(([key, value]) => [`${PREFIX}-${key}`, value]);
    return world.patch(name, { metadata: { annotations: Object.fromEntries(entries) } });
  };
  const subnetsOf = (name: string) =>
    balancerOf(name).subnets.toSorted((a, b) => (a.subnetId < b.subnetId ? -1 : 1));
  /** What is there is all that is wanted: a new process would do nothing. */
  const nothingToDo = async (name: string): Promise<void> => {
    const service = (await world.get(name)) ?? assert.fail();
    const plan = await world.run("plan", "-f", world.fileOf(service), ...world.flags);
    assert.equal(plan.out, `Service default/${name}: nothing to do\n`, plan.err);
  };
  const clean = async (name: string): Promise<void> => {
    await world.delete(name);
    await eventually(
      async () => world.aws.census(),
      ({ loadBalancers, targetGroups }) => loadBalancers + targetGroups === 0,
    );
  };

  test("Elastic IPs, in the order of the subnets; given back when the Service goes", async () => {
    const service = named(manifest(annotated({ "eip-allocations": "eipalloc-2, eipalloc-1" })), "eips");
    const plan = await world.run("plan", "-f", world.fileOf(service), ...world.flags);
    assert.match(plan.out, /subnets: subnet-a \(eipalloc-2\), subnet-b \(eipalloc-1\)/);
    await world.create(service);
    await world.served("eips");
    assert.deepEqual(subnetsOf("eips"), [
      { subnetId: "subnet-a", allocationId: "eipalloc-2" },
      { subnetId: "subnet-b", allocationId: "eipalloc-1" },
    ]);
    await nothingToDo("eips");
    await annotate("eips", { "eip-allocations": "eipalloc-3, eipalloc-1" });
    const events = await eventually(
      () => world.events("eips"),
      (all) => all.some(({ reason }) => reason === "FailedDeployModel"),
    );
    const told = events.find(({ reason }) => reason === "FailedDeployModel")?.message ?? "";
    assert.match(
      told,
      /addresses of the enabled subnet 'subnet-a' cannot be changed; .*make the Service anew/,
    );
    assert.equal(subnetsOf("eips")[0]?.allocationId, "eipalloc-2");
    await clean("eips");
    assert.deepEqual([...new Set(world.aws.world.allocations.values())], [undefined]);
  });

  test("private IPv4 addresses, each in the subnet that it lies in", async () => {
    const [pa, pb] = ["subnet-pa", "subnet-pb"].map((id) => world.aws.world.subnets.get(id)?.ipv4Cidr ?? "");
    const address = (cidr = ""): string => cidr.replace(".0/24", ".77");
    const addresses = `${address(pb)}, ${address(pa)}`;
    const internal = { scheme: "internal", "private-ipv4-addresses": addresses };
    await world.create(named(manifest(annotated(internal)), "private"));
    await world.served("private");
    assert.deepEqual(subnetsOf("private"), [
      { subnetId: "subnet-pa", privateIpv4Address: address(pa) },
      { subnetId: "subnet-pb", privateIpv4Address: address(pb) },
    ]);
    await nothingToDo("private");
    await clean("private");
  });

  test("IPv6 addresses come, change and go in place", async () => {
    const dualstack = { "ip-address-type": "dualstack" };
    await world.create(named(manifest(annotated(dualstack)), "six"));
    await world.served("six");
    const { arn } = balancerOf("six");
    const [a, b] = ["subnet-a", "subnet-b"].map(
      (id) => world.aws.world.subnets.get(id)?.ipv6Cidrs[0]?.replace("/64", "") ?? "",
    );
    assert.ok(a?.startsWith(SIX));
    for (const host of ["10", "20"]) {
      await annotate("six", { "ipv6-addresses": `${a}${host},${b}${host}` });
      await eventually(
        async () => subnetsOf("six").map(({ ipv6Address }) => ipv6Address),
        (addresses) => addresses.join() === `${a}${host},${b}${host}`,
      );
    }
    await nothingToDo("six");
    await annotate("six", { "ip-address-type": "ipv4" });
    const refused = await eventually(
      () => world.events("six"),
      (all) => all.some(({ reason }) => reason === "FailedBuildModel"),
    );
    assert.match(
      refused.map(({ message }) => message).join(),
      /IPv6 addresses can only be set for dualstack/,
    );
    await annotate("six", { "ip-address-type": "ipv4", "ipv6-addresses": null });
    await eventually(
      async () => balancerOf("six").ipAddressType,
      (type) => type === "ipv4",
    );
    assert.equal(balancerOf("six").arn, arn);
    await clean("six");
  });

  test("source NAT prefixes, with UDP to IPv6 targets, on and off", async () => {
    const slice = {
      metadata: { name: "nat-1", namespace: "default", labels: { "kubernetes.io/service-name": "nat" } },
      addressType: "IPv6",
      ports: [{ name: "dns", port: 5353, protocol: "UDP" }],
      endpoints: [{ addresses: [`${SIX}:5600::20`], conditions: { ready: true } }],
    } as unknown as EndpointSlice;
    await world.cluster.client.create(KINDS.EndpointSlice, slice);
    const prefix = world.aws.world.subnets.get("subnet-a")?.ipv6Cidrs[0]?.replace("::/64", ":1::/80") ?? "";
    const nat = {
      "nlb-target-type": "ip",
      "ip-address-type": "dualstack",
      "enable-prefix-for-ipv6-source-nat": "on",
      "healthcheck-port": "8080",
    };
    const ports = [{ name: "dns", port: 53, protocol: "UDP", targetPort: 5353 }];
    const spec = { ipFamilies: ["IPv6"], ports } as Partial<Service["spec"]>;
    await world.create(named(manifest(annotated(nat), spec), "nat"));
    await world.served("nat");
    assert.equal(balancerOf("nat").prefixForIpv6SourceNat, "on");
    await annotate("nat", { "source-nat-ipv6-prefixes": `${prefix}, auto_assigned` });
    await eventually(
      async () => subnetsOf("nat").map(({ sourceNatIpv6Prefix }) => sourceNatIpv6Prefix),
      ([first]) => first === prefix,
    );
    await nothingToDo("nat");
    await annotate("nat", { "source-nat-ipv6-prefixes": "2001:db8::/80, auto_assigned" });
    const refused = await eventually(
      () => world.events("nat"),
      (all) => all.some(({ reason }) => reason === "FailedBuildModel"),
    );
    assert.match(refused.map(({ message }) => message).join(), /must be within subnet CIDR range/);
    await clean("nat");
    await world.cluster.client.delete(KINDS.EndpointSlice, "nat-1", "default");
  });

  test("forward actions: weights come, change and go; another's target group stays", async () => {
    const foreign = world.aws.now.createTargetGroup({
      ...targetGroupSpec({ name: "foreign", port: 80 }),
      tags: {},
    });
    const nodePort = (service: Service, port: number): Service => {
      const ports = [{ name: "http", port: 80, nodePort: port, protocol: "TCP" as const }];
      return { ...service, spec: { ...service.spec, ports } };
    };
    await world.create(nodePort(named(manifest({}, { type: "NodePort" }), "canary"), 30_090));
    await world.create(nodePort(named(manifest(annotated({})), "main"), 30_080));
    await world.served("main");
    const act = (
      targetGroups: readonly object[],
      baseServiceWeight = 90,
      enabled = false,
    ): Promise<unknown> => {
      const stickiness = enabled ? { targetGroupStickinessConfig: { enabled } } : {};
      const action = { type: "forward", forwardConfig: { baseServiceWeight, targetGroups, ...stickiness } };
      const key = "service.beta.kubernetes.io/actions.TCP-80";
      return world.patch("main", { metadata: { annotations: { [key]: JSON.stringify(action) } } });
    };
    const weights = (): string => {
      const [listener] = [...world.aws.world.listeners.values()] as [FakeListener];
      const groups = listener.forward
        .map(({ targetGroup, weight }) => `${world.aws.world.targetGroups.get(targetGroup)?.port} ${weight}`)
        .join();
      return listener.sticky ? `${groups} sticky` : groups;
    };
    const until = (wanted: string) =>
      eventually(
        async () => weights(),
        (now) => now === wanted,
      );
    const canary = { serviceName: "canary", servicePort: 80 };
    await act([{ ...canary, weight: 10 }]);
    await until("30080 90,30090 10");
    await eventually(
      async () => world.aws.world.groups.get(world.aws.nodeGroup)?.rules ?? [],
      (rules) => rules.map(({ fromPort, toPort }) => `${fromPort}-${toPort}`).join() === "30080-30090",
    );
    await act([{ ...canary, weight: 50 }], 50);
    await until("30080 50,30090 50");
    await nothingToDo("main");
    await act([{ ...canary, weight: 50 }], 50, true);
    await until("30080 50,30090 50 sticky");
    await nothingToDo("main");
    await act([
      { ...canary, weight: 20 },
      { targetGroupARN: foreign.arn, weight: 30 },
    ]);
    await until("30080 90,30090 20,80 30");
    await act([{ serviceName: "nobody", servicePort: 80, weight: 1 }]);
    const refused = await eventually(
      () => world.events("main"),
      (all) => all.some(({ reason }) => reason === "FailedBuildModel"),
    );
    assert.match(refused.map(({ message }) => message).join(), /services "nobody" not found/);
    await until("30080 90,30090 20,80 30");
    await world.patch("main", {
      metadata: { annotations: { "service.beta.kubernetes.io/actions.TCP-80": null } },
    });
    await until("30080 1");
    await eventually(
      async () => world.aws.census().targetGroups,
      (count) => count === 2,
    );
    await nothingToDo("main");
    await world.delete("main");
    assert.deepEqual(
      [...world.aws.world.targetGroups.values()].map(({ name }) => name),
      ["foreign"],
    );
    await world.delete("canary");
  });
});
