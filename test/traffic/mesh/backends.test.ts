import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyModels, objectsOf, take } from "./text.ts";

const OBJECTS = `
kind: Service
metadata: { name: cart, namespace: demo }
spec: { clusterIPs: [10.96.0.1], ipFamilies: [IPv4], ports: [{ port: 80, name: http }] }
---
kind: Service
metadata: { name: next, namespace: demo }
spec: { clusterIPs: [10.96.0.2], ipFamilies: [IPv4], ports: [{ port: 80, name: http }] }
---
kind: Backend
apiVersion: tandem.dev/v1alpha1
metadata: { name: billing, namespace: demo }
spec: { endpoints: [{ addresses: ["2001:db8::10", 192.0.2.10], port: 8080 }] }
---
kind: HTTPRoute
apiVersion: gateway.networking.k8s.io/v1
metadata: { name: split, namespace: demo }
spec:
  parentRefs: [{ group: "", kind: Service, name: cart, port: 80 }]
  rules:
    - backendRefs:
        - { group: tandem.dev, kind: Backend, name: billing }
        - { name: next, port: 80 }`;

test("a host outside of the cluster is a destination of a route, once, with an address per family", () => {
  const models = emptyModels();
  for (const object of objectsOf(OBJECTS)) take(models, object);
  const { destinations, services } = models.mesh.flush();
  const outside = [...destinations].filter(([, destination]) => destination?.target.kind === "hosts");
  assert.equal(outside.length, 1);
  const [key, destination] = outside[0]!;
  const hosts = [{ addresses: ["2001:db8::10", "192.0.2.10"], port: 8080 }];
  assert.deepEqual(destination?.target, { kind: "hosts", hosts });
  assert.ok(
    JSON.stringify([...services.values()]).includes(`"destination":"${key}"`),
    "the route leads there",
  );
});
