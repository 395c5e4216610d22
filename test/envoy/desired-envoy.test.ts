import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import type { ProxyModel } from "../../src/traffic/gateway/model.ts";
import { createAuthority } from "../../src/pki/issue.ts";
import { ENVOY, eventually, freePort, startEnvoy, type TestEnvoy } from "./ads-envoy.ts";
import { readInput, resourcesOf } from "./desired-model.ts";

const GOLDEN = join(import.meta.dirname, "golden");

/** Gives listeners ports that are free here: goldens say ports of pods of their own. */
async function onFreePorts(proxy: ProxyModel): Promise<ProxyModel> {
  const listeners = [];
  for (const listener of proxy.listeners) listeners.push({ ...listener, bindPort: await freePort() });
  return { ...proxy, listeners };
}

describe("what Envoy says to what it should have", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let folder: string;
  let server: AdsServer;
  let envoy: TestEnvoy;
  let certificate: { certificate: string; key: string };
  const refused: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tandem-desired-"));
    certificate = await createAuthority("test");
    const path = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path }], authorize: () => "infra/web" });
    server.onNack((nack) => refused.push(JSON.stringify(nack)));
    server.replace("infra/web", []);
    envoy = await startEnvoy("web", { address: { pipe: { path } } });
    await eventually(
      async () => server.status("infra/web").length,
      (clients) => clients === 1,
    );
  });

  after(async () => {
    await envoy.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const file of readdirSync(GOLDEN).filter((name) => name.endsWith(".in.yaml"))) {
    test(`Envoy takes ${file}`, { timeout: 300_000 }, async () => {
      const pem = (text: string) => JSON.stringify(text);
      const text = readFileSync(join(GOLDEN, file), "utf8")
        .replaceAll("certificate: CERTIFICATE", () => `certificate: ${pem(certificate.certificate)}`)
        .replaceAll("certificates: CERTIFICATE", () => `certificates: ${pem(certificate.certificate)}`)
        .replaceAll("authorities: CERTIFICATE", () => `authorities: ${pem(certificate.certificate)}`)
        .replaceAll("privateKey: KEY", () => `privateKey: ${pem(certificate.key)}`);
      const input = readInput(text);
      const proxy = await onFreePorts(input.proxy);
      refused.length = 0;
      server.replace("infra/web", resourcesOf({ ...input, proxy }));
      await server.applied("infra/web");
      assert.deepEqual(refused, []);
      // One line for each address of each listener.
      const expected = proxy.listeners.length * input.capabilities.families.length;
      const sockets = await eventually(
        async () => (await envoy.admin("/listeners")).trim().split("\n").filter(Boolean).length,
        (count) => count === expected,
      );
      assert.equal(sockets, expected);
    });
  }
});
