import assert from "node:assert/strict";
import { test } from "node:test";
import { TAG } from "../../../src/balancer/aws/model.ts";
import { usualAws } from "../fake-aws/fake.ts";
import { loadBalancerSpec } from "../fake-aws/specs.ts";
import {
  CLUSTER,
  HTTP,
  HTTPS,
  LiveService,
  modelOf,
  nodeOf,
  providerOf,
  settle,
  settleRelease,
  world,
} from "./cluster.ts";
import { addPredecessor } from "./scenarios.ts";
import { checkServed } from "./served.ts";
import { snapshotOf } from "./snapshot.ts";

type World = ReturnType<typeof world>;

const serve = async ({ provider, live }: World) => {
  const outcome = await provider.serve(modelOf(live.service, live.nodes), live.context);
  live.write(outcome);
  return outcome;
};

const names = ({ aws }: World): string[] => [...aws.world.loadBalancers.values()].map(({ name }) => name);
const only = <T>(map: ReadonlyMap<string, T>): T => {
  assert.equal(map.size, 1);
  return [...map.values()][0] as T;
};

test("status: one hostname in lower case with the Service's ports, and nothing more to do", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  const { dnsName } = only(w.aws.world.loadBalancers);
  assert.deepEqual(w.live.ingress, [
    { hostname: dnsName.toLowerCase(), ports: [{ port: 80, protocol: "TCP" }] },
  ]);
  assert.deepEqual(w.live.reasons(), ["SuccessfullyReconciled"]);
});

test("a foreign load balancer of the same name is named and left alone", async () => {
  const w = world({ annotations: { name: "shared-name" } });
  const { arn } = w.aws.now.createLoadBalancer(loadBalancerSpec({ name: "shared-name" }));
  const before = snapshotOf(w.aws.world);
  const outcome = await serve(w);
  assert.equal(outcome.done, false);
  assert.match(outcome.events[0]?.message ?? "", /load balancer named shared-name already that is not ours/);
  assert.ok(outcome.events[0]?.message.includes(arn));
  assert.deepEqual(snapshotOf(w.aws.world), before);
});

test("a foreign load balancer that appears with the same name and settings is not taken for ours", async () => {
  const aws = usualAws({ idempotencyIgnoresTags: true });
  const clean = usualAws({ idempotencyIgnoresTags: true });
  const live = new LiveService({ annotations: { name: "shared-name", "disable-nlb-sg": "true" } });
  await settle(providerOf(clean, clean.connect()), live, clean.clock);
  const { subnets } = only(clean.world.loadBalancers);
  const late = new LiveService({ annotations: { name: "shared-name", "disable-nlb-sg": "true" } });
  const fault = ({ name }: { name: string }) => {
    if (name === "createLoadBalancer" && aws.world.loadBalancers.size === 0)
      aws.now.createLoadBalancer(loadBalancerSpec({ name: "shared-name", subnets }));
    return undefined;
  };
  const outcome = await providerOf(aws, aws.connect({ fault })).serve(modelOf(late.service), late.context);
  assert.match(outcome.events[0]?.message ?? "", /not ours/);
  assert.equal(aws.census().listeners, 0);
  assert.deepEqual(only(aws.world.loadBalancers).tags, { owner: "test" });
});

test("deletion protection: the Service's own keeps it; another's is switched off", async () => {
  const protection = { attributes: "deletion_protection.enabled=true" };
  const w = world({ annotations: protection });
  await settle(w.provider, w.live, w.clock);
  const { key, uid } = w.live;
  const refused = await w.provider.release({ key, uid }, w.live.context);
  assert.equal(refused.done, false);
  assert.equal(
    refused.events[0]?.message,
    "Failed build model due to deletion_protection is enabled, cannot delete the service: web",
  );
  assert.equal(names(w).length, 1);
  w.live.apply({});
  await settleRelease(w.provider, w.live, w.clock);
  assert.equal(names(w).length, 0);
});

test("a load balancer of an endpoint service: tried again ever less often, told, and deleted once it is free", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  only(w.aws.world.loadBalancers).endpointService = true;
  const { key, uid } = w.live;
  const pauses: number[] = [];
  for (let run = 0; run < 9; run++) {
    const outcome = await w.provider.release({ key, uid }, w.live.context);
    assert.equal(outcome.done, false);
    w.live.write(outcome);
    pauses.push(outcome.againAfterMs ?? 0);
    w.clock.advance(outcome.againAfterMs ?? 0);
  }
  assert.deepEqual(pauses.slice(0, 3), [5_000, 10_000, 20_000]);
  assert.equal(pauses.at(-1), 300_000);
  assert.match(
    w.live.events.at(-1)?.message ?? "",
    /associated with another service; take it out of VPC endpoint/,
  );
  only(w.aws.world.loadBalancers).endpointService = false;
  await settleRelease(w.provider, w.live, w.clock);
  assert.deepEqual([w.aws.census().loadBalancers, w.aws.census().targetGroups], [0, 0]);
});

