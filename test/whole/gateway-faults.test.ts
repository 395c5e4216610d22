/** What goes wrong around a Gateway is told in the status of what it comes from, and harms nothing else. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { applyManifests, type KubeClient, parseManifest } from "../../src/client/index.ts";
import { GATEWAY_KINDS, type Gateway, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Condition, KubeObject } from "../../src/objects/types.ts";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";
import { eventually } from "../controllers/cluster.ts";
import { urlHost } from "./load.ts";
import { downAfterTest, type Home, processOf, ROOT, upForTest } from "./tandem.ts";

const CURL = ["curl", "-s", "-g", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}"];

/** Bad and good things together in one Gateway. */
const MIXED = `
apiVersion: v1
kind: Secret
metadata: { name: garbage, namespace: shop }
type: kubernetes.io/tls
data: { tls.crt: bm90IGEgY2VydA==, tls.key: bm90IGEga2V5 }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: mixed, namespace: shop }
spec:
  gatewayClassName: tandem
  listeners:
    - { name: fine, port: 80, protocol: HTTP }
    - { name: shifted, port: 10080, protocol: HTTP }
    - { name: http, port: 8080, protocol: HTTP }
    - { name: tcp, port: 8080, protocol: TCP }
    - { name: taken, port: 19001, protocol: HTTP }
    - { name: garbage, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: garbage }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: fine, namespace: shop }
spec:
  parentRefs: [{ name: mixed }]
  hostnames: [fine.test]
  rules: [{ backendRefs: [{ name: cart, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: nowhere, namespace: shop }
spec:
  parentRefs: [{ name: mixed }]
  hostnames: [nowhere.test]
  rules: [{ backendRefs: [{ name: missing, port: 80 }] }]
`;

/** A proxy that no machine has a program for. */
const IMAGELESS = `
apiVersion: tandem.dev/v1alpha1
kind: GatewayParameters
metadata: { name: imageless, namespace: shop }
spec: { envoy: { image: "example.test/no-such-image:1" } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: imageless, namespace: shop }
spec:
  gatewayClassName: tandem
  listeners: [{ name: http, port: 80, protocol: HTTP }]
  infrastructure: { parametersRef: { group: tandem.dev, kind: GatewayParameters, name: imageless } }
`;

