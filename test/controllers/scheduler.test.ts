import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseNode } from "../../src/controllers/scheduler/choose.ts";
import type { Pod, PodSpec } from "../../src/objects/types.ts";
import { node, owned, pod } from "./builders.ts";

const NODES = [node("n1"), node("n2"), node("n3", { metadata: { labels: { disk: "ssd" } } })];

function waiting(spec: Partial<PodSpec> = {}, labels = { app: "web" }): Pod {
  return pod("new", { metadata: { labels }, spec: { nodeName: "", containers: [{ name: "c" }], ...spec } });
}

function on(name: string, nodeName: string, parts: Parameters<typeof pod>[1] = {}): Pod {
  return pod(name, { ...parts, spec: { containers: [{ name: "c" }], ...parts.spec, nodeName } });
}

function choice(of: Pod, placed: readonly Pod[] = [], nodes = NODES): string {
  const result = chooseNode(of, nodes, placed);
  return "node" in result ? result.node : result.message;
}

test("pods spread: away from their like, then to where the fewest are", () => {
  assert.equal(choice(waiting()), "n1");
  assert.equal(choice(waiting(), [on("a", "n1"), on("b", "n2"), on("c", "n2")]), "n3");
  assert.equal(
    choice(waiting(), [on("a", "n1"), on("b", "n2"), on("c", "n3", { status: { phase: "Succeeded" } })]),
    "n3",
  );
  const set = { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "s", uid: "s" } };
  const others = [owned(on("a", "n1"), set), on("b", "n2"), on("c", "n2"), owned(on("d", "n3"), set)];
  assert.equal(choice(owned(waiting(), set), others), "n2");
});

test("selectors, affinity and taints rule nodes out, and the message says which", () => {
  assert.equal(choice(waiting({ nodeSelector: { disk: "ssd" } })), "n3");
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "NotIn", values: ["n1"] }] },
        ],
      },
    },
  };
  assert.equal(choice(waiting({ affinity })), "n2");
  const tainted = node("n4", { spec: { taints: [{ key: "dedicated", value: "db", effect: "NoSchedule" }] } });
  const cordoned = node("n5", { spec: { unschedulable: true } });
  assert.equal(
    choice(waiting({ nodeSelector: { disk: "ssd" } }), [], [NODES[0]!, tainted, cordoned]),
    "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s) {dedicated: db}, 1 node(s) were unschedulable.",
  );
  assert.equal(
    choice(waiting({ tolerations: [{ key: "dedicated", operator: "Equal", value: "db" }] }), [], [tainted]),
    "n4",
  );
  assert.equal(choice(waiting({ tolerations: [{ operator: "Exists" }] }), [], [cordoned]), "n5");
  assert.equal(choice(waiting(), [], []), "no nodes available to schedule pods");
});

test("anti-affinity keeps pods of a host apart, in both directions; affinity brings them together", () => {
  const term = { labelSelector: { matchLabels: { app: "web" } }, topologyKey: "kubernetes.io/hostname" };
  const apart = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const placed = [on("a", "n1"), on("b", "n2")];
  assert.equal(choice(waiting({ affinity: apart }), placed), "n3");
  assert.match(
    choice(waiting({ affinity: apart }), [...placed, on("c", "n3")]),
    /3 node\(s\) didn't match pod anti-affinity rules/,
  );
  const shy = [
    on("a", "n1", { spec: { containers: [], affinity: apart } }),
    on("x", "n2", { metadata: { labels: {} } }),
    on("y", "n3", { metadata: { labels: {} } }),
  ];
  assert.equal(choice(waiting(), shy), "n2");
  const elsewhere = [
    { ...on("a", "n1"), metadata: { name: "a", namespace: "other", labels: { app: "web" } } },
  ];
  assert.equal(choice(waiting({ affinity: apart }), elsewhere, [NODES[0]!]), "n1");
  const together = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  assert.equal(choice(waiting({ affinity: together }), [on("b", "n2")]), "n2");
  assert.equal(choice(waiting({ affinity: together })), "n1", "the first of a group goes anywhere");
  assert.match(choice(waiting({ affinity: together }, { app: "other" })), /didn't match pod affinity rules/);
});

test("ports and resources of a node are given out once", () => {
  const port = (hostPort: number, hostIP?: string) => ({
    containers: [{ name: "c", ports: [{ containerPort: 80, hostPort, ...(hostIP ? { hostIP } : {}) }] }],
  });
  const taken = [on("a", "n1", { spec: port(80) })];
  assert.equal(choice(waiting(port(80)), taken), "n2");
  assert.match(choice(waiting(port(80, "127.0.0.1")), taken, [NODES[0]!]), /didn't have free ports/);
  assert.equal(choice(waiting(port(81)), taken, [NODES[0]!]), "n1");
  const small = node("small", { status: { allocatable: { cpu: "1", memory: "1Gi", pods: "2" } } });
  const asking = (cpu: string) => ({ containers: [{ name: "c", resources: { requests: { cpu } } }] });
  assert.equal(
    choice(waiting(asking("500m")), [on("a", "small", { spec: asking("500m") })], [small]),
    "small",
  );
  assert.match(
    choice(waiting(asking("501m")), [on("a", "small", { spec: asking("500m") })], [small]),
    /1 Insufficient cpu/,
  );
  assert.match(choice(waiting(), [on("a", "small"), on("b", "small")], [small]), /1 Too many pods/);
});