test("a quota is told with what to do about it", async () => {
  const aws = usualAws({ quotas: { loadBalancers: 0 } });
  const live = new LiveService();
  const outcome = await providerOf(aws, aws.connect()).serve(modelOf(live.service), live.context);
  assert.match(outcome.events[0]?.message ?? "", /TooManyLoadBalancers.*ask AWS for a higher quota/);
  assert.equal(outcome.events[0]?.reason, "FailedDeployModel");
  assert.ok((outcome.againAfterMs ?? 0) >= 60_000);
});

test("the scheme changed back within the grace period: the first load balancer serves again, no third is made", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  const [first] = names(w);
  w.live.apply({ annotations: { scheme: "internal" } });
  await settle(w.provider, w.live, w.clock, ({ againAfterMs }) => (againAfterMs ?? 0) > 60_000);
  assert.equal(names(w).length, 2);
  w.live.apply({});
  await settle(w.provider, w.live, w.clock);
  assert.deepEqual(names(w), [first]);
  assert.ok(w.live.hostname?.startsWith(first ?? "-"));
});

test("a replaced load balancer keeps its targets up to date until it goes", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  w.live.apply({ annotations: { scheme: "internal" } });
  await settle(w.provider, w.live, w.clock, ({ againAfterMs }) => (againAfterMs ?? 0) > 60_000);
  w.aws.addInstance({ id: "i-0aaaaaaaaaaaaaaa3", subnetId: "subnet-a", groups: [w.aws.nodeGroup] });
  w.live.nodes = [...w.live.nodes.slice(1), nodeOf("i-0aaaaaaaaaaaaaaa3")];
  await serve(w);
  for (const { targets } of w.aws.world.targetGroups.values()) {
    const serving = [...targets.values()].filter(({ drainedAt }) => drainedAt === undefined);
    assert.deepEqual(
      serving.map(({ id }) => id),
      ["i-0aaaaaaaaaaaaaaa2", "i-0aaaaaaaaaaaaaaa3"],
    );
  }
  assert.equal(w.aws.census().targetGroups, 2);
});

test("hand-over: the status moves once the new one is healthy; the old one is left behind, and told", async () => {
  const w = world();
  const old = addPredecessor(w.aws, w.live);
  const fault = () => void checkServed(w.aws, w.live.hostname, [80]);
  await settle(providerOf(w.aws, w.aws.connect({ fault })), w.live, w.clock);
  assert.notEqual(w.live.hostname, old.dnsName.toLowerCase());
  const told = w.live.events.find(({ reason }) => reason === "LeftBehindLoadBalancer");
  assert.ok(told?.message.includes(old.arn));
  w.clock.advance(86_400_000);
  await serve(w);
  assert.ok(names(w).includes("a1234"));
  const { key, uid } = w.live;
  assert.deepEqual(await w.provider.orphans(new Map([[key, uid]]), w.live.signal), []);
});

test("hand-over from what cannot be seen: the status moves when targets were judged, and it is told", async () => {
  const w = world();
  w.live.ingress = [{ hostname: "classic-123.eu-west-1.elb.amazonaws.com" }];
  const fault = () => {
    if (w.live.hostname?.startsWith("k8s-")) checkServed(w.aws, w.live.hostname, [80]);
    return undefined;
  };
  await settle(providerOf(w.aws, w.aws.connect({ fault })), w.live, w.clock);
  assert.equal(w.live.hostname, only(w.aws.world.loadBalancers).dnsName.toLowerCase());
  const told = w.live.events.find(({ reason }) => reason === "LeftBehindLoadBalancer");
  assert.match(told?.message ?? "", /^classic-123.*Classic Load Balancer, delete it by hand/);
});

