import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { ApiError } from "../../src/objects/status.ts";
import { runBeside, useServer } from "../apiserver/harness.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-kubeconfig-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const held = useServer();

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

function create(...args: string[]) {
  const fixed = [MAIN, "kubeconfig", "create", "--kubeconfig", held.client.server.kubeconfigPath];
  return runBeside(process.execPath, [...fixed, ...args]);
}

async function statusOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

test("the user may do what the flags say, in its namespace, and nothing else; a second run changes it", async () => {
  const file = join(folder, "guest");
  const made = await create(
    "-n",
    "default",
    "--verbs",
    "get,list",
    "--resources",
    "svc,pods/log",
    "-o",
    file,
  );
  assert.equal(made.code, 0, made.err);
  assert.equal(made.out, "");
  assert.match(made.err, /^guest may get, list in namespace default until 20/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const config = await loadKubeconfig(file);
  assert.equal(config.namespace, "default");
  const guest = new KubeClient(config);
  const services = (namespace: string) => guest.list(KINDS.Service, { namespace });
  assert.equal(await statusOf(services("default")), 200);
  assert.equal(await statusOf(services("kube-system")), 403);
  assert.equal(await statusOf(guest.list(KINDS.Secret, { namespace: "default" })), 403);
  assert.equal(await statusOf(guest.delete(KINDS.Service, "kubernetes", "default")), 403);
  const role = await held.client.get("/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/guest");
  assert.deepEqual(role.body.rules, [
    { apiGroups: [""], resources: ["services", "pods/log"], verbs: ["get", "list"] },
  ]);
  const again = await create("-n", "default", "--verbs", "list", "--resources", "secrets");
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /^apiVersion: v1\nkind: Config\n/);
  assert.equal(await statusOf(services("default")), 403);
  assert.equal(await statusOf(guest.list(KINDS.Secret, { namespace: "default" })), 200);
  guest.close();
});

test("wrong input makes nothing and says what, where, why and what next", async () => {
  const cases: readonly (readonly [args: string[], code: number, text: RegExp])[] = [
    [
      ["-n", "none", "--verbs", "get"],
      65,
      /no such namespace\n {2}where: flag --namespace, value "none"\n {2}next: kubectl/,
    ],
    [
      ["-n", "default", "--verbs", "gets"],
      65,
      /"gets" is no verb.*\n {2}where: flag --verbs.*\n {2}next: use some of get/,
    ],
    [["-n", "default", "--verbs", ","], 65, /names no verb/],
    [["-n", "default", "--verbs", "get", "--resources", "nodes"], 65, /no resource "nodes" in namespaces/],
    [["-n", "default", "--verbs", "get", "--resources", "pods/x"], 65, /pods have no subresource "x"/],
    [["-n", "default", "--verbs", "get", "--user", "A B"], 65, /lower-case letters/],
    [["-n", "default", "--verbs", "get", "--valid-for", "0"], 65, /no number of days/],
    [
      ["-n", "default", "--verbs", "get", "--user", "other"],
      1,
      /it exists, and this command did not make it\n {2}where: Role default\/other/,
    ],
    [["-n", "default"], 64, /--verbs/],
  ];
  const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
  await held.client.post(roles, { metadata: { name: "other" }, rules: [] });
  for (const [args, code, text] of cases) {
    const answer = await create(...args);
    assert.match(answer.err, text, args.join(" "));
    assert.equal(answer.code, code, args.join(" "));
    assert.equal(answer.out, "");
  }
  const accounts = await held.client.get("/api/v1/namespaces/default/serviceaccounts/other");
  assert.equal(accounts.status, 404);
});

test("a file that is there stays as it is", async () => {
  const file = join(folder, "mine");
  assert.equal((await create("-n", "default", "--verbs", "get", "--user", "a", "-o", file)).code, 0);
  const before = readFileSync(file, "utf8");
  const second = await create("-n", "default", "--verbs", "get", "--user", "b", "-o", file);
  assert.equal(second.code, 65);
  assert.match(second.err, /cannot write the kubeconfig: the file exists/);
  assert.equal(readFileSync(file, "utf8"), before);
});

test("a folder that is not there is named", async () => {
  const file = join(folder, "no/such/folder");
  const { code, err } = await create("-n", "default", "--verbs", "get", "--user", "a", "-o", file);
  assert.equal(code, 65);
  assert.match(err, /cannot write the kubeconfig: ENOENT: no such file or directory/);
  assert.ok(err.includes(`where: flag -o, file ${file}`));
});
