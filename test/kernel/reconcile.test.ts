/** The tables in a real kernel: restarts, foreign changes, and small changes against a full load. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type NodeFacts, type Outcome, Programmer, removeTables } from "../../src/kernel/index.ts";
import type { Service, ServiceSpec } from "../../src/objects/types.ts";
import { createTrafficModel, type TrafficModel } from "../../src/traffic/index.ts";
import { nodePorts, type PodEndpoint, setWeb, web } from "./cluster.ts";
import { FACTS, useNamespace } from "./network.ts";
import { freshLoad, stateOf } from "./state.ts";

const space = useNamespace();
const scratch = useNamespace();

async function nft(...args: string[]): Promise<string> {
  const result = await space.exec(["nft", ...args]);
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

async function loaded(model: TrafficModel): Promise<Programmer> {
  await removeTables(space.exec);
  const programmer = new Programmer(space.exec, FACTS);
  assert.equal((await programmer.sync(model)).how, "load");
  return programmer;
}

function twoServices(): TrafficModel {
  const model = createTrafficModel();
  setWeb(model, web({ type: "NodePort", ports: nodePorts(30080) }), [{ pod: "a" }, { pod: "b" }]);
  const other = web({ clusterIP: "10.96.0.2", clusterIPs: ["10.96.0.2", "fd00:10:96::2"] });
  model.onService({ type: "added", object: { ...other, metadata: { name: "other", namespace: "default" } } });
  return model;
}

function summary({ how, elements, foreignRules }: Outcome): object {
  return { how, elements, foreignRules };
}

test("a restart reads what is there and changes nothing", async () => {
  const model = twoServices();
  await loaded(model);
  const outcome = await new Programmer(space.exec, FACTS).sync(model);
  assert.deepEqual(summary(outcome), {
    how: "reconcile",
    elements: { IPv4: 0, IPv6: 0 },
    foreignRules: false,
  });
  assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, FACTS));
});

test("a restart changes only what changed meanwhile", async () => {
  const model = twoServices();
  await loaded(model);
  setWeb(model, web({ type: "NodePort", ports: nodePorts(30080) }), [{ pod: "a" }]);
  const programmer = new Programmer(space.exec, FACTS);
  const outcome = await programmer.sync(model);
  // Per family: two verdicts of the cluster IP and two of the node port, the second endpoint of each, one hairpin.
  assert.deepEqual(outcome.elements, { IPv4: 2 + 2 + 4 + 1, IPv6: 2 + 2 + 4 + 1 });
  await programmer.tidy();
  assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, FACTS));
});

test("what somebody else changed is found and put right", async () => {
  const model = twoServices();
  const changes: [string, string[]][] = [
    ["element", ["delete", "element", "ip", "tandem", "services", "{ 10.96.0.1 . tcp . 80 }"]],
    ["element", ["add", "element", "ip6", "tandem", "services", "{ fd00::9 . tcp . 80 : drop }"]],
    ["rule", ["insert", "rule", "ip", "tandem", "dispatch", "drop"]],
    ["rule", ["flush", "chain", "ip6", "tandem", "postrouting"]],
    ["rule", ["add", "chain", "ip", "tandem", "mine"]],
  ];
  for (const [what, change] of changes) {
    const programmer = await loaded(model);
    await nft(...change);
    const outcome = await programmer.sync(model);
    assert.deepEqual(
      { elements: sum(outcome), foreignRules: outcome.foreignRules },
      { elements: what === "element" ? 1 : 0, foreignRules: what === "rule" },
      change.join(" "),
    );
    await programmer.tidy();
    assert.deepEqual(
      await stateOf(space.exec),
      await freshLoad(scratch.exec, model, FACTS),
      change.join(" "),
    );
  }
});

test("chains out of use are not taken for somebody else's, and stay when they are wanted again", async () => {
  const model = twoServices();
  const programmer = await loaded(model);
  const update = async (pods: readonly PodEndpoint[]) => {
    setWeb(model, web({ type: "NodePort", ports: nodePorts(30080) }), pods);
    await programmer.update(new Map([["default/web", model.get("default/web")]]));
  };
  await update([{ pod: "a" }]);
  assert.equal((await programmer.sync(model)).foreignRules, false);
  assert.equal((await programmer.sync(model)).foreignRules, false);
  await update([{ pod: "a" }, { pod: "b" }]);
  await programmer.tidy();
  assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, FACTS));
  // Used again, unused again, and gone with the next change: nothing is left to do twice.
  await update([{ pod: "a" }]);
  await programmer.sync(model);
  for (const pods of [[{ pod: "a" }, { pod: "b" }], [{ pod: "a" }], []] as const) await update(pods);
  await programmer.tidy();
  assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, FACTS));
});

test("a table that is gone, or made by somebody else, is made anew", async () => {
  const model = twoServices();
  const programmer = await loaded(model);
  await nft("delete", "table", "ip6", "tandem");
  await programmer.sync(model);
  assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, FACTS));
  await removeTables(space.exec);
  await nft("add table ip tandem; add map ip tandem services { type ipv4_addr : verdict; }");
  assert.equal((await new Programmer(space.exec, FACTS).sync(model)).how, "load");
  assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, FACTS));
});

test("a family that the node lacks goes, and what is not Tandem's stays", async () => {
  const model = twoServices();
  await nft("add", "table", "ip6", "other");
  await loaded(model);
  const facts: NodeFacts = { ...FACTS, families: ["IPv4"] };
  await new Programmer(space.exec, facts).sync(model);
  assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, facts));
  assert.deepEqual(await removeTables(space.exec), ["ip"]);
  assert.equal((await nft("list", "tables")).trim(), "table ip6 other");
});

test("a change of endpoints touches its own elements only", async () => {
  const model = twoServices();
  const programmer = await loaded(model);
  setWeb(model, web({ type: "NodePort", ports: nodePorts(30080) }), [
    { pod: "a" },
    { pod: "b", node: "node-2" },
  ]);
  const change = new Map([["default/web", model.get("default/web")]]);
  // Only the hairpin of the pod that is elsewhere now.
  assert.deepEqual((await programmer.update(change)).elements, { IPv4: 1, IPv6: 1 });
  assert.deepEqual((await programmer.update(change)).elements, { IPv4: 0, IPv6: 0 });
});

test("of two Services with one external IP the first has it, and the other takes over", async () => {
  const model = createTrafficModel();
  const service = (name: string, last: number): Service => ({
    ...web({ clusterIP: `10.96.0.${last}`, clusterIPs: [`10.96.0.${last}`], externalIPs: ["192.0.2.1"] }),
    metadata: { name, namespace: "default" },
  });
  const programmer = await loaded(model);
  const apply = async (type: "added" | "deleted", object: Service) => {
    const [key = ""] = model.onService({ type, object });
    await programmer.update(new Map([[key, model.get(key)]]));
    assert.deepEqual(
      await stateOf(space.exec),
      await freshLoad(scratch.exec, model, FACTS),
      `${type} ${key}`,
    );
  };
  await apply("added", service("b", 2));
  await apply("added", service("a", 1));
  await apply("deleted", service("a", 1));
  await apply("deleted", service("b", 2));
});

/** A random state of `default/web`: its spec, and which pods serve it where. */
const anyState = fc.record({
  exists: fc.boolean(),
  spec: fc.record<Partial<ServiceSpec>>(
    {
      type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer"),
      ports: fc.constantFrom(nodePorts(30080), nodePorts(30081), nodePorts(30080).slice(0, 1)),
      externalIPs: fc.subarray(["192.0.2.1", "2001:db8::1"]),
      internalTrafficPolicy: fc.constantFrom("Cluster", "Local"),
      externalTrafficPolicy: fc.constantFrom("Cluster", "Local"),
      sessionAffinity: fc.constantFrom("None", "ClientIP"),
      loadBalancerSourceRanges: fc.subarray(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "0.0.0.0/0"]),
    },
    { requiredKeys: [] },
  ),
  balancers: fc.subarray(["192.0.2.2", "192.0.2.1", "2001:db8::2"]),
  pods: fc.uniqueArray(
    fc.record({
      pod: fc.constantFrom("a" as const, "b" as const),
      node: fc.constantFrom("node-1", "node-2"),
      conditions: fc.constantFrom(
        { ready: true },
        { ready: false, serving: true, terminating: true },
        { ready: false, serving: false },
      ),
    }),
    { selector: ({ pod }) => pod },
  ),
});

