import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { CallOptions, TestClient } from "../harness.ts";
import { newNamespace, useServer } from "../harness.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-auth-"));
const tokenAuthFile = join(folder, "tokens.csv");
writeFileSync(tokenAuthFile, 'bob-token,bob,7,"devs"\neve-token,eve,8\n');
const held = useServer({ tokenAuthFile });
test.after(() => rmSync(folder, { recursive: true, force: true }));

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const bob: CallOptions = { token: "bob-token" };

function roles(namespace: string, kind = "roles"): string {
  return `${RBAC}/namespaces/${namespace}/${kind}`;
}

function binding(name: string, role: string, subject: object, kind = "Role"): object {
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name: role };
  return { metadata: { name }, roleRef, subjects: [subject] };
}

const BOB = { kind: "User", name: "bob" };

async function grant(
  client: TestClient,
  namespace: string,
  rules: object[],
  subject: object = BOB,
): Promise<void> {
  assert.equal((await client.post(roles(namespace), { metadata: { name: "r" }, rules })).status, 201);
  assert.equal((await client.post(roles(namespace, "rolebindings"), binding("b", "r", subject))).status, 201);
}

/** A ServiceAccount and a token for it. */
async function account(client: TestClient, core: (plural: string) => string, name: string): Promise<string> {
  assert.equal((await client.post(core("serviceaccounts"), { metadata: { name } })).status, 201);
  const answer = await client.post(`${core("serviceaccounts")}/${name}/token`, {});
  assert.equal(answer.status, 201, answer.text);
  return answer.body.status.token;
}

