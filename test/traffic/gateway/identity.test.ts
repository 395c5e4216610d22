import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../src/objects/types.ts";
import type { ProxyModel } from "../../../src/traffic/gateway/index.ts";
import { emptyModel, isReport, NOW, objectsOf, take } from "./text.ts";

const GATEWAY = `
kind: Gateway
metadata: {name: gw, uid: gw}
spec:
  gatewayClassName: tandem
  listeners: [{name: http, port: 80, protocol: HTTP}, {name: tcp, port: 81, protocol: TCP}]
`;

function route(index: number, generation = 1, path = "/"): KubeObject {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: {
      name: `r${index}`,
      namespace: "default",
      uid: `r${index}`,
      generation,
      creationTimestamp: NOW,
    },
    spec: {
      parentRefs: [{ name: "gw" }],
      hostnames: [`r${index}.test`],
      rules: [
        {
          matches: [{ path: { type: "PathPrefix", value: path } }],
          backendRefs: [{ name: "web", port: 80 }],
        },
      ],
    },
  } as KubeObject;
}

function modelWith(routes: number) {
  const model = emptyModel();
  for (const object of objectsOf(GATEWAY)) if (!isReport(object)) take(model, object);
  for (let index = 0; index < routes; index++) take(model, route(index));
  model.flush();
  const proxy = (): ProxyModel => model.proxy("default/gw") ?? assert.fail("there is no proxy");
  return { model, proxy };
}

function hostsOf(proxy: ProxyModel) {
  return proxy.routeTables.get("http-80")?.hosts ?? [];
}

test("a changed route leaves everything but its own hosts as it was", () => {
  const { model, proxy } = modelWith(20);
  const before = proxy();
  take(model, route(7, 2, "/new"), "updated");
  const { proxies, statuses, infrastructure } = model.flush();
  const after = proxy();
  assert.equal(proxies.get("default/gw"), after);
  assert.notEqual(after, before);
  assert.equal(after.listeners, before.listeners);
  assert.equal(after.destinations, before.destinations);
  assert.equal(after.certificates, before.certificates);
  const changed = hostsOf(after).filter((host, index) => host !== hostsOf(before)[index]);
  assert.deepEqual(
    changed.map(({ hostname }) => hostname),
    ["r7.test"],
  );
  assert.deepEqual([...statuses.keys()], ["HTTPRoute/default/r7"]);
  assert.equal(infrastructure.size, 0);
});

test("what does not matter changes nothing", () => {
  const { model, proxy } = modelWith(3);
  const before = proxy();
  const gateway = objectsOf(GATEWAY).find(({ kind }) => kind === "Gateway") as KubeObject;
  take(model, { ...gateway, metadata: { ...gateway.metadata, resourceVersion: "9" } }, "updated");
  take(model, route(1), "updated");
  const { proxies, statuses } = model.flush();
  assert.equal(proxies.size + statuses.size, 0);
  assert.equal(proxy(), before);
});

test("a listener more keeps the hosts of the others", () => {
  const { model, proxy } = modelWith(3);
  const before = proxy();
  const gateway = objectsOf(
    GATEWAY.replace("name: tcp,", "name: more, port: 82, protocol: HTTP}, {name: tcp,"),
  ).find(({ kind }) => kind === "Gateway") as KubeObject;
  take(model, { ...gateway, metadata: { ...gateway.metadata, generation: 2 } }, "updated");
  model.flush();
  const after = proxy();
  assert.equal(after.routeTables.get("http-80"), before.routeTables.get("http-80"));
  assert.equal(after.routeTables.get("http-82")?.hosts.length, 3);
  assert.equal(after.listeners[0], before.listeners[0]);
});

test("a route that goes takes its hosts and destinations along", () => {
  const { model, proxy } = modelWith(2);
  take(model, route(0), "deleted");
  take(model, route(1), "deleted");
  model.flush();
  assert.deepEqual(hostsOf(proxy()), []);
  assert.equal(proxy().destinations.size, 0);
});

