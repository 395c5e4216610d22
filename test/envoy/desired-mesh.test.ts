/** What a Gateway's proxy has of a mesh, and what it has where there is none. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createEnvoyOutput } from "../../src/envoy/desired/index.ts";
import { decode, type JsonObject } from "../../src/envoy/proto/index.ts";
import { type Resource, type ResourceChange, TYPE_URLS } from "../../src/envoy/resources.ts";
import { type Input, meshOf, readInput, resourcesOf } from "./desired-model.ts";

const FOLDER = join(import.meta.dirname, "golden");
const WEB = "service/shop/web/80";

function golden(name: string): Input {
  return readInput(readFileSync(join(FOLDER, `${name}.in.yaml`), "utf8"));
}

function json(resources: readonly Resource[], kind: Resource["kind"], name: string): JsonObject {
  const found = resources.find((one) => one.kind === kind && one.name === name);
  assert.ok(found, `${kind} ${name}`);
  return decode(TYPE_URLS[kind], found.bytes) as JsonObject;
}

function named(changes: readonly ResourceChange[] | undefined): string[] {
  return (changes ?? []).map(({ kind, name, resource }) => `${resource ? "" : "-"}${kind} ${name}`);
}

/** Parts of an assignment: sub-zone, and the last bytes of addresses; `+` where they are met by mutual TLS. */
function partsOf(resources: readonly Resource[], name: string): string[] {
  const { endpoints = [] } = json(resources, "endpoint", name) as {
    endpoints?: { locality?: { sub_zone?: string }; metadata?: JsonObject; lb_endpoints: JsonObject[] }[];
  };
  return endpoints.map(({ locality, metadata, lb_endpoints }) => {
    const hosts = lb_endpoints.map((host) => /10\.244\.0\.(\d+)/.exec(JSON.stringify(host))?.[1]);
    const mtls = /"mtls":true/.test(JSON.stringify(metadata ?? {}));
    return `${locality?.sub_zone ?? ""}${mtls ? "+" : "-"} ${hosts.join()}`.trim();
  });
}

test("backends without sidecars are apart from those with one", () => {
  const resources = resourcesOf(golden("mesh"));
  assert.deepEqual(partsOf(resources, WEB), ["+ 5,6", "plain- 7"]);
  assert.deepEqual(partsOf(resources, "service/shop/tcp/9000"), ["+ 9"]);
  assert.deepEqual(partsOf(resources, "service/shop/plain/80"), ["- 12"]);
});

test("a policy's own TLS, and the PROXY protocol, are spoken to sidecars as well", () => {
  const resources = resourcesOf(golden("mesh"));
  for (const name of ["service/shop/own/443", "service/shop/proxied/80"]) {
    const cluster = json(resources, "cluster", name);
    assert.equal(cluster["transport_socket_matches"], undefined, name);
    assert.ok(cluster["transport_socket"], name);
  }
});

for (const [what, mesh] of [
  ["has no pod with a sidecar", { own: golden("mesh").mesh?.own, peers: {} }],
  ["has no certificate for the proxy", { peers: golden("mesh").mesh?.peers ?? {} }],
] as const)
  test(`where a mesh ${what}, all is as without a mesh, byte for byte`, () => {
    for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
      const { mesh: _, ...without } = golden(file.replace(".in.yaml", ""));
      assert.deepEqual(
        resourcesOf({ ...without, mesh } as Input).map(plain),
        resourcesOf(without).map(plain),
      );
    }
  });

function plain({ kind, name, version, bytes }: Resource): string {
  return `${kind} ${name} ${version} ${bytes.length}`;
}

test("a pod that gets a sidecar, and the first certificate, change what they are about alone", () => {
  const input = golden("mesh");
  const peers: Record<string, string> = {};
  let own: NonNullable<Input["mesh"]>["own"];
  const output = createEnvoyOutput(input.capabilities, {
    identityAt: (pod, port) => meshOf({ peers }).identityAt(pod, port),
    identityOf: () => own,
  });
  const { key } = input.proxy;
  output.update(input.proxy, (name) => input.frontends.get(name));
  const pod = new Set(["shop/tcp-1"]);
  peers["shop/tcp-1"] = "spiffe://cluster.local/ns/shop/sa/tcp";
  assert.deepEqual(output.peersChanged(pod), new Map());
  own = { certificate: "a", privateKey: "b", authorities: "c" };
  const tcp = ["cluster service/shop/tcp/9000", "endpoint service/shop/tcp/9000"];
  assert.deepEqual(named(output.identityChanged(key)), [...tcp, "secret workload", "secret ca"]);
  assert.deepEqual(output.identityChanged(key), []);
  own = { ...own, certificate: "d" };
  assert.deepEqual(named(output.identityChanged(key)), ["secret workload"]);
  peers["shop/web-1"] = "spiffe://cluster.local/ns/shop/sa/web";
  assert.deepEqual(named(output.peersChanged(new Set(["shop/web-1"])).get(key)), [
    `cluster ${WEB}`,
    `endpoint ${WEB}`,
  ]);
  assert.deepEqual(partsOf(output.resources(key), WEB), ["+ 5", "plain- 6,7"]);
  // of the same account: its certificate is expected already
  peers["shop/web-2"] = "spiffe://cluster.local/ns/shop/sa/web";
  assert.deepEqual(named(output.peersChanged(new Set(["shop/web-2"])).get(key)), [`endpoint ${WEB}`]);
  for (const name of Object.keys(peers)) delete peers[name];
  assert.deepEqual(named(output.peersChanged(new Set(["shop/web-1", "shop/web-2"])).get(key)), [
    `cluster ${WEB}`,
    `endpoint ${WEB}`,
  ]);
  assert.deepEqual(named(output.peersChanged(pod).get(key)), [...tcp, "-secret workload", "-secret ca"]);
});

test("another certificate is no concern of clusters that meet no sidecar", () => {
  const input = golden("mesh");
  const asked = new Set<string>();
  const peers = { "shop/tcp-1": "spiffe://cluster.local/ns/shop/sa/tcp" };
  let own: NonNullable<Input["mesh"]>["own"];
  const output = createEnvoyOutput(input.capabilities, {
    identityAt(pod, port) {
      asked.add(pod);
      return meshOf({ peers }).identityAt(pod, port);
    },
    identityOf: () => own,
  });
  const { key } = input.proxy;
  output.update(input.proxy, (name) => input.frontends.get(name));
  assert.ok(asked.size > 1);
  asked.clear();
  own = { certificate: "a", privateKey: "b", authorities: "c" };
  assert.ok(output.identityChanged(key).length > 0);
  assert.deepEqual([...asked], ["shop/tcp-1"]);
});

test("a backend that comes with another account is expected before it is ready", () => {
  const input = golden("mesh");
  const frontends = new Map(input.frontends);
  const { key } = input.proxy;
  assert.ok(input.mesh);
  const output = createEnvoyOutput(input.capabilities, meshOf(input.mesh));
  const web = frontends.get("shop/web");
  const [port] = web?.ports ?? [];
  assert.ok(web && port);
  frontends.set("shop/web", { ...web, ports: [{ ...port, backends: port.backends.slice(0, 1) }] });
  output.update(input.proxy, (name) => frontends.get(name));
  frontends.set("shop/web", web);
  assert.deepEqual(named(output.endpointsChanged("shop/web").get(key)), [
    `cluster ${WEB}`,
    `endpoint ${WEB}`,
  ]);
});
