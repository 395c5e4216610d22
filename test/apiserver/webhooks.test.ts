import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { WebhookTransport } from "../../src/apiserver/admission/transport.ts";
import { keyOf } from "../../src/apiserver/registry/keys.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { AnyObject } from "../../src/objects/types.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { newNamespace, useServer } from "./harness.ts";
import { patchOf, startWebhook, type TestWebhook } from "./webhook-server.ts";

const ROOT = "/apis/admissionregistration.k8s.io/v1";
const held = useServer();
let hook: TestWebhook;

before(async () => {
  hook = await startWebhook();
});
after(() => hook.close());
afterEach(async () => {
  await held.client.delete(`${ROOT}/mutatingwebhookconfigurations`);
  await held.client.delete(`${ROOT}/validatingwebhookconfigurations`);
  hook.asked.length = 0;
  hook.reply = () => ({ allowed: true });
});

function rule(operations: string[], resources = ["configmaps"], more: object = {}): object {
  return { operations, apiGroups: ["*"], apiVersions: ["*"], resources, ...more };
}

function webhook(name: string, rules: object[], more: object = {}): object {
  return {
    name: `${name}.test.dev`,
    clientConfig: { url: hook.url(`/${name}`), caBundle: hook.caBundle },
    rules,
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    timeoutSeconds: 30,
    ...more,
  };
}

