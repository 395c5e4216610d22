import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyModels, objectsOf, take } from "./text.ts";

/** What becomes of an HTTPRoute with port 80 of a Service as its parent, given that port, or more of the Services. */
function acceptedOn(port: string): string {
  return accepted(`
kind: Service
metadata: { name: cart, namespace: demo }
spec: { clusterIPs: [10.96.0.1], ipFamilies: [IPv4], ports: [${port}] }`);
}

function accepted(services: string): string {
  const models = emptyModels();
  const text = `${services}
---
kind: HTTPRoute
apiVersion: gateway.networking.k8s.io/v1
metadata: { name: split, namespace: demo }
spec: { parentRefs: [{ group: "", kind: Service, name: cart, port: 80 }], rules: [{}] }`;
  for (const object of objectsOf(text)) take(models, object);
  const { status } = models.mesh.flush().statuses.get("HTTPRoute/demo/split") ?? {};
  const [parent] = status && "parents" in status ? status.parents : [];
  const found = parent?.conditions.find(({ type }) => type === "Accepted");
  return `${found?.status} ${found?.reason} ${found?.message}`.trim();
}

test("a route is refused where its rules could not be followed, as nothing looks for HTTP", () => {
  for (const port of [
    "{ port: 80, name: tcp-cart }",
    "{ port: 80, name: https }",
    "{ port: 80, name: http, appProtocol: tls }",
  ])
    assert.match(
      acceptedOn(port),
      /^False NoMatchingParent no HTTP is looked for on port 80 of Service demo\/cart, by its appProtocol or its name/,
      port,
    );
});

test("a route is accepted where HTTP is known to come, or looked for", () => {
  for (const port of [
    "{ port: 80, name: http }",
    "{ port: 80, name: grpc-cart }",
    "{ port: 80 }",
    "{ port: 80, name: tcp, appProtocol: http }",
  ])
    assert.equal(acceptedOn(port), "True Accepted", port);
});

test("a route is refused on another name of a Service that has addresses, as requests are known by these", () => {
  const alias = (externalName: string) => `
kind: Service
metadata: { name: cart, namespace: demo }
spec: { type: ExternalName, externalName: ${externalName}, ports: [{ port: 80, name: http }] }`;
  const shop = (clusterIP: string) => `
---
kind: Service
metadata: { name: shop, namespace: other }
spec: { clusterIP: ${clusterIP}, clusterIPs: [${clusterIP}], ipFamilies: [IPv4], ports: [{ port: 80, name: http }] }`;
  const there = "shop.other.svc.cluster.local";
  assert.match(
    accepted(alias(there) + shop("10.96.0.2")),
    /^False NoMatchingParent Service demo\/cart is another name of Service other\/shop, .*; attach the route to it$/,
  );
  for (const services of [
    alias(there),
    alias(there) + shop("None"),
    alias("example.org"),
    alias("a.b.svc.cluster.local"),
  ])
    assert.equal(accepted(services), "True Accepted", services);
});
