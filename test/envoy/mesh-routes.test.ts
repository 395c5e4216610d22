import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpPort } from "../../src/envoy/mesh/routes.ts";
import { decode } from "../../src/envoy/proto/index.ts";
import { TYPE_URLS } from "../../src/envoy/resources.ts";
import type { MeshPort, MeshService } from "../../src/traffic/mesh/model.ts";

const PORT: MeshPort = { name: "http", port: 80, protocol: "http", destination: "somewhere" } as MeshPort;

function headless(namespace: string, name: string): MeshService {
  const full = `${name}.${namespace}.svc`;
  return {
    key: `${namespace}/${name}`,
    hostnames: [name, `${name}.${namespace}`, full, `${full}.cluster.local`],
    kind: "headless",
    families: ["IPv4", "IPv6"],
    addresses: {},
    ports: [PORT],
  };
}

function hostsIn(namespace: string, port: HttpPort): { name: string; domains: string[] }[] {
  const table = decode(TYPE_URLS.route, port.encode(namespace, "passthrough").bytes);
  const hosts = (table as { virtual_hosts: { name: string; domains: string[] }[] }).virtual_hosts;
  return hosts.map(({ name, domains }) => ({ name, domains }));
}

test("pods of headless Services are found by their own names, and by the short one in their namespace alone", () => {
  const port = new HttpPort(80);
  port.put({ service: headless("shop", "db"), port: PORT }, ["db-0", "db-1"]);
  const domains = (namespace: string) =>
    hostsIn(namespace, port).find(({ name }) => name === "*.db.shop")?.domains;
  assert.ok(domains("shop")?.includes("db-1.db|*"));
  assert.ok(domains("shop")?.includes("db-0.db.shop.svc.cluster.local:80|*"));
  assert.equal(domains("other")?.includes("db-1.db|*"), false);
});

test("a name that is a pod's and a Service's is the Service's: no name is there twice", () => {
  const port = new HttpPort(80);
  port.put({ service: headless("svc", "b"), port: PORT }, ["a"]);
  port.put({ service: headless("b", "a"), port: PORT }, []);
  const hosts = hostsIn("default", port);
  const domains = hosts.flatMap((host) => host.domains);
  assert.deepEqual(domains, [...new Set(domains)]);
  assert.deepEqual(
    hosts.map(({ name }) => name),
    ["allow_any", "b.svc", "a.b"],
  );
});