/** An external IP that is the balancer's address too (found by this test). */
const ONE_ADDRESS_TWICE = [
  { exists: false, spec: {}, balancers: [], pods: [] },
  {
    exists: true,
    spec: {
      type: "LoadBalancer" as const,
      externalIPs: ["192.0.2.1"],
      loadBalancerSourceRanges: ["10.0.0.0/8"],
    },
    balancers: ["192.0.2.1"],
    pods: [],
  },
];

test("random changes leave exactly what a full load of the last state makes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyState, { minLength: 2, maxLength: 8 }), async (states) => {
      const model = twoServices();
      const programmer = await loaded(model);
      for (const { exists, spec, pods, balancers } of states) {
        const service = web(spec);
        service.status = { loadBalancer: { ingress: balancers.map((ip) => ({ ip })) } };
        setWeb(model, exists ? service : undefined, pods);
        await programmer.update(new Map([["default/web", model.get("default/web")]]));
      }
      await programmer.tidy();
      assert.deepEqual(await stateOf(space.exec), await freshLoad(scratch.exec, model, FACTS));
    }),
    { numRuns: 15, examples: [[ONE_ADDRESS_TWICE]] },
  );
});

function sum({ elements }: Outcome): number {
  return (elements.IPv4 ?? 0) + (elements.IPv6 ?? 0);
}
