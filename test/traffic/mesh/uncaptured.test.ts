import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyModels, objectsOf, take } from "./text.ts";

/** The ports of a pod that callers speak plain bytes to, by the flags of its capture. */
function plainPorts(...args: string[]): readonly number[] | undefined {
  const models = emptyModels();
  const pod = `
kind: Pod
metadata: { name: cart, namespace: demo }
spec:
  initContainers: [{ name: tandem-init, args: ${JSON.stringify(args)} }, { name: tandem-proxy }]
  containers: [{ name: main, ports: [{ containerPort: 80 }, { containerPort: 81 }] }]
status: { phase: Running, podIPs: [{ ip: 10.244.0.5 }, { ip: "fd00:10:244::5" }] }
`;
  for (const object of objectsOf(pod)) take(models, object);
  models.mesh.flush();
  return models.mesh.peerOf("demo/cart")?.plainPorts;
}

test("nobody speaks mutual TLS to ports that are reached past the sidecar", () => {
  assert.equal(plainPorts("--proxy-mark=1337", "--inbound-ports=*"), undefined);
  assert.deepEqual(plainPorts("--exclude-inbound-ports=81,9000"), [81, 9000]);
  assert.deepEqual(plainPorts("--inbound-ports=80"), [81]);
  assert.deepEqual(plainPorts("--inbound-ports=", "--exclude-inbound-ports=80"), [80, 81]);
});