async function register(type: "Mutating" | "Validating", ...webhooks: object[]): Promise<AnyObject> {
  const plural = `${type.toLowerCase()}webhookconfigurations`;
  const body = { metadata: { name: `test-${type.toLowerCase()}` }, webhooks };
  const answer = await held.client.post(`${ROOT}/${plural}`, body);
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

const config = (name: string, more: object = {}): object => ({
  metadata: { name, ...more },
  data: { a: "1" },
});

test("a configuration gets its defaults, and what it may not say is refused", async () => {
  const { webhooks, metadata } = await register("Mutating", {
    ...webhook("defaults", [rule(["CREATE"])]),
    timeoutSeconds: undefined,
  });
  const [first] = webhooks;
  assert.deepEqual(
    [
      first.failurePolicy,
      first.matchPolicy,
      first.timeoutSeconds,
      first.reinvocationPolicy,
      first.rules[0].scope,
    ],
    ["Fail", "Equivalent", 10, "Never", "*"],
  );
  assert.deepEqual([first.namespaceSelector, first.objectSelector, metadata.generation], [{}, {}, 1]);
  const bad = await held.client.post(`${ROOT}/validatingwebhookconfigurations`, {
    metadata: { name: "bad" },
    webhooks: [
      {
        name: "short",
        clientConfig: {},
        sideEffects: "Some",
        admissionReviewVersions: ["v9"],
        timeoutSeconds: 31,
      },
    ],
  });
  assert.equal(bad.status, 422);
  const fields = bad.body.details.causes.map(({ field }: { field: string }) => field);
  assert.deepEqual(fields, [
    "webhooks[0].name",
    "webhooks[0].admissionReviewVersions",
    "webhooks[0].sideEffects",
    "webhooks[0].timeoutSeconds",
    "webhooks[0].clientConfig",
  ]);
});

test("a mutating webhook changes what is created, and is told who creates what", async () => {
  const { name, core } = await newNamespace(held.client);
  await register("Mutating", webhook("adds", [rule(["CREATE"])]));
  hook.reply = () => ({
    ...patchOf({ op: "add", path: "/metadata/labels", value: { seen: "yes" } }),
    warnings: ["you were changed"],
  });
  const answer = await held.client.post(core("configmaps"), config("one"));
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(answer.body.metadata.labels, { seen: "yes" });
  assert.match(String(answer.headers["warning"]), /299 - "you were changed"/);
  const [asked] = hook.asked;
  const gvk = { group: "", version: "v1", kind: "ConfigMap" };
  assert.deepEqual([asked.kind, asked.requestKind, asked.operation], [gvk, gvk, "CREATE"]);
  assert.deepEqual(asked.resource, { group: "", version: "v1", resource: "configmaps" });
  assert.deepEqual([asked.name, asked.namespace, asked.dryRun, asked.oldObject], ["one", name, false, null]);
  assert.equal(asked.userInfo.username, "tandem-admin");
  assert.deepEqual(
    [asked.object.kind, asked.object.apiVersion, asked.object.data],
    ["ConfigMap", "v1", { a: "1" }],
  );
  assert.equal(asked.options.kind, "CreateOptions");
  const stored = await held.client.get(`${core("configmaps")}/one`);
  assert.equal(stored.body.metadata.labels.seen, "yes");
});

test("denials have the real server's words and codes", async () => {
  const { core } = await newNamespace(held.client);
  await register("Validating", webhook("no", [rule(["*"])]));
  const said: [object, number, string][] = [
    [
      { allowed: false, status: { message: "not on Mondays", code: 403, reason: "Forbidden" } },
      403,
      ": not on Mondays",
    ],
    [{ allowed: false, status: { reason: "Conflict" } }, 400, ": Conflict"],
    [{ allowed: false }, 400, " without explanation"],
  ];
  for (const [reply, code, text] of said) {
    hook.reply = () => reply;
    const answer = await held.client.post(core("configmaps"), config("denied"));
    assert.equal(answer.status, code, answer.text);
    assert.equal(answer.body.message, `admission webhook "no.test.dev" denied the request${text}`);
  }
  assert.equal((await held.client.get(`${core("configmaps")}/denied`)).status, 404);
});

test("validating webhooks see what is going to be stored, and only what is valid", async () => {
  const { core } = await newNamespace(held.client);
  await register("Validating", webhook("look", [rule(["CREATE"], ["services"])]));
  const spec = { ipFamilyPolicy: "RequireDualStack", ports: [{ port: 80 }] };
  const bad = await held.client.post(core("services"), {
    metadata: { name: "bad" },
    spec: { ports: [{ port: 0 }] },
  });
  assert.equal(bad.status, 422);
  assert.equal(hook.asked.length, 0);
  const good = await held.client.post(core("services"), { metadata: { generateName: "s-" }, spec });
  assert.equal(good.status, 201, good.text);
  const [asked] = hook.asked;
  assert.equal(asked.object.spec.clusterIPs.length, 2);
  assert.equal(asked.name, good.body.metadata.name);
});

test("updates, patches, applies and deletions are asked about with the old object", async () => {
  const { core } = await newNamespace(held.client);
  const path = `${core("configmaps")}/one`;
  await held.client.post(core("configmaps"), config("one"));
  await register("Mutating", webhook("touch", [rule(["UPDATE"])]));
  await register("Validating", webhook("ask", [rule(["UPDATE", "DELETE"])]));
  hook.reply = (_request, url) =>
    url.startsWith("/touch") ? patchOf({ op: "add", path: "/data/touched", value: "1" }) : { allowed: true };
  const patched = await held.client.patch(path, { data: { b: "2" } });
  assert.deepEqual(patched.body.data, { a: "1", b: "2", touched: "1" });
  assert.deepEqual(
    hook.asked.map(({ operation }) => operation),
    ["UPDATE", "UPDATE"],
  );
  assert.deepEqual(hook.asked[1].oldObject.data, { a: "1" });
  assert.deepEqual(hook.asked[1].object.data, { a: "1", b: "2", touched: "1" });
  const put = await held.client.put(path, config("one"));
  assert.deepEqual(put.body.data, { a: "1", touched: "1" });
  hook.reply = ({ operation }) => ({ allowed: operation !== "DELETE" });
  const kept = await held.client.delete(path);
  assert.equal(kept.body.message, 'admission webhook "ask.test.dev" denied the request without explanation');
  const last = hook.asked.at(-1);
  assert.deepEqual([last.object, last.oldObject.data], [null, { a: "1", touched: "1" }]);
  hook.reply = () => ({ allowed: true });
  assert.equal((await held.client.delete(path)).status, 200);
});

test("an apply that creates is a creation, with its field's owner", async () => {
  const { core } = await newNamespace(held.client);
  await register("Mutating", webhook("apply", [rule(["CREATE", "UPDATE"])]));
  const body = JSON.stringify({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "one" },
    data: { a: "1" },
  });
  const path = `${core("configmaps")}/one?fieldManager=me`;
  const answer = await held.client.call("PATCH", path, { body, type: "application/apply-patch+yaml" });
  assert.equal(answer.status, 201, answer.text);
  const again = await held.client.call("PATCH", path, { body, type: "application/apply-patch+yaml" });
  assert.equal(again.status, 200, again.text);
  assert.deepEqual(
    hook.asked.map(({ operation }) => operation),
    ["CREATE", "UPDATE"],
  );
  assert.equal(again.body.metadata.managedFields[0].manager, "me");
});

