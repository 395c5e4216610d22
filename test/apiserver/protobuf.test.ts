import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  BINDING,
  DELETE_OPTIONS,
  EVICTION,
  type Kind,
  KINDS,
  SCALE,
  TOKEN_REQUEST,
} from "../../src/objects/kinds.ts";
import { encodeObject, envelope, field } from "../objects/protobuf/encode.ts";
import { type Answer, newNamespace, useServer } from "./harness.ts";

const held = useServer();
const TYPE = "application/vnd.kubernetes.protobuf";
/** What client-go accepts where it would rather have protobuf. */
const ACCEPT = `${TYPE},application/json`;

function send(method: string, path: string, kind: Kind, object: object): Promise<Answer> {
  return held.client.call(method, path, { body: encodeObject(kind, object), type: TYPE, accept: ACCEPT });
}

const CONTAINERS = [
  { name: "c", image: "i", ports: [{ containerPort: 80 }], resources: { requests: { cpu: "1000m" } } },
];
const LABELS = { app: "web" };

test("an object is created, updated and read back; answers are JSON", async () => {
  const { name: namespace, apps } = await newNamespace(held.client);
  const template = { metadata: { labels: LABELS }, spec: { containers: CONTAINERS } };
  const spec = { replicas: 0, selector: { matchLabels: LABELS }, template };
  const made = await send("POST", apps("deployments"), KINDS.Deployment, { metadata: { name: "web" }, spec });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers["content-type"], "application/json");
  assert.equal(made.body.metadata.namespace, namespace);
  assert.equal(made.body.spec.replicas, 0);
  assert.equal(made.body.spec.template.spec.containers[0].resources.requests.cpu, "1");
  assert.equal(made.body.spec.template.spec.dnsPolicy, "ClusterFirst");
  const changed = { ...made.body, spec: { ...made.body.spec, paused: true } };
  const updated = await send("PUT", apps("deployments/web"), KINDS.Deployment, changed);
  assert.equal(updated.status, 200, updated.text);
  assert.deepEqual([updated.body.spec.paused, updated.body.metadata.generation], [true, 2]);
  const again = await send("PUT", apps("deployments/web"), KINDS.Deployment, changed);
  assert.deepEqual([again.status, again.body.reason], [409, "Conflict"]);
  const counted = { ...updated.body, status: { observedGeneration: 2 } };
  const status = await send("PUT", apps("deployments/web/status"), KINDS.Deployment, counted);
  assert.equal(status.body.status.observedGeneration, 2);
});

test("an object in protobuf becomes what the same in JSON becomes", async () => {
  const one = await newNamespace(held.client);
  const other = await newNamespace(held.client);
  const lease = {
    metadata: { name: "leader", labels: { é: "" } },
    spec: {
      holderIdentity: "",
      leaseDurationSeconds: 15,
      renewTime: "2026-01-02T03:04:05.000006Z",
      leaseTransitions: 0,
    },
  };
  const path = (name: string) => `/apis/coordination.k8s.io/v1/namespaces/${name}/leases`;
  const sent = await send("POST", path(one.name), KINDS.Lease, { ...lease, metadata: { name: "leader" } });
  const said = await held.client.post(path(other.name), { ...lease, metadata: { name: "leader" } });
  assert.equal(sent.status, 201, sent.text);
  assert.deepEqual(sent.body.spec, said.body.spec);
  const owned = ({ body }: Answer) => body.metadata.managedFields[0].fieldsV1;
  assert.deepEqual(owned(sent), owned(said));
});

test("subresources that take bodies take protobuf", async () => {
  const { client } = held;
  const { core, apps } = await newNamespace(client);
  await client.post("/api/v1/nodes", { metadata: { name: "protobuf-node" } });
  const pod = { metadata: { name: "p" }, spec: { containers: CONTAINERS } };
  assert.equal((await send("POST", core("pods"), KINDS.Pod, pod)).status, 201);
  const target = { kind: "Node", name: "protobuf-node" };
  const bound = await send("POST", core("pods/p/binding"), BINDING, { metadata: { name: "p" }, target });
  assert.equal(bound.status, 201, bound.text);
  assert.equal((await client.get(core("pods/p"))).body.spec.nodeName, "protobuf-node");
  const deleteOptions = { gracePeriodSeconds: 0, dryRun: ["All"] };
  const evict = (options: object) =>
    send("POST", core("pods/p/eviction"), EVICTION, { metadata: { name: "p" }, deleteOptions: options });
  assert.equal((await evict(deleteOptions)).status, 201);
  assert.equal((await client.get(core("pods/p"))).status, 200);
  assert.equal((await evict({ gracePeriodSeconds: 0 })).status, 201);
  assert.equal((await client.get(core("pods/p"))).status, 404);

  const spec = {
    replicas: 1,
    selector: { matchLabels: LABELS },
    template: { metadata: { labels: LABELS }, spec: pod.spec },
  };
  await client.post(apps("deployments"), { metadata: { name: "web" }, spec });
  const scaled = await send("PUT", apps("deployments/web/scale"), SCALE, {
    metadata: { name: "web" },
    spec: { replicas: 3 },
  });
  assert.deepEqual([scaled.status, scaled.body.spec.replicas], [200, 3], scaled.text);
  await client.post(core("serviceaccounts"), { metadata: { name: "bot" } });
  const token = await send("POST", core("serviceaccounts/bot/token"), TOKEN_REQUEST, {
    spec: { expirationSeconds: 900 },
  });
  assert.deepEqual([token.status, token.body.spec.expirationSeconds], [201, 900], token.text);
});

