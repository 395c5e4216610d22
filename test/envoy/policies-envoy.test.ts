import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createEnvoyOutput } from "../../src/envoy/desired/index.ts";
import type { Resource } from "../../src/envoy/resources.ts";
import type { PolicyObject } from "../../src/traffic/gateway/policies/index.ts";
import { CLIENT, DESTINATION, ROUTE } from "../traffic/gateway-policies-cases.ts";
import { goodPolicy } from "../traffic/gateway-policies-fixtures.ts";
import { emptyModel, isReport, objectsOf, take } from "../traffic/gateway/text.ts";
import { ENVOY, eventually, freePort, startEnvoy, type TestEnvoy } from "./ads-envoy.ts";

/** A Gateway with a listener of each kind that policies differ for, and routes on them. */
const GATEWAY = `
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: tandem
  listeners:
    - {name: web, port: 80, protocol: HTTP}
    - {name: secure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}
    - {name: raw, port: 9000, protocol: TCP}
---
{kind: Secret, metadata: {name: cert}, type: kubernetes.io/tls, data: {tls.crt: $CERTIFICATE, tls.key: $KEY}}
---
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
kind: TCPRoute
metadata: {name: t}
spec: {parentRefs: [{name: g, sectionName: raw}], rules: [{backendRefs: [{name: web, port: 80}]}]}
`;

/** All that a proxy has with a policy in force, on ports that are free here. */
async function resourcesWith(policy: PolicyObject): Promise<Resource[]> {
  const model = emptyModel();
  for (const object of objectsOf(GATEWAY)) if (!isReport(object)) take(model, object);
  take(model, policy);
  const proxy = model.flush().proxies.get("default/g");
  assert.ok(proxy);
  const listeners = [];
  for (const listener of proxy.listeners) listeners.push({ ...listener, bindPort: await freePort() });
  const output = createEnvoyOutput({ families: ["IPv4", "IPv6"] });
  const changes = output.update({ ...proxy, listeners }, () => undefined);
  return changes.flatMap(({ resource }) => resource ?? []);
}

const CASES = [
  ...CLIENT.map(([spec]) => ["ClientTrafficPolicy", spec] as const),
  ...DESTINATION.map(([spec]) => ["BackendTrafficPolicy", spec] as const),
  ...ROUTE.map(([kind, spec]) => [kind, spec] as const),
];

describe("what Envoy says to policies", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let folder: string;
  let server: AdsServer;
  let envoy: TestEnvoy;
  const refused: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tandem-policies-"));
    const path = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path }], authorize: () => "default/g" });
    server.onNack((nack) => refused.push(JSON.stringify(nack)));
    server.replace("default/g", []);
    envoy = await startEnvoy("g", { address: { pipe: { path } } });
    await eventually(
      async () => server.status("default/g").length,
      (clients) => clients === 1,
    );
  });

  after(async () => {
    await envoy.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [kind, spec] of CASES)
    test(`Envoy takes ${kind}: ${spec}`, { timeout: 60_000 }, async () => {
      refused.length = 0;
      server.replace("default/g", await resourcesWith(goodPolicy(kind, "p", "Gateway g", spec)));
      await server.applied("default/g");
      assert.deepEqual(refused, []);
    });
});