test("an update made while webhooks were asked is not lost", async () => {
  const { core } = await newNamespace(held.client);
  const path = `${core("configmaps")}/one`;
  await held.client.post(core("configmaps"), config("one"));
  await register(
    "Mutating",
    webhook("slow", [rule(["UPDATE"])], { objectSelector: { matchLabels: { slow: "yes" } } }),
  );
  let interfered = false;
  hook.reply = async () => {
    if (!interfered) {
      interfered = true;
      await held.client.patch(path, { data: { other: "1" } });
    }
    return { allowed: true };
  };
  const one = await held.client.patch(path, { metadata: { labels: { slow: "yes" } } });
  assert.equal(hook.asked.length, 2);
  assert.equal(hook.asked[1].oldObject.data.other, "1");
  assert.equal(one.status, 200, one.text);
  const { body } = await held.client.get(path);
  assert.deepEqual([body.data, body.metadata.labels], [{ a: "1", other: "1" }, { slow: "yes" }]);
});

test("selectors of namespaces and objects, scopes, subresources and conditions choose", async () => {
  const { name, core } = await newNamespace(held.client);
  await held.client.patch(`/api/v1/namespaces/${name}`, { metadata: { labels: { team: "a" } } });
  const all = [rule(["CREATE"])];
  await register(
    "Mutating",
    webhook("ns-yes", all, { namespaceSelector: { matchLabels: { team: "a" } } }),
    webhook("ns-no", all, { namespaceSelector: { matchLabels: { team: "b" } } }),
    webhook("object-yes", all, { objectSelector: { matchLabels: { app: "x" } } }),
    webhook("object-no", all, {
      objectSelector: { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] },
    }),
    webhook("scope-no", [rule(["CREATE"], ["*"], { scope: "Cluster" })]),
    webhook("sub-no", [rule(["CREATE"], ["configmaps/status"])]),
    webhook("cel-yes", all, {
      matchConditions: [
        { name: "labels", expression: "object.metadata.labels.app == 'x' && request.operation == 'CREATE'" },
      ],
    }),
    webhook("cel-no", all, { matchConditions: [{ name: "none", expression: "object.data.a == '2'" }] }),
  );
  const paths: string[] = [];
  hook.reply = (_request, url) => {
    paths.push(url.split("?")[0] ?? "");
    return { allowed: true };
  };
  const made = await held.client.post(core("configmaps"), config("one", { labels: { app: "x" } }));
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(paths, ["/ns-yes", "/object-yes", "/cel-yes"]);
});

test("a condition that fails refuses or is passed over, as the policy says", async () => {
  const { core } = await newNamespace(held.client);
  const matchConditions = [{ name: "bad", expression: "object.data.missing == '1'" }];
  await register(
    "Mutating",
    webhook("ignored", [rule(["CREATE"])], { matchConditions, failurePolicy: "Ignore" }),
  );
  assert.equal((await held.client.post(core("configmaps"), config("one"))).status, 201);
  await register("Validating", webhook("failing", [rule(["CREATE"])], { matchConditions }));
  const answer = await held.client.post(core("configmaps"), config("two"));
  assert.equal(answer.status, 403);
  assert.match(
    answer.body.message,
    /^configmaps "two" is forbidden: match condition "bad": no such key: missing/,
  );
  assert.equal(hook.asked.length, 0);
});

test("a webhook that cannot be asked fails the request, or is ignored", async () => {
  const { core } = await newNamespace(held.client);
  const gone = { url: "https://127.0.0.1:1/gone", caBundle: hook.caBundle };
  await register("Mutating", webhook("gone", [rule(["CREATE"])], { clientConfig: gone }));
  const answer = await held.client.post(core("configmaps"), config("one"));
  assert.equal(answer.status, 500);
  const why =
    'Post "https://127.0.0.1:1/gone?timeout=30s": dial tcp 127.0.0.1:1: connect: connection refused';
  const text = `Internal error occurred: failed calling webhook "gone.test.dev": failed to call webhook: ${why}`;
  assert.equal(answer.body.message, text);
  await held.client.delete(`${ROOT}/mutatingwebhookconfigurations/test-mutating`);
  await register(
    "Mutating",
    webhook("gone", [rule(["CREATE"])], { clientConfig: gone, failurePolicy: "Ignore" }),
  );
  assert.equal((await held.client.post(core("configmaps"), config("one"))).status, 201);
});

test("a kept connection that the webhook closes as it is asked is no failure, a new one is", async () => {
  const { core } = await newNamespace(held.client);
  await register("Validating", webhook("brief", [rule(["CREATE"])]));
  const create = async (name: string) => (await held.client.post(core("configmaps"), config(name))).status;
  assert.equal(await create("one"), 201);
  hook.reply = () => (hook.asked.length === 2 ? "close" : { allowed: true });
  assert.equal(await create("two"), 201);
  assert.equal(hook.asked.length, 3);
  hook.reply = () => "close";
  assert.equal(await create("three"), 500);
});

