import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { newNamespace, runBeside, useServer } from "../harness.ts";

const held = useServer();
const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;

function kubectl(...args: string[]) {
  const KUBECONFIG = held.client.server.kubeconfigPath;
  return runBeside("kubectl", args, { ...process.env, KUBECONFIG });
}

test("kubectl asks who may do what", { skip: !hasKubectl && "kubectl is not installed" }, async () => {
  const { client } = held;
  const { name, core } = await newNamespace(client);
  await client.post(core("serviceaccounts"), { metadata: { name: "bot" } });
  const root = `/apis/rbac.authorization.k8s.io/v1/namespaces/${name}`;
  const rules = [{ apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get"] }];
  await client.post(`${root}/roles`, { metadata: { name: "r" }, rules });
  await client.post(`${root}/rolebindings`, {
    metadata: { name: "b" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" },
    subjects: [{ kind: "ServiceAccount", name: "bot" }],
  });
  const as = ["--as", `system:serviceaccount:${name}:bot`, "-n", name];
  const canI = async (...args: string[]) => (await kubectl("auth", "can-i", ...args)).out.trim();
  assert.equal(await canI("*", "*"), "yes");
  assert.equal(await canI("get", "pods", ...as), "yes");
  assert.equal(await canI("get", "pods", "--subresource=log", ...as), "yes");
  assert.equal(await canI("delete", "pods", ...as), "no");
  assert.equal(await canI("get", "/version", ...as), "yes");
  assert.match(await canI("--list", ...as), /^pods\/log +\[\] +\[\] +\[get\]$/m);
  const who = await kubectl("auth", "whoami", ...as);
  assert.match(who.out, new RegExp(`Username +system:serviceaccount:${name}:bot`));
  const token = await kubectl("create", "token", "bot", "-n", name, "--duration", "20m");
  assert.equal(token.code, 0, token.err);
  assert.equal((await client.get(`${core("pods")}/none`, { token: token.out.trim() })).status, 404);
  assert.equal((await client.get(core("pods"), { token: token.out.trim() })).status, 403);
  const roles = await kubectl("get", "rolebindings", "-n", name, "-o", "wide");
  assert.match(roles.out, /^b +Role\/r +\S+ +\/bot *$/m);
});
