import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { useServer } from "../harness.ts";

const held = useServer();
const home = mkdtempSync(join(tmpdir(), "tandem-kubectl-"));
after(() => rmSync(home, { recursive: true, force: true }));
const skip = spawnSync("kubectl", ["version", "--client"]).error !== undefined;
const BUNDLE = join(import.meta.dirname, "../../../data/crds/gateway-api-v1.6.3-standard.json");

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

function kubectl(args: readonly string[], input = ""): Promise<Outcome> {
  const env = { ...process.env, HOME: home, KUBECONFIG: held.client.server.kubeconfigPath };
  return new Promise((resolve) => {
    const child = execFile("kubectl", args, { env }, (failure, out, error) =>
      resolve({ code: failure === null ? 0 : Number(failure.code), out, error }),
    );
    child.stdin?.end(input);
  });
}

const route = (spec: object): string =>
  JSON.stringify({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "r" },
    spec: { parentRefs: [{ name: "g" }], ...spec },
  });

test("kubectl installs the Gateway API and works with its routes", { skip }, async () => {
  const installed = await kubectl(["apply", "--server-side", "-f", BUNDLE]);
  assert.equal(installed.code, 0, installed.error);
  const waited = await kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  assert.equal(waited.code, 0, waited.error);
  const explained = await kubectl(["explain", "httproute.spec.rules"]);
  assert.match(explained.out, /FIELD: rules <\[\]Object>[\s\S]*backendRefs/, explained.error);
  const hosts = (...hostnames: string[]): string => route({ hostnames });
  assert.match((await kubectl(["apply", "-f", "-"], hosts("a.example.com"))).out, /r created/);
  assert.match((await kubectl(["apply", "-f", "-"], hosts("b.example.com"))).out, /r configured/);
  const forced = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
  assert.match((await kubectl(forced, hosts("c.example.com"))).out, /r serverside-applied/);
  const listed = await kubectl(["get", "httproutes"]);
  assert.match(listed.out, /^NAME +HOSTNAMES +AGE\nr +\["c\.example\.com"\] +\d+s\n$/);
  const unknown = await kubectl(["apply", "-f", "-"], route({ bogus: 1 }));
  assert.match(unknown.error, /strict decoding error: unknown field "spec\.bogus"/);
  const beta = await kubectl(["get", "httproutes.v1beta1.gateway.networking.k8s.io", "r", "-o", "yaml"]);
  assert.match(beta.out, /^apiVersion: gateway\.networking\.k8s\.io\/v1beta1$/m);
  const removed = await kubectl(["delete", "crd", "httproutes.gateway.networking.k8s.io"]);
  assert.equal(removed.code, 0, removed.error);
});