test("users may do what their roles say, from the moment on that these are written", async () => {
  const { client } = held;
  const { name, core } = await newNamespace(client);
  const refused = await client.get(core("pods"), bob);
  assert.equal(refused.status, 403);
  assert.deepEqual(refused.body, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "${name}"`,
    reason: "Forbidden",
    details: { kind: "pods" },
    code: 403,
  });
  await grant(client, name, [
    { apiGroups: [""], resources: ["pods", "configmaps"], verbs: ["get", "list"] },
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["mine"], verbs: ["get"] },
    { apiGroups: ["apps"], resources: ["*/scale"], verbs: ["get"] },
  ]);
  const expected: readonly (readonly [method: string, path: string, status: number])[] = [
    ["GET", core("pods"), 200],
    ["GET", `${core("configmaps")}/none`, 404],
    ["GET", `${core("pods")}?watch=true&timeoutSeconds=1`, 403],
    ["DELETE", `${core("pods")}/x`, 403],
    ["GET", `${core("secrets")}/mine`, 404],
    ["GET", `${core("secrets")}/other`, 403],
    ["GET", core("secrets"), 403],
    ["GET", `${core("pods")}/x/log`, 403],
    ["GET", `/apis/apps/v1/namespaces/${name}/deployments/d/scale`, 404],
    ["GET", `/apis/apps/v1/namespaces/${name}/deployments/d`, 403],
    ["GET", "/api/v1/pods", 403],
    ["GET", "/api/v1/namespaces/default/pods", 403],
    ["GET", `/api/v1/namespaces/${name}`, 403],
    ["GET", "/apis", 200],
    ["GET", "/openapi/v3", 200],
    ["GET", "/metrics", 403],
  ];
  for (const [method, path, status] of expected) {
    assert.equal((await client.call(method, path, bob)).status, status, `${method} ${path}`);
  }
  assert.equal((await client.delete(`${roles(name, "rolebindings")}/b`)).status, 200);
  assert.equal((await client.get(core("pods"), bob)).status, 403);
});

test("refusals name the object, the group and the cluster scope", async () => {
  const { client } = held;
  const cases: readonly (readonly [string, string])[] = [
    [
      "/apis/apps/v1/namespaces/default/deployments/web",
      'deployments.apps "web" is forbidden: User "bob" cannot get resource "deployments" in API group "apps" ' +
        'in the namespace "default"',
    ],
    [
      "/api/v1/nodes",
      'nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" at the cluster scope',
    ],
    [
      "/api/v1/namespaces/default",
      'namespaces "default" is forbidden: User "bob" cannot get resource "namespaces" in API group "" ' +
        'in the namespace "default"',
    ],
    ["/logs/%3Cb%3E", 'forbidden: User "bob" cannot get path "/logs/%3Cb%3E"'],
  ];
  for (const [path, message] of cases) assert.equal((await client.get(path, bob)).body.message, message);
});

test("the token of a ServiceAccount is its own until it is gone", async () => {
  const { client } = held;
  const { name, core } = await newNamespace(client);
  const token = await account(client, core, "bot");
  const subject = { kind: "ServiceAccount", name: "bot" };
  await grant(client, name, [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }], subject);
  assert.equal((await client.get(core("pods"), { token })).status, 200);
  const review = await client.post("/apis/authentication.k8s.io/v1/tokenreviews", { spec: { token } });
  assert.equal(review.status, 201);
  assert.equal(review.body.status.authenticated, true);
  assert.equal(review.body.status.user.username, `system:serviceaccount:${name}:bot`);
  assert.deepEqual(review.body.status.audiences, ["https://kubernetes.default.svc.cluster.local"]);
  const self = await client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, { token });
  assert.deepEqual(self.body.status.userInfo, review.body.status.user);

  await client.delete(`${core("serviceaccounts")}/bot`);
  assert.equal((await client.get(core("pods"), { token })).status, 401);
  const after = await client.post("/apis/authentication.k8s.io/v1/tokenreviews", { spec: { token } });
  assert.deepEqual(after.body.status, {
    error: '[invalid bearer token, serviceaccounts "bot" not found]',
    user: {},
  });
});

test("others can check tokens by the issuer's public key", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  const token = await account(client, core, "bot");
  const configuration = await client.get("/.well-known/openid-configuration", { token });
  assert.equal(configuration.body.issuer, "https://kubernetes.default.svc.cluster.local");
  const url = new URL(configuration.body.jwks_uri);
  assert.equal(`https://${url.host}`, client.server.urls[0]);
  const { keys } = (await client.get(url.pathname, { token })).body;
  assert.equal(keys.length, 1);
  assert.equal("d" in keys[0], false);
  const [head, body, signature] = token.split(".") as [string, string, string];
  assert.equal(JSON.parse(Buffer.from(head, "base64url").toString()).kid, keys[0].kid);
  const key = { key: createPublicKey({ key: keys[0], format: "jwk" }), dsaEncoding: "ieee-p1363" } as const;
  assert.ok(verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url")));
  assert.equal((await client.get(url.pathname, bob)).status, 403);
});

test("tokens are bound to pods, for as long as these are", async () => {
  const { client } = held;
  const { core } = await newNamespace(client);
  await account(client, core, "bot");
  const containers = [{ name: "a", image: "a" }];
  const pod = { metadata: { name: "web" }, spec: { containers, serviceAccountName: "bot" } };
  const { uid } = (await client.post(core("pods"), pod)).body.metadata;
  const ask = (boundObjectRef: object, more: object = {}, of = "bot") =>
    client.post(`${core("serviceaccounts")}/${of}/token`, { spec: { boundObjectRef, ...more } });
  const ref = { apiVersion: "v1", kind: "Pod", name: "web", uid };
  const good = await ask(ref, { expirationSeconds: 3607 });
  assert.equal(good.status, 201, good.text);
  assert.equal(good.body.spec.expirationSeconds, 3607);
  const claims = JSON.parse(Buffer.from(good.body.status.token.split(".")[1], "base64url").toString());
  assert.deepEqual(claims["kubernetes.io"].pod, { name: "web", uid });
  assert.equal(claims.exp - claims.iat, 365 * 24 * 3600);
  assert.equal(claims["kubernetes.io"].warnafter - claims.iat, 3607);
  const { token } = good.body.status;
  assert.equal((await client.get("/api", { token })).status, 200);

  assert.equal((await ask({ ...ref, uid: "other" })).status, 409);
  assert.equal((await ask({ ...ref, name: "none" })).status, 404);
  const unknown = await ask({ apiVersion: "apps/v1", kind: "Deployment", name: "web" });
  assert.equal(unknown.body.message, "cannot bind token to object of type apps/v1, Kind=Deployment");
  await client.post(core("serviceaccounts"), { metadata: { name: "else" } });
  assert.equal(
    (await ask(ref, {}, "else")).body.message,
    'cannot bind token for serviceaccount "else" to pod running with different serviceaccount name.',
  );
  const short = await ask(ref, { expirationSeconds: 599 });
  assert.equal(short.status, 422);
  assert.equal(
    short.body.message,
    'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: ' +
      "may not specify a duration less than 10 minutes",
  );
  await client.delete(`${core("pods")}/web`);
  assert.equal((await client.get("/api", { token })).status, 401);
});

test("nobody grants more than they have", async () => {
  const { client } = held;
  const { name } = await newNamespace(client);
  const rules = [
    {
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["roles", "rolebindings"],
      verbs: ["create", "get", "update", "patch"],
    },
    { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
  ];
  await grant(client, name, rules);
  const role = (own: string, verbs: string[], resource = "pods") => ({
    metadata: { name: own },
    rules: [{ apiGroups: [""], resources: [resource], verbs }],
  });
  const call = (method: string, path: string, body: object, type = "application/json") =>
    client.call(method, path, { ...bob, body, type });

  assert.equal((await call("POST", roles(name), role("less", ["get"]))).status, 201);
  const more = await call("POST", roles(name), role("more", ["delete", "get"]));
  assert.equal(more.status, 403);
  assert.equal(
    more.body.message,
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "bob" (groups=["devs" "system:authenticated"]) is ' +
      'attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
  );
  const widened = { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] };
  const merge = "application/merge-patch+json";
  assert.equal((await call("PATCH", `${roles(name)}/less`, widened, merge)).status, 403);
  assert.equal((await call("PUT", `${roles(name)}/less`, role("less", ["*"]))).status, 403);
  const applied = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", ...role("less", ["*"]) };
  const apply = `${roles(name)}/less?fieldManager=x&force=true`;
  assert.equal((await call("PATCH", apply, applied, "application/apply-patch+yaml")).status, 403);
  assert.equal((await call("PUT", `${roles(name)}/new`, role("new", ["*"]))).status, 403);
  const labelled = { metadata: { finalizers: ["a.example/x"] } };
  assert.equal((await call("PATCH", `${roles(name)}/less`, labelled, merge)).status, 200);

  const bindings = roles(name, "rolebindings");
  assert.equal((await call("POST", bindings, binding("x", "less", BOB))).status, 201);
  assert.equal((await call("POST", bindings, binding("y", "cluster-admin", BOB, "ClusterRole"))).status, 403);
  const missing = await call("POST", bindings, binding("z", "none", BOB));
  assert.equal(missing.status, 404);
  assert.equal(missing.body.message, 'roles.rbac.authorization.k8s.io "none" not found');
  assert.equal((await client.get(`${bindings}/y`)).status, 404);
});

test("who may bind or escalate need not have what they grant; aggregation is for administrators", async () => {
  const { client } = held;
  const role = {
    metadata: { name: "binder" },
    rules: [
      {
        apiGroups: ["rbac.authorization.k8s.io"],
        resources: ["clusterroles"],
        verbs: ["create", "escalate"],
      },
      { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterrolebindings"], verbs: ["create"] },
      {
        apiGroups: ["rbac.authorization.k8s.io"],
        resources: ["clusterroles"],
        resourceNames: ["view"],
        verbs: ["bind"],
      },
    ],
  };
  assert.equal((await client.post(`${RBAC}/clusterroles`, role)).status, 201);
  const eve = { kind: "User", name: "eve" };
  const crb = `${RBAC}/clusterrolebindings`;
  assert.equal((await client.post(crb, binding("binder", "binder", eve, "ClusterRole"))).status, 201);
  const as: CallOptions = { token: "eve-token" };
  assert.equal((await client.post(crb, binding("v", "view", eve, "ClusterRole"), as)).status, 201);
  assert.equal((await client.post(crb, binding("e", "edit", eve, "ClusterRole"), as)).status, 403);
  const full = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
  assert.equal(
    (await client.post(`${RBAC}/clusterroles`, { metadata: { name: "big" }, rules: full }, as)).status,
    201,
  );

  await client.delete(`${RBAC}/clusterrolebindings/binder`);
  const creator = { metadata: { name: "creator" }, rules: [{ ...role.rules[0], verbs: ["create"] }] };
  await client.post(`${RBAC}/clusterroles`, creator);
  await client.post(crb, binding("creator", "creator", eve, "ClusterRole"));
  const aggregate = {
    metadata: { name: "mine" },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
    rules: [],
  };
  assert.equal(
    (await client.post(`${RBAC}/clusterroles`, aggregate, as)).body.message,
    'clusterroles.rbac.authorization.k8s.io "mine" is forbidden: ' +
      "must have cluster-admin privileges to use the aggregationRule",
  );
});

test("aggregated roles follow their parts", async () => {
  const { client } = held;
  const { name, core } = await newNamespace(client);
  const token = await account(client, core, "viewer");
  const subject = { kind: "User", name: `system:serviceaccount:${name}:viewer` };
  await client.post(`${RBAC}/clusterrolebindings`, binding("viewer", "view", subject, "ClusterRole"));
  const path = "/apis/networking.k8s.io/v1/servicecidrs";
  assert.equal((await client.get(path, { token })).status, 403);
  const watching = await client.watch(`${RBAC}/clusterroles?watch=true&fieldSelector=metadata.name%3Dadmin`);
  const seen = watching.events.length;
  await client.post(`${RBAC}/clusterroles`, {
    metadata: { name: "cidr-viewer", labels: { "rbac.authorization.k8s.io/aggregate-to-view": "true" } },
    rules: [{ apiGroups: ["networking.k8s.io"], resources: ["servicecidrs"], verbs: ["list"] }],
  });
  // admin is put together from edit, and that from view
  await watching.count(seen + 2);
  watching.stop();
  assert.equal((await client.get(path, { token })).status, 200);
});

test("impersonation needs the right to it, and answers as the other", async () => {
  const { client } = held;
  const { name, core } = await newNamespace(client);
  await grant(client, name, [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }], {
    kind: "Group",
    name: "testers",
  });
  const as = (headers: Record<string, string>) => client.get(core("pods"), { headers });
  assert.equal((await as({ "impersonate-user": "carl" })).status, 403);
  assert.equal((await as({ "impersonate-user": "carl", "impersonate-group": "testers" })).status, 200);
  assert.equal((await as({ "impersonate-group": "testers" })).status, 400);
  const denied = await client.get(core("pods"), { ...bob, headers: { "impersonate-user": "carl" } });
  assert.equal(
    denied.body.message,
    'users "carl" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope',
  );
  const account = await client.get(core("pods"), {
    ...bob,
    headers: { "impersonate-user": `system:serviceaccount:${name}:x` },
  });
  assert.match(account.body.message, /^serviceaccounts "x" is forbidden: User "bob" cannot impersonate/);
  const headers = { "impersonate-user": "carl", "impersonate-uid": "9", "impersonate-extra-a%2fb": "c" };
  const self = await client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, { headers });
  assert.deepEqual(self.body.status.userInfo, {
    extra: { "a/b": ["c"] },
    groups: ["system:authenticated"],
    uid: "9",
    username: "carl",
  });
});

test("access reviews answer for oneself, for others, in a namespace and in full", async () => {
  const { client } = held;
  const { name } = await newNamespace(client);
  await grant(client, name, [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }]);
  const root = "/apis/authorization.k8s.io/v1";
  const resourceAttributes = { namespace: name, verb: "list", resource: "pods" };
  const own = await client.post(`${root}/selfsubjectaccessreviews`, { spec: { resourceAttributes } }, bob);
  assert.equal(own.status, 201);
  assert.deepEqual(own.body, {
    kind: "SelfSubjectAccessReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: {},
    spec: { resourceAttributes },
    status: { allowed: true, reason: `RBAC: allowed by RoleBinding "b/${name}" of Role "r" to User "bob"` },
  });
  const spec = { resourceAttributes: { ...resourceAttributes, verb: "get" }, user: "bob" };
  const other = await client.post(`${root}/subjectaccessreviews`, { spec });
  assert.deepEqual(other.body.status, { allowed: false });
  assert.equal((await client.post(`${root}/subjectaccessreviews`, { spec }, bob)).status, 403);
  const path = {
    nonResourceAttributes: { path: "/version", verb: "get" },
    groups: ["system:unauthenticated"],
  };
  assert.equal((await client.post(`${root}/subjectaccessreviews`, { spec: path })).body.status.allowed, true);

  const local = `${root}/namespaces/${name}/localsubjectaccessreviews`;
  assert.equal(
    (await client.post(local, { spec: { resourceAttributes, user: "bob" } })).body.status.allowed,
    true,
  );
  const elsewhere = { ...resourceAttributes, namespace: "default" };
  const bad = await client.post(local, { spec: { resourceAttributes: elsewhere, user: "bob" } });
  assert.equal(bad.status, 422);
  assert.match(bad.body.message, /spec.resourceAttributes.namespace: Invalid value: "default": must match/);

  const list = await client.post(`${root}/selfsubjectrulesreviews`, { spec: { namespace: name } }, bob);
  const found = list.body.status.resourceRules.filter(
    (rule: { resources: string[] }) => rule.resources[0] === "pods",
  );
  assert.deepEqual(found, [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }]);
  assert.equal(list.body.status.incomplete, false);
});