describe("what goes wrong around a Gateway", () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest(() => ["-f", join(ROOT, "examples/gateway")]));
  });

  after(() => downAfterTest({ home, client }));

  const gateway = (name: string) => client.get<Gateway>(GATEWAY_KINDS.Gateway, name, "shop");
  const apply = (yaml: string) => applyManifests(client, parseManifest("this test", yaml));
  const programmed = (name: string) =>
    eventually(
      () => gateway(name).catch(() => undefined),
      (found) => conditionOf(found?.status?.conditions, "Programmed")?.status === "True",
    ) as Promise<Gateway>;
  const answerOf = (address: string, host: string, port = 80): string => {
    const url = `http://${urlHost(address)}:${port}/cart`;
    return home.run(["lab", "exec", "--outside", "--", ...CURL, "-H", `Host: ${host}`, url]).stdout;
  };
  const addressesOf = ({ status }: Gateway) => (status?.addresses ?? []).map(({ value }) => value ?? "");

  test("listeners and routes that cannot be served say why, and the others serve over each family", async () => {
    await apply(MIXED);
    const made = await programmed("mixed");
    const said = (name: string, type: string) => {
      const listener = made.status?.listeners?.find((one) => one.name === name);
      const { status, reason, message } = conditionOf(listener?.conditions, type) ?? {};
      return `${status} ${reason} ${message}`;
    };
    assert.match(said("garbage", "ResolvedRefs"), /^False InvalidCertificateRef .*shop\/garbage.*tls\.crt/);
    assert.match(said("taken", "Accepted"), /^False PortUnavailable port 19001/);
    assert.match(said("http", "Conflicted"), /^True ProtocolConflict .*listener tcp$/);
    assert.match(said("tcp", "Conflicted"), /^True ProtocolConflict .*listener http$/);
    for (const name of ["fine", "shifted"]) assert.match(said(name, "Programmed"), /^True/);
    const refsOf = (route: HTTPRoute) => conditionOf(route.status?.parents[0]?.conditions, "ResolvedRefs");
    const nowhere = await eventually(
      () => client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, "nowhere", "shop"),
      (route) => refsOf(route) !== undefined,
    );
    const refs = refsOf(nowhere);
    assert.equal(refs?.reason, "BackendNotFound");
    assert.match(refs?.message ?? "", /shop\/missing/);
    // it is said to be reached a moment after nodes heard of it, and routes are taken in by themselves
    const answers = (address: string) =>
      [
        answerOf(address, "fine.test"),
        answerOf(address, "fine.test", 10_080),
        answerOf(address, "nowhere.test"),
      ].join();
    for (const address of addressesOf(made))
      await eventually(
        async () => answers(address),
        (all) => all === "200,200,500",
      );
  });

  test("a certificate that goes bad takes its own listener away, and comes back with a good one", async () => {
    const authority = await createAuthority("test");
    const { certificate, key } = await issueCertificate(authority, {
      commonName: "garbage",
      subjectAltNames: ["DNS:garbage.test"],
      usages: ["serverAuth"],
      days: 2,
    });
    for (const [text, status] of [
      [certificate, "True"],
      [`${certificate.slice(0, 200)}\n`, "False"],
      [certificate, "True"],
    ] as const) {
      const data = { "tls.crt": base64(text), "tls.key": base64(key) };
      await client.patch(KINDS.Secret, "garbage", "shop", { data }, { type: "merge" });
      const now = await eventually(
        () => gateway("mixed"),
        ({ status: said }) =>
          conditionOf(said?.listeners?.find(({ name }) => name === "garbage")?.conditions, "Programmed")
            ?.status === status,
      );
      for (const address of addressesOf(now)) assert.equal(answerOf(address, "fine.test"), "200");
    }
  });

  test("a Gateway whose proxy has no program says where to look, and the pod's events say why", async () => {
    await apply(IMAGELESS);
    const told = await eventually(
      () => gateway("imageless"),
      ({ status }) => /no proxy is ready/.test(conditionOf(status?.conditions, "Programmed")?.message ?? ""),
    );
    const { status, message } = conditionOf(told.status?.conditions, "Programmed") ?? {};
    assert.equal(status, "False");
    assert.match(message ?? "", /describe pods -l gateway\.networking\.k8s\.io\/gateway-name=imageless/);
    await eventually(
      () => client.list<KubeObject & { message?: string }>(KINDS.Event, { namespace: "shop" }),
      ({ items }) => items.some((event) => /example\.test\/no-such-image:1/.test(event.message ?? "")),
    );
    await client.delete(GATEWAY_KINDS.Gateway, "imageless", "shop");
  });

  test("classes, Gateways and definitions that go and come back at once do not end the controller", async () => {
    const pid = processOf(home, "gateway");
    assert.ok(pid !== undefined);
    const ours = { metadata: { name: "tandem" }, spec: { controllerName: "tandem.dev/gateway-controller" } };
    const classNow = () => client.get<KubeObject>(GATEWAY_KINDS.GatewayClass, "tandem");
    for (let round = 0; round < 3; round++) {
      await eventually(classNow, ({ metadata }) => metadata.finalizers?.length === 1);
      await client.delete(GATEWAY_KINDS.GatewayClass, "tandem");
      assert.ok((await classNow()).metadata.deletionTimestamp, "it stays while there are Gateways");
      const insist = { metadata: { finalizers: null } };
      await client.patch(GATEWAY_KINDS.GatewayClass, "tandem", undefined, insist, { type: "merge" });
      await client.create(GATEWAY_KINDS.GatewayClass, ours);
      await client.delete(GATEWAY_KINDS.Gateway, "mixed", "shop");
      await apply(MIXED);
    }
    for (const plural of ["httproutes", "gateways"]) {
      const name = `${plural}.gateway.networking.k8s.io`;
      const { metadata, spec, ...rest } = await client.get<KubeObject & { spec: object }>(
        KINDS.CustomResourceDefinition,
        name,
      );
      await client.delete(KINDS.CustomResourceDefinition, name);
      const { annotations } = metadata;
      const again = { ...rest, metadata: { name, ...(annotations && { annotations }) }, spec };
      await eventually(
        () => client.create(KINDS.CustomResourceDefinition, again).catch(() => undefined),
        (made) => made !== undefined,
      );
    }
    await eventually(
      () =>
        apply(MIXED).then(
          () => true,
          () => false,
        ),
      (done) => done,
    );
    await programmed("mixed");
    // its Service may be the one before still, which goes with that Gateway's uid: addresses are asked for each time
    await eventually(
      async () => addressesOf(await gateway("mixed")).map((address) => answerOf(address, "fine.test")),
      (answers) => answers.length === 2 && answers.every((answer) => answer === "200"),
    );
    assert.equal(processOf(home, "gateway"), pid);
  });
});

function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((each) => each.type === type);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