test("hand-over: with the user's word the old one goes after the grace period, with its target groups", async () => {
  const w = world({ annotations: { "tandem.dev/delete-old-load-balancer": "true" } });
  addPredecessor(w.aws, w.live);
  await settle(w.provider, w.live, w.clock, ({ againAfterMs }) => (againAfterMs ?? 0) > 60_000);
  assert.ok(names(w).includes("a1234"));
  assert.match(w.live.annotations["tandem.dev/replaced-load-balancers"] ?? "", /a1234/);
  await settle(w.provider, w.live, w.clock);
  assert.ok(!names(w).includes("a1234"));
  assert.equal(w.aws.census().targetGroups, 1);
  assert.equal(w.live.annotations["tandem.dev/replaced-load-balancers"], undefined);
});

test("hand-over: the word is for one load balancer; another one stays", async () => {
  const w = world({ annotations: { "tandem.dev/delete-old-load-balancer": "somebody-else.example.com" } });
  addPredecessor(w.aws, w.live);
  await settle(w.provider, w.live, w.clock);
  w.clock.advance(86_400_000);
  await settle(w.provider, w.live, w.clock);
  assert.ok(names(w).includes("a1234"));
});

test("where AWS refuses two target groups in a listener, it is pointed at the new one directly", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  w.live.apply({ ports: [{ ...HTTP, nodePort: 30_081 }] });
  let refusals = 0;
  const provider = providerOf(
    w.aws,
    w.aws.connect({
      fault: ({ name, args }) => {
        const spec = args[1] as { forward?: readonly unknown[] } | undefined;
        if (name !== "modifyListener" || (spec?.forward?.length ?? 0) < 2) return undefined;
        refusals++;
        return { kind: "fail", code: "ValidationError" };
      },
    }),
  );
  await settle(provider, w.live, w.clock);
  assert.equal(refusals, 1);
  assert.equal(only(w.aws.world.targetGroups).port, 30_081);
});

test("nothing healthy before, nothing healthy after: the status moves all the same", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  for (const id of ["i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"]) w.aws.setHealth(id, "unhealthy");
  w.live.apply({ annotations: { scheme: "internal" } });
  await settle(w.provider, w.live, w.clock);
  assert.equal(only(w.aws.world.loadBalancers).scheme, "internal");
});

test("target groups whose health checks say nothing for long are taken all the same", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  w.live.apply({ ports: [{ ...HTTP, nodePort: 30_081 }] });
  const [old = ""] = w.aws.world.targetGroups.keys();
  const connection = w.aws.connect();
  const describeTargetHealth = async (arn: string) => {
    const healths = await connection.describeTargetHealth(arn);
    return arn === old ? healths : healths.map((target) => ({ ...target, health: "unused" }));
  };
  const began = w.clock.now();
  await settle(providerOf(w.aws, { ...connection, describeTargetHealth }), w.live, w.clock);
  assert.ok(w.clock.now() - began > 10 * 60_000);
  assert.equal(only(w.aws.world.targetGroups).port, 30_081);
});

test("while the new targets are unhealthy and the old ones are not, the status stays", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  const before = w.live.hostname;
  const oldGroup = only(w.aws.world.targetGroups).arn;
  w.live.apply({ annotations: { scheme: "internal" } });
  const health = w.aws.now.describeTargetHealth;
  for (let run = 0; run < 10; run++) {
    const { againAfterMs } = await serve(w);
    for (const { arn, targets } of w.aws.world.targetGroups.values())
      if (arn !== oldGroup) for (const target of targets.values()) target.registeredAt = w.clock.now();
    w.clock.advance(againAfterMs ?? 0);
  }
  assert.equal(w.live.hostname, before);
  const told = w.live.events.filter(({ reason }) => reason === "WaitingForLoadBalancer");
  assert.equal(told.length, 2);
  assert.match(told[1]?.message ?? "", /0 of 2 targets are healthy, 2 are new/);
  assert.ok(health(oldGroup).every((target) => target.health === "healthy"));
});

test("once clients have moved, the grace period of what was replaced is not told as their wait", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  w.live.apply({ annotations: { scheme: "internal" } });
  await settle(w.provider, w.live, w.clock);
  const told = w.live.events.filter(({ reason }) => reason === "WaitingForLoadBalancer");
  assert.ok(told.length > 0);
  for (const { message } of told) assert.match(message, /until (it is active|the targets of)/);
});

test("a grace period that is made shorter counts for what was replaced already", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  const before = w.live.hostname;
  w.live.apply({ annotations: { scheme: "internal" } });
  for (let moved = false; !moved; ) {
    const { againAfterMs } = await serve(w);
    moved = w.live.hostname !== before;
    if (!moved) w.clock.advance(againAfterMs ?? 0);
  }
  assert.equal(names(w).length, 2);
  w.live.apply({ annotations: { scheme: "internal", "tandem.dev/replacement-grace-period": "1s" } });
  const { againAfterMs } = await serve(w);
  assert.equal(againAfterMs, 1_000);
  w.clock.advance(1_000);
  await serve(w);
  assert.equal(names(w).length, 1);
});