test("malformed reviews are told what is wrong with them", async () => {
  const { client } = held;
  const root = "/apis/authorization.k8s.io/v1";
  const nothing = await client.post(`${root}/subjectaccessreviews`, { metadata: { name: "x" }, spec: {} });
  assert.equal(nothing.status, 422);
  assert.deepEqual(
    nothing.body.details.causes.map((cause: { field: string }) => cause.field),
    ["spec.resourceAttributes", "spec.user", "metadata"],
  );
  assert.equal(
    (await client.post(`${root}/selfsubjectrulesreviews`, { spec: {} })).body.message,
    "no namespace on request",
  );
  assert.equal((await client.post("/apis/authentication.k8s.io/v1/tokenreviews", { spec: {} })).status, 400);
  assert.equal((await client.get(`${root}/subjectaccessreviews`)).status, 405);
  assert.equal((await client.get(`${root}/subjectaccessreviews/x`)).status, 404);
  for (const body of ["k8s\u0000", "k8s\u0000\u0012\u007f", "x", "k8s\u0000\u000f"]) {
    const type = "application/vnd.kubernetes.protobuf";
    const answer = await client.call("POST", `${root}/selfsubjectaccessreviews`, { body, type });
    assert.ok(answer.status === 400 || answer.status === 422, `${JSON.stringify(body)}: ${answer.status}`);
  }
});

