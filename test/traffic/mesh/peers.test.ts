import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../src/objects/types.ts";
import type { ObjectChange } from "../../../src/traffic/index.ts";
import { createPeerModel, type PeerModel } from "../../../src/traffic/mesh/index.ts";
import { objectsOf } from "./text.ts";

const CART = "spiffe://cluster.local/ns/demo/sa/cart";

function pod(
  name: string,
  { args = [], phase = "Running", proxy = "tandem-proxy", labels = {} } = {},
): string {
  return `---
kind: Pod
metadata: { name: ${name}, namespace: demo, labels: ${JSON.stringify(labels)} }
spec:
  serviceAccountName: cart
  initContainers: [{ name: tandem-init, args: ${JSON.stringify(args)} }, { name: ${proxy} }]
  containers: [{ name: main, ports: [{ containerPort: 80 }] }]
status: { phase: ${phase}, podIPs: [{ ip: 10.244.0.5 }, { ip: "fd00:10:244::5" }] }
`;
}

function policy(spec: string, namespace = "demo", name = "policy"): string {
  return `---
kind: MeshPolicy
apiVersion: tandem.dev/v1alpha1
metadata: { name: ${name}, namespace: ${namespace} }
spec: { ${spec} }
`;
}

function take(model: PeerModel, text: string, type: ObjectChange<KubeObject>["type"] = "added"): void {
  for (const object of objectsOf(text)) model.on(object.kind as "Pod", { type, object } as never);
}

function modelOf(...texts: readonly string[]): PeerModel {
  const model = createPeerModel("cluster.local");
  for (const text of texts) take(model, text);
  return model;
}

/** Whether mutual TLS is taken at the ports 80 and 81 of the pod `cart`. */
function at(model: PeerModel): boolean[] {
  return [80, 81].map((port) => model.identityAt("demo/cart", port) === CART);
}

for (const [what, args, spec, expected] of [
  ["without a policy", [], "", [true, true]],
  ["where ports are strict", [], "mutualTls: Strict", [true, true]],
  ["where policies want none", [], "mutualTls: Disabled", [false, false]],
  ["but for a port", [], "mutualTls: Disabled, ports: [{ port: 81, mutualTls: Strict }]", [false, true]],
  ["where they want none at a port", [], "ports: [{ port: 80, mutualTls: Disabled }]", [false, true]],
  ["past capture", ["--exclude-inbound-ports=80"], "mutualTls: Strict", [false, true]],
  ["with some ports captured", ["--inbound-ports=80"], "", [true, false]],
  ["with none captured", ["--inbound-ports="], "", [false, false]],
  ["with all of them", ["--inbound-ports=*"], "", [true, true]],
] as const)
  test(`a sidecar takes mutual TLS ${what}: ${expected}`, () => {
    const sidecar = pod("cart", { args: args as never });
    assert.deepEqual(at(modelOf(sidecar, policy(spec))), expected);
    // the policy comes first
    assert.deepEqual(at(modelOf(policy(spec), sidecar)), expected);
  });

test("pods without a sidecar, those that have ended, and pods nobody knows take none", () => {
  assert.deepEqual(at(modelOf(pod("cart", { proxy: "other" }))), [false, false]);
  assert.deepEqual(at(modelOf(pod("cart", { phase: "Succeeded" }))), [false, false]);
  assert.deepEqual(at(modelOf(pod("basket"))), [false, false]);
});

test("nearer policies count before wider ones, by labels too", () => {
  const wide = policy("mutualTls: Disabled", "tandem-system");
  const own = policy("mutualTls: Strict, selector: { matchLabels: { app: cart } }");
  assert.deepEqual(at(modelOf(pod("cart"), wide)), [false, false]);
  assert.deepEqual(at(modelOf(pod("cart"), wide, own)), [false, false]);
  assert.deepEqual(at(modelOf(pod("cart", { labels: { app: "cart" } }), wide, own)), [true, true]);
});

test("it says which pods are met in another way, once, and nothing of others", () => {
  const model = modelOf();
  let told = 0;
  model.onDirty(() => void told++);
  const changes = () => [...model.takeChanges()];
  take(model, pod("cart") + pod("basket"));
  assert.deepEqual([changes(), changes(), told], [["demo/cart", "demo/basket"], [], 1]);
  take(model, pod("cart"), "updated");
  take(model, policy("mutualTls: Strict", "other"));
  assert.deepEqual([changes(), told], [[], 1]);
  take(model, policy("mutualTls: Disabled"));
  assert.deepEqual([changes(), told], [["demo/cart", "demo/basket"], 2]);
  take(model, policy("mutualTls: Disabled"), "deleted");
  take(model, pod("basket"), "deleted");
  assert.deepEqual(changes(), ["demo/cart", "demo/basket"]);
  assert.deepEqual(at(model), [true, true]);
  assert.equal(model.identityAt("demo/basket", 80), undefined);
});