test("options of a deletion are read", async () => {
  const { client } = held;
  const { core, apps } = await newNamespace(client);
  const remove = (path: string, options: object) => send("DELETE", path, DELETE_OPTIONS, options);
  await client.post(core("configmaps"), { metadata: { name: "c" } });
  assert.equal((await remove(core("configmaps/c"), { dryRun: ["All"] })).status, 200);
  assert.equal((await remove(core("configmaps/c"), { preconditions: { uid: "other" } })).status, 409);
  const wrong = await remove(core("configmaps/c"), { propagationPolicy: "Sideways" });
  assert.deepEqual([wrong.status, wrong.body.reason], [422, "Invalid"]);
  assert.equal((await remove(core("configmaps/c"), {})).status, 200);
  assert.equal((await client.get(core("configmaps/c"))).status, 404);
  const spec = {
    selector: { matchLabels: LABELS },
    template: { metadata: { labels: LABELS }, spec: { containers: CONTAINERS } },
  };
  await client.post(apps("deployments"), { metadata: { name: "web" }, spec });
  await remove(apps("deployments/web"), { propagationPolicy: "Foreground" });
  assert.deepEqual((await client.get(apps("deployments/web"))).body.metadata.finalizers, [
    "foregroundDeletion",
  ]);
  // a body of no bytes is none
  await client.post(core("configmaps"), { metadata: { name: "d" } });
  assert.equal((await client.call("DELETE", core("configmaps/d"), { body: "", type: TYPE })).status, 200);
});

test("Events come under both groups' names", async () => {
  const { name, core } = await newNamespace(held.client);
  const about = { kind: "Pod", namespace: name, name: "p", apiVersion: "v1" };
  const old = {
    metadata: { name: "old", namespace: name },
    involvedObject: about,
    reason: "r",
    type: "Normal",
    count: 1,
  };
  assert.equal((await send("POST", core("events"), KINDS.Event, old)).status, 201);
  const fresh = {
    metadata: { name: "new", namespace: name },
    eventTime: "2026-01-02T03:04:05.000678Z",
    ...{
      reportingController: "c",
      reportingInstance: "i",
      action: "a",
      reason: "r",
      type: "Warning",
      regarding: about,
    },
  };
  const path = `/apis/events.k8s.io/v1/namespaces/${name}/events`;
  const made = await send("POST", path, KINDS.ReportedEvent, fresh);
  assert.deepEqual([made.status, made.body.eventTime], [201, fresh.eventTime], made.text);
  assert.equal((await held.client.get(core("events/new"))).body.involvedObject.name, "p");
});

test("definitions come with their schemas; their resources have no form in protobuf", async () => {
  const { client } = held;
  const recorded = JSON.parse(readFileSync(new URL("../oracle/protobuf.json", import.meta.url), "utf8")) as {
    bytes: string;
    object: { kind: string };
  }[];
  const { bytes } = recorded.find(({ object }) => object.kind === "CustomResourceDefinition")!;
  const body = Buffer.from(bytes, "base64");
  const root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const made = await client.post(root, body, { type: TYPE });
  assert.equal(made.status, 201, made.text);
  const properties = made.body.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties;
  assert.deepEqual(properties.b.additionalProperties, { type: "string" });
  assert.equal(properties.c.additionalProperties, true);
  const things = "/apis/example.com/v1/namespaces/default/things";
  const thing = await client.post(things, envelope("example.com/v1", "Thing", field(1, "")), { type: TYPE });
  assert.deepEqual([thing.status, thing.body.reason], [415, "UnsupportedMediaType"]);
  assert.match(thing.body.message, /accepted media types include: application\/json, application\/yaml$/);
  await client.post(things, {
    apiVersion: "example.com/v1",
    kind: "Thing",
    metadata: { name: "t" },
    spec: { a: 1 },
  });
  assert.equal((await send("DELETE", `${things}/t`, DELETE_OPTIONS, {})).status, 200);
});

test("unknown fields are passed over also where fieldValidation is Strict", async () => {
  const { core } = await newNamespace(held.client);
  const raw = Buffer.concat([field(1, field(1, "c")), field(77, "new")]);
  const path = `${core("configmaps")}?fieldValidation=Strict`;
  const made = await held.client.post(path, envelope("v1", "ConfigMap", raw), { type: TYPE });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.warning, undefined);
});

test("bytes that are no object, and objects of other kinds, are refused; the server goes on", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const post = (body: Buffer) => client.post(core("configmaps"), body, { type: TYPE });
  const cut = encodeObject(KINDS.ConfigMap, { metadata: { name: "c" }, data: { a: "1" } });
  for (let length = 0; length < cut.length - 4; length++) {
    const answer = await post(cut.subarray(0, length));
    assert.ok([400, 422].includes(answer.status), `${length}: ${answer.text}`);
  }
  const other = await post(encodeObject(KINDS.Secret, { metadata: { name: "s" } }));
  assert.match(other.body.message, /^Secret in version "v1" cannot be handled as a ConfigMap: /);
  assert.equal((await post(envelope("v1", "ConfigMap", Buffer.alloc(4 * 1024 * 1024)))).status, 413);
  const only = await client.call("GET", core("configmaps"), { accept: TYPE });
  assert.equal(only.status, 406);
  assert.equal((await client.get("/readyz")).text, "ok");
});
