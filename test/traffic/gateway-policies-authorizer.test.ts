/** A service that is asked about requests (`extAuth` of a SecurityPolicy): found, refused with what is wrong, followed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { goodPolicy } from "./gateway-policies-fixtures.ts";
import { emptyModel, isReport, objectsOf, take } from "./gateway/text.ts";

const GATEWAY = `
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: tandem, listeners: [{name: web, port: 80, protocol: HTTP}]}
---
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g}]
  rules:
    - backendRefs: [{name: web, port: 80}]
    - matches: [{path: {value: /moved}}]
      filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]
`;
const GUARD = `
kind: Service
metadata: {name: guard}
spec: {ports: [{port: 9000, protocol: TCP}]}
`;

function modelWith(spec: string) {
  const model = emptyModel();
  for (const object of objectsOf(GATEWAY)) if (!isReport(object)) take(model, object);
  const policy = goodPolicy("SecurityPolicy", "p", "Gateway g", spec);
  policy.metadata.namespace = "default";
  take(model, policy);
  const guard = objectsOf(GUARD).find((object) => !isReport(object) && object.metadata.name === "guard");
  assert.ok(guard && !isReport(guard));
  const seen = () => {
    const { proxies, statuses } = model.flush();
    const proxy = proxies.get("default/g");
    const status = statuses.get("SecurityPolicy/default/p")?.status;
    const [ancestor] = status !== undefined && "ancestors" in status ? status.ancestors : [];
    const rules = proxy?.routeTables.get("http-80")?.hosts[0]?.rules ?? [];
    return {
      rules: rules.map(({ action, policy: own }) => [action.kind, own?.authorizer]),
      destinations: [...(proxy?.destinations.keys() ?? [])].sort(),
      accepted: ancestor?.conditions[0],
    };
  };
  return { model, guard, seen };
}

test("every rule asks the service, redirects too; without the service nobody comes in", () => {
  const { model, guard, seen } = modelWith(
    "extAuth: {timeout: 250ms, http: {path: /check/, headersToBackend: [X-User], backendRefs: [{name: guard, port: 9000}]}}",
  );
  const before = seen();
  assert.deepEqual(
    before.rules.map(([kind]) => kind),
    ["answer", "answer"],
  );
  assert.equal(
    before.accepted?.message,
    "spec.extAuth.http.backendRefs[0]: Service default/guard does not exist",
  );
  take(model, guard);
  const after = seen();
  const destination = "service/default/guard/9000";
  const authorizer = { destination, pathPrefix: "/check", timeout: 250, headersToBackend: ["X-User"] };
  assert.deepEqual(after.rules, [
    ["redirect", authorizer],
    ["forward", authorizer],
  ]);
  assert.ok(after.destinations.includes(destination));
  assert.equal(after.accepted?.status, "True");
  take(model, guard, "deleted");
  assert.deepEqual(seen().destinations.includes(destination), false);
});

const GOOD = "backendRefs: [{name: guard, port: 9000}]";

for (const [spec, message] of [
  [
    "http: {backendRefs: [{name: guard, port: 1}]}",
    "spec.extAuth.http.backendRefs[0]: Service default/guard has no port 1",
  ],
  [
    "http: {backendRefs: [{name: guard, kind: Pod}]}",
    "spec.extAuth.http.backendRefs[0]: Pod is no kind of backend",
  ],
  [
    "http: {backendRefs: [{name: guard, port: 9000, namespace: other}]}",
    "spec.extAuth.http.backendRefs[0].namespace: it is not the policy's own",
  ],
  [`http: {${GOOD}}, timeout: 0s`, "spec.extAuth.timeout: must be longer than 0"],
] as const)
  test(`a policy that asks nobody is not valid: ${message}`, () => {
    const { model, guard, seen } = modelWith(`extAuth: {${spec}}`);
    take(model, guard);
    const { accepted, rules } = seen();
    assert.equal(accepted?.status, "False");
    assert.ok(accepted?.message?.startsWith(message), accepted?.message);
    assert.deepEqual(
      rules.map(([kind]) => kind),
      ["answer", "answer"],
    );
  });