test("what other hands change is put right: rules within minutes, attributes and targets within hours", async () => {
  const w = world({ annotations: { attributes: "load_balancing.cross_zone.enabled=true" } });
  await settle(w.provider, w.live, w.clock);
  const wanted = snapshotOf(w.aws.world);
  const { arn } = only(w.aws.world.loadBalancers);
  const own = [...w.aws.world.groups.values()].find(({ name }) => name.startsWith("k8s-default-web"));
  if (own !== undefined) own.rules = [];
  w.aws.now.modifyLoadBalancerAttributes(arn, { "load_balancing.cross_zone.enabled": "false" });
  w.aws.now.deregisterTargets(only(w.aws.world.targetGroups).arn, [
    { id: "i-0aaaaaaaaaaaaaaa1", port: 30_080 },
  ]);
  w.clock.advance(120_000);
  await serve(w);
  assert.equal(own?.rules.length, 1);
  w.clock.advance(3 * 3_600_000);
  await serve(w);
  assert.deepEqual(snapshotOf(w.aws.world), wanted);
});

test("a load balancer that somebody deleted is made again, under its name", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  const { arn, name } = only(w.aws.world.loadBalancers);
  w.aws.loseLoadBalancer(arn);
  w.clock.advance(120_000);
  await settle(w.provider, w.live, w.clock);
  assert.deepEqual(names(w), [name]);
  checkServed(w.aws, w.live.hostname, [80]);
});

test("one listing a minute for all: unchanged Services cost nothing themselves", async () => {
  const { aws, connection, provider } = world();
  const lives = Array.from(
    { length: 40 },
    (_, index) => new LiveService({ name: `s${index}`, ports: [{ ...HTTP, nodePort: 30_000 + index }] }),
  );
  const round = async () => {
    const outcomes = await Promise.all(
      lives.map((live) => provider.serve(modelOf(live.service), live.context)),
    );
    for (const [index, outcome] of outcomes.entries()) lives[index]?.write(outcome);
    return outcomes.every(({ done }) => done);
  };
  for (let rounds = 0; !(await round()); rounds++) {
    assert.ok(rounds < 10);
    aws.clock.advance(30_000);
  }
  await round();
  const before = connection.calls.length;
  await round();
  assert.equal(connection.calls.length, before);
  aws.clock.advance(61_000);
  await round();
  assert.equal(connection.calls.length - before, 5);
  assert.deepEqual(aws.census(), { loadBalancers: 40, listeners: 40, targetGroups: 40, securityGroups: 42 });
});

test("the shared group goes with the last load balancer, its rules first; other Services keep theirs", async () => {
  const w = world();
  const before = snapshotOf(w.aws.world);
  const other = new LiveService({ name: "other", ports: [{ ...HTTP, nodePort: 31_000 }] });
  await settle(w.provider, w.live, w.clock);
  await settle(w.provider, other, w.clock);
  const rules = () =>
    w.aws.world.groups.get(w.aws.nodeGroup)?.rules.map(({ fromPort, toPort }) => [fromPort, toPort]);
  assert.deepEqual(rules(), [[30_080, 31_000]]);
  await settleRelease(w.provider, w.live, w.clock);
  assert.deepEqual(rules(), [[31_000, 31_000]]);
  checkServed(w.aws, other.hostname, [80]);
  await settleRelease(w.provider, other, w.clock);
  assert.deepEqual(snapshotOf(w.aws.world), before);
});

test("a Service made anew under the same name gets its own; the earlier one's are orphans", async () => {
  const w = world();
  await settle(w.provider, w.live, w.clock);
  const [first] = names(w);
  const anew = new LiveService({ uid: "another" });
  await settle(w.provider, anew, w.clock);
  assert.equal(names(w).length, 2);
  const orphans = await w.provider.orphans(new Map([[anew.key, anew.uid]]), anew.signal);
  assert.deepEqual(
    orphans.map(({ kind, why }) => `${kind}: ${why}`),
    ["LoadBalancer", "TargetGroup", "SecurityGroup"].map(
      (kind) => `${kind}: it was made for an earlier Service default/web (uid uid-of-web, now another)`,
    ),
  );
  assert.ok(orphans.every(({ created }) => created !== undefined && Date.parse(created) > 0));
  for (let sweep = 0; sweep < 3; sweep++) {
    await w.provider.deleteOrphans(orphans, anew.signal);
    w.clock.advance(6_000);
  }
  assert.equal(names(w).length, 1);
  assert.ok(!names(w).includes(first ?? ""));
  checkServed(w.aws, anew.hostname, [80]);
});

