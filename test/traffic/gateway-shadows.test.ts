/** Stream routes that stand behind an older one say so, as long as it is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/objects/types.ts";
import { emptyModel, isReport, objectsOf, take } from "./gateway/text.ts";

const route = (name: string, created: string, hostnames: string) => `---
kind: TLSRoute
metadata: {name: ${name}, creationTimestamp: '${created}'}
spec: {parentRefs: [{name: g}], hostnames: ${hostnames}, rules: [{backendRefs: [{name: web, port: 80}]}]}
`;
const TEXT = `
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: tandem
  listeners: [{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}}]
${route("younger", "2026-01-02T00:00:00Z", "[a.test]")}
${route("wider", "2026-01-03T00:00:00Z", "[a.test, b.test]")}
${route("older", "2026-01-01T00:00:00Z", "[a.test]")}`;

test("a stream route says that an older one has all its connections, until that goes", () => {
  const model = emptyModel();
  const objects = objectsOf(TEXT).filter((object): object is KubeObject => !isReport(object));
  for (const object of objects) take(model, object);
  const told = new Map<string, string | undefined>();
  const look = () => {
    for (const [id, { status }] of model.flush().statuses)
      if (id.startsWith("TLSRoute/") && "parents" in status)
        told.set(id.slice("TLSRoute/default/".length), status.parents[0]?.conditions[0]?.message);
    return Object.fromEntries([...told].sort());
  };
  const behind = (name: string) =>
    `nothing comes to it: the older TLSRoute/default/${name} has the same listeners and hostnames`;
  assert.deepEqual(look(), { older: "", wider: "", younger: behind("older") });
  const named = (name: string) => {
    const found = objects.find(({ kind, metadata }) => kind === "TLSRoute" && metadata.name === name);
    assert.ok(found);
    return found;
  };
  take(model, named("older"), "deleted");
  assert.equal(look()["younger"], "");
  take(model, named("older"));
  assert.equal(look()["younger"], behind("older"));
});
