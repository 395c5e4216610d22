import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadKubeconfig } from "../../src/client/index.ts";
import { UserError } from "../../src/errors/user-error.ts";

const directory = await mkdtemp(join(tmpdir(), "tandem-kubeconfig-"));
after(() => rm(directory, { recursive: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

function kubeconfig(user: string, context = "c"): string {
  return `apiVersion: v1
kind: Config
current-context: ${context}
contexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]
clusters: [{name: k, cluster: {server: "https://[::1]:6443/", certificate-authority-data: ${btoa("the CA")}}}]
users: [{name: u, user: ${user}}]
`;
}

test("the current context gives server, CA, user and namespace; files lie beside the kubeconfig", async () => {
  await file("client.crt", "the certificate");
  await file("client.key", "the key");
  const path = await file(
    "a",
    kubeconfig("{client-certificate: client.crt, client-key: client.key, token: t}"),
  );
  assert.deepEqual(await loadKubeconfig(path), {
    server: "https://[::1]:6443",
    ca: "the CA",
    token: "t",
    cert: "the certificate",
    key: "the key",
    namespace: "shop",
  });
});

test("several files of $KUBECONFIG merge, the first one to name a thing wins", async () => {
  const first = await file("first", "users: [{name: u, user: {token: first}}]");
  const second = await file("second", kubeconfig("{token: second}"));
  const before = process.env.KUBECONFIG;
  process.env.KUBECONFIG = `${first}:${join(directory, "missing")}:${second}`;
  try {
    assert.equal((await loadKubeconfig()).token, "first");
  } finally {
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
  }
});

test("what is wrong is named", async () => {
  const cases: [string, string, RegExp][] = [
    [
      "bad-context",
      kubeconfig("{}", "other"),
      /names the context "other".*\n.*bad-context\n.*use one of: "c"/,
    ],
    ["bad-yaml", "a: [", /it is not YAML/],
    ["no-context", "clusters: []", /no current-context/],
    ["bad-file", kubeconfig("{client-key: nowhere.key}"), /nowhere\.key/],
    [
      "plugin",
      kubeconfig("{exec: {command: no-such-plugin-1}}"),
      /user "u" in .*plugin\n.*next: run the plugin by hand/s,
    ],
  ];
  for (const [name, content, expected] of cases) {
    const path = await file(name, content);
    await assert.rejects(loadKubeconfig(path), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, expected);
      return true;
    });
  }
  await assert.rejects(loadKubeconfig(join(directory, "none")), UserError);
});
