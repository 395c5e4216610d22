import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { InfrastructureCache } from "../../src/controllers/gateway/infrastructure-cache.ts";
import { GATEWAY_NAME_LABEL, PROXY_LABEL } from "../../src/controllers/gateway/names.ts";
import { controllerReference } from "../../src/controllers/runtime/owners.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Service } from "../../src/objects/types.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const KEY = "default/edge";
const LABELS = { [GATEWAY_NAME_LABEL]: "edge", [PROXY_LABEL]: "edge" };

describe("proxies of a Gateway that are ready", () => {
  let cluster: TestCluster;
  let cache: InfrastructureCache;
  const abort = new AbortController();

  before(async () => {
    cluster = await startCluster();
    await cluster.stopControllers(); // the test is them
    cache = new InfrastructureCache({ client: cluster.client }, abort.signal);
    await cache.start(abort.signal);
  });

  after(async () => {
    abort.abort();
    await cluster.close();
  });

  /** A slice of the Service, as nodes go by it, with an endpoint for each address. */
  const putSlice = (service: Service, name: string, addressType: string, ready: Record<string, boolean>) =>
    cluster.client.create(KINDS.EndpointSlice, {
      metadata: {
        name,
        namespace: "default",
        labels: LABELS,
        ownerReferences: [controllerReference(KINDS.Service, service)],
      },
      addressType,
      endpoints: Object.entries(ready).map(([address, is]) => ({
        addresses: [address],
        conditions: { ready: is },
      })),
    });

  test("are those that the Service has ready endpoints of, in whichever family, and not more than there are", async () => {
    const { client } = cluster;
    const metadata = { name: "edge", namespace: "default", labels: LABELS };
    const containers = [{ name: "envoy", image: "envoy:test" }];
    const template = { metadata: { labels: LABELS }, spec: { containers } };
    const selector = { matchLabels: LABELS };
    const service = await client.create<Service>(KINDS.Service, {
      metadata,
      spec: { ports: [{ port: 80 }] },
    });
    await client.create(KINDS.Deployment, { metadata, spec: { selector, template } });
    const status = { replicas: 2, readyReplicas: 2 };
    await client.patch(
      KINDS.Deployment,
      "edge",
      "default",
      { status },
      { type: "merge", subresource: "status" },
    );
    const comesTo = (count: number) =>
      eventually(
        async () => cache.readyProxies(KEY, service),
        (now) => now === count,
      );
    await eventually(
      async () => cache.readyProxies(KEY, undefined),
      (now) => now === 2,
    );
    assert.equal(cache.readyProxies(KEY, service), 0, "no endpoint, no way to them");
    await putSlice(service, "edge-4", "IPv4", { "10.244.0.4": true, "10.244.0.5": false });
    await comesTo(1);
    const three = { "fd00:10:244::4": true, "fd00:10:244::5": true, "fd00:10:244::6": true };
    await putSlice(service, "edge-6", "IPv6", three);
    await comesTo(2);
    assert.equal(cache.readyProxies("default/other", service), 0);
  });
});