test("an answer that comes too late or is none counts as a failure", async () => {
  const { core } = await newNamespace(held.client);
  await register(
    "Validating",
    webhook("late", [rule(["CREATE"], ["configmaps"])], { timeoutSeconds: 1 }),
    webhook("odd", [rule(["CREATE"], ["serviceaccounts"])]),
  );
  hook.reply = () => "hang";
  const late = await held.client.post(core("configmaps"), config("one"));
  assert.equal(late.status, 500);
  assert.match(late.body.message, /Post ".*\/late\?timeout=1s": context deadline exceeded/);
  const answers: [ReturnType<TestWebhook["reply"]>, RegExp][] = [
    [{ raw: "hello" }, /couldn't get version\/kind/],
    [
      { raw: '{"apiVersion":"v1","kind":"Pod"}' },
      /expected webhook response of admission.k8s.io\/v1, Kind=AdmissionReview/,
    ],
    [{ uid: "other", allowed: true }, /expected response.uid=".*", got "other"/],
    [patchOf({ op: "remove", path: "/data" }), /response\.patch/],
  ];
  for (const [reply, expected] of answers) {
    hook.reply = () => reply;
    const answer = await held.client.post(core("serviceaccounts"), { metadata: { name: "one" } });
    assert.equal(answer.status, 500);
    assert.match(answer.body.message, expected);
  }
});

test("a patch that does not fit the object or its kind is refused", async () => {
  const { name, core } = await newNamespace(held.client);
  await register("Mutating", webhook("bad", [rule(["CREATE"])]));
  for (const operation of [
    { op: "remove", path: "/nowhere/at/all" },
    { op: "replace", path: "/data", value: 5 },
  ]) {
    hook.reply = () => patchOf(operation);
    assert.equal((await held.client.post(core("configmaps"), config("one"))).status, 500);
  }
  hook.reply = () => patchOf({ op: "replace", path: "/metadata/namespace", value: "other" });
  const moved = await held.client.post(core("configmaps"), config("one"));
  assert.equal(moved.status, 400, `${name}: ${moved.text}`);
});

test("a dry run asks, says so, and stores nothing", async () => {
  const { core } = await newNamespace(held.client);
  await register("Mutating", webhook("dry", [rule(["CREATE"])]));
  hook.reply = () => patchOf({ op: "add", path: "/data/b", value: "2" });
  const answer = await held.client.post(`${core("configmaps")}?dryRun=All`, config("one"));
  assert.deepEqual([answer.status, answer.body.data], [201, { a: "1", b: "2" }]);
  assert.equal(hook.asked[0].dryRun, true);
  assert.equal((await held.client.get(`${core("configmaps")}/one`)).status, 404);
});

test("a webhook that wants to see later changes is asked once more", async () => {
  const { core } = await newNamespace(held.client);
  await register(
    "Mutating",
    webhook("first", [rule(["CREATE"])], { reinvocationPolicy: "IfNeeded" }),
    webhook("never", [rule(["CREATE"])]),
    webhook("second", [rule(["CREATE"])], { reinvocationPolicy: "IfNeeded" }),
  );
  const paths: string[] = [];
  hook.reply = (_request, url) => {
    const path = url.split("?")[0] ?? "";
    paths.push(path);
    return path === "/second" ? patchOf({ op: "add", path: "/data/b", value: "2" }) : { allowed: true };
  };
  assert.equal((await held.client.post(core("configmaps"), config("one"))).status, 201);
  assert.deepEqual(paths, ["/first", "/never", "/second", "/first"]);
});

test("configurations of webhooks are never asked about, and count no longer once they are gone", async () => {
  const { core } = await newNamespace(held.client);
  await register("Validating", webhook("all", [rule(["*"], ["*/*"])]));
  hook.reply = () => ({ allowed: false });
  assert.equal((await held.client.post(core("configmaps"), config("one"))).status, 400);
  const gone = await held.client.delete(`${ROOT}/validatingwebhookconfigurations/test-validating`);
  assert.equal(gone.status, 200, gone.text);
  assert.equal((await held.client.post(core("configmaps"), config("one"))).status, 201);
});

test("a webhook that is a Service is reached at its endpoints, by its name", async () => {
  const store = createMemoryStore();
  const service = { spec: { ipFamilies: ["IPv4", "IPv6"], ports: [{ name: "https", port: 443 }] } };
  // no listener at the first address, nor anything that is not ready
  const endpoints = [
    { addresses: ["127.0.0.3"], conditions: { ready: false } },
    { addresses: ["127.0.0.2"] },
    { addresses: ["127.0.0.1"] },
  ];
  const slice = {
    metadata: { labels: { "kubernetes.io/service-name": "hook" } },
    ...{ addressType: "IPv4", endpoints, ports: [{ name: "https", port: hook.port }] },
  };
  await store.transact((tx) => {
    tx.put(keyOf(KINDS.Service, "default", "hook"), JSON.stringify(service));
    tx.put(keyOf(KINDS.EndpointSlice, "default", "hook-1"), JSON.stringify(slice));
  });
  const closing = new AbortController();
  const transport = new WebhookTransport(store, closing.signal);
  const config = { service: { namespace: "default", name: "hook", path: "/svc" }, caBundle: hook.caBundle };
  const paths: string[] = [];
  hook.reply = (_request, path) => {
    paths.push(path);
    return { allowed: true };
  };
  const body = JSON.stringify({ request: { uid: "1" } });
  assert.match(await transport.post(config, body, 30, closing.signal), /"allowed":true/);
  assert.deepEqual(paths, ["/svc?timeout=30s"]);
  const other = { ...config, service: { ...config.service, port: 8443 } };
  await assert.rejects(
    transport.post(other, body, 30, closing.signal),
    /no service port 8443 found for service "hook"/,
  );
  closing.abort();
  await store.close();
});

const POD = { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "x" }] } };