test("orphans: nothing of another cluster or owner is found, nor deleted when asked for", async () => {
  const w = world();
  const tagsOf = (cluster: string, owner: string | undefined) => ({
    [TAG.cluster]: cluster,
    [TAG.stack]: "default/gone",
    [TAG.resource]: "LoadBalancer",
    ...(owner && { [TAG.owner]: owner }),
  });
  const foreign = [
    w.aws.now.createLoadBalancer({ ...loadBalancerSpec({ name: "one" }), tags: tagsOf("another", "tandem") }),
    w.aws.now.createLoadBalancer({ ...loadBalancerSpec({ name: "two" }), tags: tagsOf(CLUSTER, undefined) }),
    w.aws.now.createLoadBalancer({
      ...loadBalancerSpec({ name: "three" }),
      tags: tagsOf(CLUSTER, "someone"),
    }),
  ];
  const group = w.aws.addSecurityGroup("theirs", "vpc-1", tagsOf(CLUSTER, undefined));
  assert.deepEqual(await w.provider.orphans(new Map(), w.live.signal), []);
  const forged = [
    ...foreign.map(({ arn, name }) => ["LoadBalancer", arn, name]),
    ["SecurityGroup", group, "g"],
  ].map(([kind = "", id = "", name = ""]) => ({ kind, id, name, service: "", why: "", created: undefined }));
  const deleted = await w.provider.deleteOrphans(forged, w.live.signal);
  assert.deepEqual(
    deleted.map(({ error }) => error),
    forged.map(() => "it is no longer tagged as this cluster's"),
  );
  assert.equal(w.aws.census().loadBalancers, 3);
  assert.ok(w.aws.world.groups.has(group));
});

test("a group of nodes that is not to be told from others is said, and nothing is made", async () => {
  const w = world();
  const second = w.aws.addSecurityGroup("more");
  const instance = w.aws.world.instances.get("i-0aaaaaaaaaaaaaaa1");
  instance?.groups.push(second);
  const outcome = await serve(w);
  assert.match(
    outcome.events[0]?.message ?? "",
    /expected exactly one securityGroup tagged with kubernetes.io\/cluster\/shoot--dev--one, got: \[\] for instance i-0aaaaaaaaaaaaaaa1/,
  );
  assert.equal(w.aws.census().targetGroups, 0);
});

test("a listener whose deletion lost its answer is made anew when its port comes back", async () => {
  const w = world({ ports: [HTTP, HTTPS] });
  const connection = w.aws.connect({
    fault: ({ name }) => (name === "deleteListener" ? { kind: "lost" } : undefined),
  });
  const provider = providerOf(w.aws, connection);
  await settle(provider, w.live, w.clock);
  w.live.apply({ ports: [HTTP] });
  await assert.rejects(provider.serve(modelOf(w.live.service), w.live.context), { code: "TimedOut" });
  w.live.apply({ ports: [HTTP, { ...HTTPS, nodePort: 30_444 }] });
  await settle(provider, w.live, w.clock);
  assert.deepEqual([...w.aws.world.listeners.values()].map(({ port }) => port).toSorted(), [443, 80]);
  assert.equal(w.aws.census().targetGroups, 2);
});

test("nodes' rules are shared: what one Service wrote the next one knows", async () => {
  const w = world();
  const other = new LiveService({ name: "other", ports: [{ ...HTTP, nodePort: 31_000 }] });
  for (const live of [w.live, other]) await settle(w.provider, live, w.clock);
  const change = async (live: LiveService, nodePort: number) => {
    const first = { ...HTTP, nodePort: live === other ? 31_000 : HTTP.nodePort };
    live.apply({ name: live.service.metadata.name, ports: [first, { ...HTTPS, nodePort }] });
    const before = w.connection.calls.length;
    live.write(await w.provider.serve(modelOf(live.service), live.context));
    const calls = w.connection.calls.slice(before).map(({ name }) => name);
    return calls.filter((name) => name === "revokeIngress" || name === "describeVpc");
  };
  await w.provider.serve(modelOf(w.live.service), w.live.context);
  assert.deepEqual(await change(w.live, 32_000), ["revokeIngress"]);
  assert.deepEqual(await change(other, 32_001), ["revokeIngress"]);
});