/** GET with a client certificate of the cluster's CA for this subject. */
async function getAs(subject: string, path: string): Promise<{ status: number; text: string }> {
  const { server } = held.client;
  const pki = join(server.kubeconfigPath, "../pki");
  const ext = join(folder, "ext.cnf");
  writeFileSync(ext, "extendedKeyUsage=clientAuth\n");
  const [key, csr, cert] = ["c.key", "c.csr", "c.crt"].map((file) => join(folder, file)) as [
    string,
    string,
    string,
  ];
  const run = (args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key];
  run(["req", "-new", ...newKey, "-subj", subject, "-out", csr]);
  const ca = [
    "-CA",
    join(pki, "ca.crt"),
    "-CAkey",
    join(pki, "ca.key"),
    "-CAcreateserial",
    "-CAserial",
    `${csr}.srl`,
  ];
  run(["x509", "-req", "-in", csr, ...ca, "-days", "2", "-extfile", ext, "-out", cert]);
  return await get(server.urls[0] + path, server.ca, readFileSync(cert), readFileSync(key));
}

function get(url: string, ca: string, cert: Buffer, key: Buffer): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, ca, cert, key }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on("error", reject);
    call.end();
  });
}

test("a client certificate names its user and groups", async () => {
  const { client } = held;
  const { name, core } = await newNamespace(client);
  await grant(client, name, [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }], {
    kind: "Group",
    name: "team-b",
  });
  assert.equal((await getAs("/O=team-a/O=team-b/CN=ann", core("pods"))).status, 200);
  const refused = await getAs("/O=team-a/CN=ann", core("pods"));
  assert.equal(refused.status, 403);
  assert.match(refused.text, /User \\"ann\\" cannot list/);
});

