/** A real Envoy that is given one configuration after the other, to hear which it refuses. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createEnvoyOutput } from "../../src/envoy/desired/index.ts";
import type { Resource } from "../../src/envoy/resources.ts";
import type { ProxyModel } from "../../src/traffic/gateway/model.ts";
import { eventually, freePort, startEnvoy, type TestEnvoy } from "./ads-envoy.ts";

const PROXY = "default/g";

/** All that this proxy has, on ports that are free here. */
export async function resourcesOf(proxy: ProxyModel | undefined): Promise<Resource[]> {
  assert.ok(proxy);
  const listeners = [];
  for (const listener of proxy.listeners) listeners.push({ ...listener, bindPort: await freePort() });
  const output = createEnvoyOutput({ families: ["IPv4", "IPv6"] });
  const changes = output.update({ ...proxy, listeners }, () => undefined);
  return changes.flatMap(({ resource }) => resource ?? []);
}

/** To be called in a describe(): gives a function that puts resources to Envoy, and says what it refused. */
export function askEnvoy(): (resources: readonly Resource[]) => Promise<string[]> {
  let folder: string;
  let server: AdsServer;
  let envoy: TestEnvoy;
  const refused: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tandem-judge-"));
    const path = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path }], authorize: () => PROXY });
    server.onNack((nack) => refused.push(JSON.stringify(nack)));
    server.replace(PROXY, []);
    envoy = await startEnvoy("g", { address: { pipe: { path } } });
    await eventually(
      async () => server.status(PROXY).length,
      (clients) => clients === 1,
    );
  });

  after(async () => {
    await envoy.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  return async (resources) => {
    refused.length = 0;
    server.replace(PROXY, [...resources]);
    await server.applied(PROXY);
    return [...refused];
  };
}
