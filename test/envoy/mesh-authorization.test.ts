import assert from "node:assert/strict";
import { request } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { httpAuthorization } from "../../src/envoy/mesh/authorization.ts";
import { meshHttp, ROUTER } from "../../src/envoy/mesh/http.ts";
import { emptyModels, objectsOf, take } from "../traffic/mesh/text.ts";
import { ENVOY, eventually, startEnvoy, type TestEnvoy } from "./ads-envoy.ts";
import { resource } from "./ads-resources.ts";

/** What a policy comes to for a pod, as HTTP filters. */
function filtersOf(spec: string) {
  const models = emptyModels();
  const text = `
kind: Pod
metadata: { name: cart, namespace: demo }
spec: { initContainers: [{ name: tandem-proxy }], containers: [{ name: main }] }
status: { phase: Running, podIPs: [{ ip: 10.244.0.5 }, { ip: "fd00:10:244::5" }] }
---
kind: AuthorizationPolicy
apiVersion: tandem.dev/v1alpha1
metadata: { name: rules, namespace: demo }
spec: { ${spec} }`;
  for (const object of objectsOf(text)) take(models, object);
  const sidecar = models.mesh.flush().sidecars.get("demo/cart");
  return httpAuthorization(sidecar?.authorization ?? []);
}

describe("requests that a real Envoy lets through", { skip: ENVOY === undefined && "no Envoy" }, () => {
  let folder: string;
  let server: AdsServer;
  let envoy: TestEnvoy;
  let count = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tandem-rules-"));
    const path = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path }], authorize: () => "demo/cart" });
    server.replace("demo/cart", []);
    envoy = await startEnvoy("cart", { address: { pipe: { path } } });
    await eventually(
      async () => server.status("demo/cart").length,
      (clients) => clients === 1,
    );
  });

  after(async () => {
    await envoy.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A listener with a policy; gives what asks it, `METHOD HOST PATH`, and hears the status. */
  const under = async (spec: string) => {
    const socketPath = join(folder, `in-${++count}.sock`);
    const answer = { match: { prefix: "/" }, direct_response: { status: 200 } };
    const manager = meshHttp({
      statPrefix: "inbound",
      routes: { config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [answer] }] } },
      filters: [...filtersOf(spec), ROUTER],
      more: { normalize_path: true },
    });
    const name = `rules-${count}`;
    const listener = {
      name,
      address: { pipe: { path: socketPath } },
      filter_chains: [{ filters: [manager] }],
    };
    server.replace("demo/cart", [resource("listener", name, listener)]);
    await server.applied("demo/cart");
    return (line: string): Promise<number | undefined> => {
      const [method, host, path] = line.split(" ");
      return new Promise((resolve, reject) => {
        request({ socketPath, method, path, headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end();
      });
    };
  };

  const check = async (spec: string, refused: readonly string[], served: readonly string[]) => {
    const ask = await under(spec);
    for (const line of refused) assert.equal(await ask(line), 403, line);
    for (const line of served) assert.equal(await ask(line), 200, line);
  };

  test("a host that is denied is denied with any port, in any case, and with the root's dot", () =>
    check(
      'action: Deny, rules: [{ to: [{ hosts: [secret.example, "*.hidden.example", "fd00::1"] }] }]',
      [
        ...["secret.example", "SECRET.example", "secret.example:8080", "secret.example."],
        ...["a.hidden.example:81", "[fd00::1]", "[fd00::1]:80"],
      ].map((host) => `GET ${host} /`),
      ["secretxexample", "a.secret.example", "secret.example.org", "hidden.example", "[fd00::12]"].map(
        (host) => `GET ${host} /`,
      ),
    ));

  test("a host that is allowed is allowed with any port, unless the policy names one", () =>
    check(
      'rules: [{ to: [{ hosts: ["web.demo", "one.demo:8080", "two.*"] }] }]',
      ["web.demo.evil", "one.demo", "one.demo:80", "web.demo:x"].map((host) => `GET ${host} /`),
      ["web.demo", "Web.Demo:8080", "web.demo.:80", "one.demo:8080", "two.a:1"].map(
        (host) => `GET ${host} /`,
      ),
    ));

  test("a path that is denied cannot be reached with more slashes, or other ones", () =>
    check(
      'action: Deny, rules: [{ to: [{ paths: ["/admin/*", "/a.b", "*.key"] }] }]',
      [
        ...["/admin/1", "//admin/1", "/admin//1", "/admin%2F1", "/%2fadmin/1", "/admin%5c1", "/x/../admin/1"],
        ...["/admin/", "/a.b", "//a.b", "/a.b?c", "/tls.key", "/x//tls.key"],
      ].map((path) => `GET web ${path}`),
      ["/admin", "/administer/1", "/x/admin/1", "/axb", "/a.b/c", "/Admin/1", "/tls.keys"].map(
        (path) => `GET web ${path}`,
      ),
    ));

  test("a path whose `..` stand behind encoded slashes is denied by rules about paths, and allowed by none", async () => {
    const unresolved = [
      ...["/x%2f..%2fadmin", "/cart/..%2Fadmin", "/cart%5c..%5cadmin", "/.%2fadmin", "/cart/x%2f%2E%2e"],
      ...["/cart/%2e%2e%2fadmin", "/cart/a%2f..", "/cart/a%2F./b"],
    ].map((path) => `GET web ${path}`);
    const others = ["/cart/a%2Fb", "/cart/a%2f...%2fb", "/cart/a..%2fb", "/cart/.b%2f.c?q=%2f..%2f"].map(
      (path) => `GET web ${path}`,
    );
    await check('action: Deny, rules: [{ to: [{ paths: ["/admin"] }] }]', unresolved, others);
    await check('rules: [{ to: [{ paths: ["/cart/*", "/cart%5c*"] }] }]', unresolved, others);
    await check('rules: [{ to: [{ paths: ["*"] }] }]', [], unresolved);
    await check("rules: [{ to: [{ methods: [GET] }] }]", [], unresolved);
  });

  test("a path that is allowed is that one alone", () =>
    check(
      'rules: [{ to: [{ paths: ["/cart/*", "/a.b"], methods: [GET] }] }]',
      ["GET web //cart/1", "GET web /cart", "GET web /axb", "POST web /cart/1", "GET web /cart%2F1"],
      ["GET web /cart/1", "GET web /cart/", "GET web /a.b", "GET web /./cart/1?x"],
    ));
});
