import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { bootstrap, familiesOfAddresses } from "../../src/envoy/process/bootstrap.ts";
import { certificateSource } from "../../src/envoy/process/bootstrap-xds.ts";
import { findEnvoy } from "../../src/envoy/process/find.ts";
import { decode, encode, type JsonObject } from "../../src/envoy/proto/index.ts";
import type { Family } from "../../src/ip/family.ts";

const BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap";
const envoy = findEnvoy({ env: process.env });
const folder = mkdtempSync(join(tmpdir(), "tandem-bootstrap-"));
after(() => rmSync(folder, { recursive: true }));

const openssl = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=proxy`.split(
  " ",
);
execFileSync("openssl", [...openssl, "-keyout", join(folder, "tls.key"), "-out", join(folder, "tls.crt")], {
  stdio: "ignore",
});
execFileSync("cp", [join(folder, "tls.crt"), join(folder, "ca.crt")]);
writeFileSync(join(folder, "sds.json"), JSON.stringify(certificateSource(folder)));

const tls = { folder, sourceFile: "sds.json", identity: "spiffe://tandem/xds" };
const node = { id: "web-1.demo", cluster: "demo/web", locality: { zone: "a" } };

function listenersOf(config: JsonObject) {
  const decoded = decode(BOOTSTRAP, encode(BOOTSTRAP, config)) as {
    static_resources: {
      listeners: { name: string; address: Sock; additional_addresses?: { address: Sock }[] }[];
    };
  };
  type Sock = { socket_address: { address: string; port_value: number } };
  const at = ({ socket_address: { address, port_value } }: Sock) => `${address} ${port_value}`;
  return decoded.static_resources.listeners.map((listener) => [
    listener.name,
    at(listener.address),
    ...(listener.additional_addresses ?? []).map(({ address }) => at(address)),
  ]);
}

const ORDERS: Family[][] = [["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]];
const WILDCARD = { IPv4: "0.0.0.0", IPv6: "::" };

for (const families of ORDERS) {
  describe(`a bootstrap for ${families.join(", ")}`, () => {
    test("has one listener each for health and stats, with an address of each family", () => {
      const wildcards = families.map((family) => WILDCARD[family]);
      assert.deepEqual(listenersOf(bootstrap({ node, families })), [
        ["tandem-ready", ...wildcards.map((address) => `${address} 19003`)],
        ["tandem-stats", ...wildcards.map((address) => `${address} 19001`)],
      ]);
    });

    for (const [name, xds] of [
      ["nothing", undefined],
      ["a unix socket", { path: "/run/tandem/xds.sock" }],
      ["addresses of both families", { hosts: ["10.0.0.1", "fd00::1"], port: 18000, tls }],
      ["a name", { hosts: ["xds.example"], port: 18000, tls }],
    ] as const)
      test(`is taken by Envoy, with ${name} for xDS`, () => {
        const config = bootstrap({ node, families, ...(xds && { xds }) });
        const path = join(folder, "bootstrap.json");
        writeFileSync(path, JSON.stringify(config));
        const output = execFileSync(envoy, ["--mode", "validate", "-c", path, "-l", "warn"], {
          encoding: "utf8",
        });
        assert.match(output, /OK/);
      });
  });
}

test("the admin interface is on loopback, of the family that there is", () => {
  const admin = (families: Family[]) => (bootstrap({ node, families })["admin"] as JsonObject)["address"];
  assert.deepEqual(admin(["IPv6"]), { socket_address: { address: "::1", port_value: 19000 } });
  assert.deepEqual(admin(["IPv4", "IPv6"]), { socket_address: { address: "127.0.0.1", port_value: 19000 } });
});

test("families are read from a pod's addresses, in their order", () => {
  assert.deepEqual(familiesOfAddresses("fd00::1,10.0.0.1".split(",")), ["IPv6", "IPv4"]);
  assert.deepEqual(familiesOfAddresses(["10.0.0.1", "", "10.0.0.2"]), ["IPv4"]);
});