test("a certificate of another CA is nobody's", async () => {
  const key = join(folder, "other.key");
  const cert = join(folder, "other.crt");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key];
  execFileSync("openssl", ["req", "-x509", ...newKey, "-subj", "/O=system:masters/CN=ann", "-out", cert], {
    stdio: "pipe",
  });
  const { server } = held.client;
  const answer = await get(`${server.urls[0]}/api`, server.ca, readFileSync(cert), readFileSync(key));
  assert.equal(answer.status, 401);
});

test("roles and bindings are checked like the real ones", async () => {
  const { client } = held;
  const { name } = await newNamespace(client);
  const cases: readonly (readonly [path: string, body: object, message: string])[] = [
    [
      roles(name),
      { rules: [{ apiGroups: [""], resources: ["pods"] }] },
      "rules[0].verbs: Required value: verbs must contain at least one value",
    ],
    [
      roles(name),
      { rules: [{ nonResourceURLs: ["/a"], verbs: ["get"] }] },
      'rules[0].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
    ],
    [
      `${RBAC}/clusterroles`,
      { rules: [{ verbs: ["get"] }] },
      "[rules[0].apiGroups: Required value: resource rules must supply at least one api group, " +
        "rules[0].resources: Required value: resource rules must supply at least one resource]",
    ],
    [
      roles(name, "rolebindings"),
      { roleRef: { kind: "Pod", name: "x" }, subjects: [{ kind: "Nobody", name: "y" }] },
      '[roleRef.kind: Unsupported value: "Pod": supported values: "Role", "ClusterRole", ' +
        'subjects[0].kind: Unsupported value: "Nobody": supported values: "ServiceAccount", "User", "Group"]',
    ],
    [
      `${RBAC}/clusterrolebindings`,
      { roleRef: { kind: "ClusterRole", name: "x" }, subjects: [{ kind: "ServiceAccount", name: "y" }] },
      "subjects[0].namespace: Required value",
    ],
  ];
  for (const [path, body, message] of cases) {
    const answer = await client.post(path, { metadata: { name: "bad" }, ...body });
    assert.equal(answer.status, 422, path);
    assert.equal(answer.body.message.replace(/^.*? is invalid: /, ""), message);
  }
  const bindings = roles(name, "rolebindings");
  const made = await client.post(bindings, binding("b", "r", BOB));
  assert.deepEqual(made.body.subjects, [
    { apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "bob" },
  ]);
  const changed = await client.patch(`${bindings}/b`, { roleRef: { name: "other" } });
  assert.match(changed.body.message, /roleRef: Invalid value: \{.*"Name":"other"\}: cannot change roleRef/);
  const table = await client.get(bindings, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
  assert.deepEqual(table.body.rows[0].cells.slice(0, 2), ["b", "Role/r"]);
});