test("another name expected of a stream's backend is expected from then on, though the route is as it was", () => {
  const { model, proxy } = modelWith(0);
  const policy = (hostname: string) => `
kind: BackendTLSPolicy
metadata: {name: secure}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  validation: {hostname: ${hostname}, wellKnownCACertificates: System}
`;
  const stream = `
kind: TCPRoute
metadata: {name: stream}
spec: {parentRefs: [{name: gw, sectionName: tcp}], rules: [{backendRefs: [{name: web, port: 80}]}]}
`;
  const takeText = (text: string, type: "added" | "updated") => {
    const named = text.trim().split("\n")[0]?.replace("kind: ", "");
    for (const object of objectsOf(text)) if (object.kind === named) take(model, object as KubeObject, type);
    model.flush();
  };
  takeText(policy("one.test"), "added");
  takeText(stream, "added");
  const expected = () => [...proxy().destinations.values()].map(({ tls }) => tls?.serverName);
  assert.deepEqual(expected(), ["one.test"]);
  takeText(policy("other.test"), "updated");
  assert.deepEqual(expected(), ["other.test"]);
});

test("a Gateway that goes takes its proxy along, and so does its class", () => {
  for (const kind of ["Gateway", "GatewayClass"]) {
    const { model } = modelWith(1);
    const object = objectsOf(GATEWAY).find((one) => one.kind === kind) as KubeObject;
    take(model, object, "deleted");
    const { proxies, infrastructure, statuses } = model.flush();
    assert.deepEqual([...proxies], [["default/gw", undefined]]);
    assert.deepEqual([...infrastructure], [["default/gw", undefined]]);
    assert.deepEqual(statuses.get("HTTPRoute/default/r0")?.status, { parents: [] });
  }
});

test("another Gateway of the name is not programmed by what was said of the old one's proxy", () => {
  const { model, proxy } = modelWith(1);
  const programmed = () => {
    const { status } = model.flush().statuses.get("Gateway/default/gw") ?? assert.fail("no status");
    const conditions = "conditions" in status ? (status.conditions ?? []) : [];
    return conditions.find(({ type }) => type === "Programmed")?.status;
  };
  const state = { addresses: [{ type: "IPAddress" as const, value: "192.0.2.1" }] };
  model.setInfrastructure("default/gw", state);
  model.setApplied("default/gw", true);
  assert.equal(programmed(), "True");
  const object = objectsOf(GATEWAY).find(({ kind }) => kind === "Gateway") as KubeObject;
  take(model, object, "deleted");
  take(model, { ...object, metadata: { ...object.metadata, uid: "another" } });
  const { proxies, infrastructure } = model.flush();
  assert.equal(proxies.get("default/gw"), proxy(), "it is to be sent, and waited for");
  assert.equal(infrastructure.get("default/gw")?.uid, "another");
  model.setApplied("default/gw", true);
  assert.equal(programmed(), "False");
  model.setInfrastructure("default/gw", state);
  assert.equal(programmed(), "True");
  assert.equal(hostsOf(proxy()).length, 1);
});

test("conditions keep their time while their status stays", () => {
  let now = NOW;
  const model = emptyModel({ now: () => now });
  for (const object of objectsOf(GATEWAY)) if (!isReport(object)) take(model, object);
  model.flush();
  now = "2026-02-02T00:00:00Z";
  model.setInfrastructure("default/gw", { addresses: [{ type: "IPAddress", value: "192.0.2.1" }] });
  model.setApplied("default/gw", true);
  const { status } = model.flush().statuses.get("Gateway/default/gw") ?? assert.fail("no status");
  const times = new Map(
    ("conditions" in status ? (status.conditions ?? []) : []).map(({ type, lastTransitionTime }) => [
      type,
      lastTransitionTime,
    ]),
  );
  assert.equal(times.get("Accepted"), NOW);
  assert.equal(times.get("Programmed"), now);
});

test("a burst is told once", () => {
  const model = emptyModel();
  let told = 0;
  const end = model.onDirty(() => told++);
  for (const object of objectsOf(GATEWAY)) if (!isReport(object)) take(model, object);
  for (let index = 0; index < 10; index++) take(model, route(index));
  assert.equal(told, 1);
  model.flush();
  take(model, route(3, 2, "/x"), "updated");
  assert.equal(told, 2);
  end();
});