test("bindings and evictions are creations that can be denied", async () => {
  const { core } = await newNamespace(held.client);
  await held.client.post(core("pods"), POD);
  await register("Validating", webhook("sub", [rule(["CREATE"], ["pods/binding", "pods/eviction"])]));
  hook.reply = () => ({ allowed: false });
  const denial = 'admission webhook "sub.test.dev" denied the request without explanation';
  const bound = await held.client.post(`${core("pods")}/p/binding`, { target: { kind: "Node", name: "n" } });
  const evicted = await held.client.post(`${core("pods")}/p/eviction`, { metadata: { name: "p" } });
  assert.deepEqual([bound.body.message, evicted.body.message], [denial, denial]);
  const [binding, eviction] = hook.asked;
  assert.deepEqual(
    [binding.subResource, binding.kind, binding.object.target.name, binding.name],
    ["binding", { group: "", version: "v1", kind: "Binding" }, "n", "p"],
  );
  assert.deepEqual(
    [eviction.subResource, eviction.kind],
    ["eviction", { group: "policy", version: "v1", kind: "Eviction" }],
  );
  hook.reply = () => ({ allowed: true });
  assert.equal(
    (await held.client.post(`${core("pods")}/p/eviction`, { metadata: { name: "p" } })).status,
    201,
  );
});

test("a mutating webhook can change how far a workload is scaled", async () => {
  const { apps } = await newNamespace(held.client);
  const labels = { app: "x" };
  const template = { metadata: { labels }, spec: POD.spec };
  const spec = { replicas: 1, selector: { matchLabels: labels }, template };
  assert.equal((await held.client.post(apps("deployments"), { metadata: { name: "d" }, spec })).status, 201);
  await register("Mutating", webhook("limit", [rule(["UPDATE"], ["deployments/scale"])]));
  hook.reply = () => patchOf({ op: "replace", path: "/spec/replicas", value: 3 });
  const scaled = await held.client.patch(`${apps("deployments")}/d/scale`, { spec: { replicas: 9 } });
  assert.deepEqual([scaled.status, scaled.body.spec.replicas], [200, 3], scaled.text);
  const [asked] = hook.asked;
  assert.deepEqual([asked.object.spec.replicas, asked.oldObject.spec.replicas], [9, 1]);
  assert.deepEqual(asked.kind, { group: "autoscaling", version: "v1", kind: "Scale" });
});

test("a connection to a pod is asked about with its options", async () => {
  const { core } = await newNamespace(held.client);
  await held.client.post(core("pods"), POD);
  await register("Validating", webhook("connect", [rule(["CONNECT"], ["pods/exec"])]));
  hook.reply = () => ({ allowed: false, status: { message: "not here", code: 403 } });
  const headers = { connection: "Upgrade", upgrade: "SPDY/3.1" };
  const query = "command=sh&command=-c&stdin=true&tty=false&container=c";
  const answer = await held.client.call("POST", `${core("pods")}/p/exec?${query}`, { headers });
  assert.deepEqual(
    [answer.status, answer.body.message],
    [403, 'admission webhook "connect.test.dev" denied the request: not here'],
  );
  const [asked] = hook.asked;
  const options = {
    apiVersion: "v1",
    kind: "PodExecOptions",
    stdin: true,
    container: "c",
    command: ["sh", "-c"],
  };
  assert.deepEqual([asked.operation, asked.subResource, asked.object], ["CONNECT", "exec", options]);
});
