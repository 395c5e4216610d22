import assert from "node:assert/strict";
import { test } from "node:test";
import type { Peer } from "../../../src/traffic/mesh/model.ts";
import { emptyModels, objectsOf, take } from "./text.ts";

/** What others know of a pod's sidecar, by the flags of its capture. */
function peerOf(args: readonly string[], policy = ""): Peer | undefined {
  const models = emptyModels();
  const pod = `
kind: Pod
metadata: { name: cart, namespace: demo }
spec:
  initContainers: [{ name: tandem-init, args: ${JSON.stringify(args)} }, { name: tandem-proxy }]
  containers: [{ name: main, ports: [{ containerPort: 80 }, { containerPort: 81 }] }]
status: { phase: Running, podIPs: [{ ip: 10.244.0.5 }, { ip: "fd00:10:244::5" }] }
`;
  for (const object of objectsOf(pod + policy)) take(models, object);
  models.mesh.flush();
  return models.mesh.peerOf("demo/cart");
}

function policy(spec: string): string {
  return `---
kind: MeshPolicy
apiVersion: tandem.dev/v1alpha1
metadata: { name: plain, namespace: demo }
spec: { ${spec} }
`;
}

test("nobody speaks mutual TLS to ports that are reached past the sidecar", () => {
  const ports = (...args: string[]) => {
    const { plainPorts, uncapturedPorts } = peerOf(args) ?? {};
    assert.deepEqual(plainPorts, uncapturedPorts);
    return plainPorts;
  };
  assert.equal(ports("--proxy-mark=1337", "--inbound-ports=*"), undefined);
  assert.deepEqual(ports("--exclude-inbound-ports=81,9000"), [81, 9000]);
  assert.deepEqual(ports("--inbound-ports=80"), [81]);
  assert.deepEqual(ports("--inbound-ports=", "--exclude-inbound-ports=80"), [80, 81]);
});

test("ports where a policy wants no mutual TLS are plain, and still the sidecar's", () => {
  const identity = "spiffe://cluster.local/ns/demo/sa/default";
  const some = policy("ports: [{ port: 80, mutualTls: Disabled }]");
  assert.deepEqual(peerOf([], some), { identity, plainPorts: [80] });
  const all = policy("mutualTls: Disabled");
  assert.deepEqual(peerOf(["--exclude-inbound-ports=81"], all), {
    identity,
    plainPorts: "all",
    uncapturedPorts: [81],
  });
  const but = policy("mutualTls: Disabled, ports: [{ port: 80, mutualTls: Strict }]");
  assert.deepEqual(peerOf([], but), { identity, plainPorts: "all", mutualPorts: [80] });
});
