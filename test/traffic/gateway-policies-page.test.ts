import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { schemaErrors } from "./gateway-policies-fixtures.ts";
import { objects } from "./gateway-routes-fixtures.ts";
import { emptyModel, isReport, objectsOf, take } from "./gateway/text.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/traffic-policies.md"), "utf8");
const GATEWAY = `
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tandem, listeners: [{name: web, port: 80, protocol: HTTP}]}
---
kind: HTTPRoute
metadata: {name: shop}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
`;

const [TOKENS = "", EXAMPLE = "", ...MORE] = [...PAGE.matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text = ""]) => text,
);

test("the example of tokens is in force as the page says", () => {
  assert.equal(MORE.length, 0);
  for (const policy of objects(TOKENS)) assert.deepEqual(schemaErrors(policy), []);
  const model = emptyModel();
  for (const object of objectsOf(GATEWAY + TOKENS)) if (!isReport(object)) take(model, object);
  const proxy = model.flush().proxies.get("default/gw");
  const rule = proxy?.routeTables.get("http-80")?.hosts[0]?.rules[0];
  assert.equal(rule?.action.kind, "forward");
  assert.equal(rule.policy?.tokens, "default/members");
  assert.deepEqual(rule.policy.access?.rules[0]?.token?.scopes, ["buy"]);
  assert.equal(proxy?.tokens?.get("default/members")?.providers[0]?.issuer, "https://login.example");
});

test("the example of the page is in force as the page says", () => {
  const example = EXAMPLE;
  for (const policy of objects(example)) assert.deepEqual(schemaErrors(policy), [], policy.metadata.name);
  const model = emptyModel();
  for (const object of objectsOf(GATEWAY + example)) if (!isReport(object)) take(model, object);
  const { proxies, statuses } = model.flush();
  const accepted = [...statuses].flatMap(([id, { status }]) =>
    "ancestors" in status
      ? status.ancestors.map(
          ({ conditions }) => `${id} ${conditions.map(({ type, status: is }) => `${type}=${is}`).join(" ")}`,
        )
      : [],
  );
  assert.deepEqual(accepted.sort(), [
    "BackendTrafficPolicy/default/all-routes Accepted=True Overridden=True",
    "BackendTrafficPolicy/default/shop-limits Accepted=True",
    "BackendTrafficPolicy/default/web-health Accepted=True",
    "ClientTrafficPolicy/default/behind-balancer Accepted=True",
    "SecurityPolicy/default/shop-inside Accepted=True",
  ]);
  const proxy = proxies.get("default/gw");
  const rule = proxy?.routeTables.get("http-80")?.hosts[0]?.rules[0];
  assert.ok(rule?.action.kind === "forward");
  assert.equal(rule.action.http.requestTimeout, 5000);
  assert.equal(rule.policy?.retry, undefined, "policies are not merged");
  const [destination] = proxy?.destinations.values() ?? [];
  assert.equal(destination?.preferFamily, "IPv6");
  assert.equal(destination?.policy?.activeHealthCheck?.path, "/healthz");
  assert.deepEqual(proxy?.listeners[0]?.policy?.proxyProtocol?.trusted, ["10.0.0.0/8", "fd00::/8"]);
});
