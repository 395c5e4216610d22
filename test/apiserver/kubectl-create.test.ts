import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { AnyObject } from "../../src/objects/types.ts";
import { newNamespace, runBeside, useServer } from "./harness.ts";

const held = useServer();
const skip = spawnSync("kubectl", ["version", "--client"]).error !== undefined && "kubectl is not installed";

/** What kubectl makes itself it sends as Protocol Buffers, since 1.32. */
const MADE: Readonly<Record<string, string>> = {
  "deployment web --image=nginx --replicas=2 --port=80": "deployments/web",
  "configmap c --from-literal=a=1": "configmaps/c",
  "secret generic s --from-literal=password=pass": "secrets/s",
  "service clusterip web --clusterip=10.96.0.77 --tcp=80:8080": "services/web",
  "service clusterip headless --clusterip=None": "services/headless",
  "service externalname out --external-name=example.com": "services/out",
  "serviceaccount bot": "serviceaccounts/bot",
  "role r --verb=get,list --resource=pods": "roles/r",
  "rolebinding b --role=r --serviceaccount=default:bot": "rolebindings/b",
  "poddisruptionbudget web --selector=app=web --min-available=50%": "poddisruptionbudgets/web",
};

test("kubectl create makes objects, the same as from a file", { skip }, async () => {
  const KUBECONFIG = held.client.server.kubeconfigPath;
  const kubectl = async (...args: string[]) => {
    const { code, out, err } = await runBeside("kubectl", args, { ...process.env, KUBECONFIG });
    assert.equal(code, 0, `kubectl ${args.join(" ")}: ${err}`);
    return out;
  };
  await kubectl("create", "namespace", "made");
  const { name } = await newNamespace(held.client);
  for (const [command, path] of Object.entries(MADE)) {
    const args = command.split(" ");
    await kubectl("create", ...args, "-n", "made");
    const made = JSON.parse(await kubectl("get", path, "-n", "made", "-o", "json"));
    const file = JSON.parse(await kubectl("create", ...args, "-n", name, "--dry-run=client", "-o", "json"));
    // an address can be held once
    if (file.spec?.clusterIP !== "None") delete file.spec?.clusterIP;
    const said = await held.client.post(`${rootOf(file, name)}/${path.split("/")[0]}`, file);
    assert.equal(said.status, 201, said.text);
    assert.deepEqual(withoutIdentity(made), withoutIdentity(said.body), command);
  }
  assert.equal(
    (await held.client.get("/api/v1/namespaces/made/services/web")).body.spec.clusterIP,
    "10.96.0.77",
  );
});

function rootOf({ apiVersion }: AnyObject, namespace: string): string {
  const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  return `${root}/namespaces/${namespace}`;
}

/** What two objects of the same content have in common. */
function withoutIdentity({ metadata, spec, ...rest }: AnyObject): object {
  const { uid, resourceVersion, creationTimestamp, namespace, managedFields, ...same } = metadata;
  assert.ok(uid && resourceVersion && creationTimestamp && namespace);
  const { clusterIP, clusterIPs, ...terms } = (spec ?? {}) as Record<string, unknown>;
  const isHeadless = clusterIP === "None" && String(clusterIPs) === "None";
  return { metadata: same, spec: terms, isHeadless, ...rest };
}
