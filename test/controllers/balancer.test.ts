import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { BALANCER_FINALIZER, isOlderThan } from "../../src/controllers/balancer/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeEvent, Service } from "../../src/objects/types.ts";
import type { Orphan } from "../../src/traffic/balancer/provider.ts";
import { createService, FakeProvider, INGRESS, startController, translate } from "./balancer-fakes.ts";
import { eventually, itemsOf, startCluster, type TestCluster } from "./cluster.ts";

describe("the balancer controller", () => {
  let cluster: TestCluster;
  let provider: FakeProvider;
  let stop: () => Promise<void>;
  const log: string[] = [];

  const start = async (sweep?: { everyMs: number; olderThanMs: number }): Promise<void> => {
    const { client } = cluster;
    const options = { client, provider, translate, log: (line: string) => void log.push(line) };
    stop = await startController({ ...options, ...(sweep && { sweep }) });
  };
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.close());
  beforeEach(() => {
    provider = new FakeProvider();
  });

  const create = (name: string, annotations: Record<string, string> = {}): Promise<Service> =>
    createService(cluster, name, annotations);
  const get = (name: string): Promise<Service | undefined> =>
    cluster.client.get<Service>(KINDS.Service, name, "default").catch(() => undefined);
  const eventsOf = async (name: string): Promise<string[]> =>
    (await itemsOf<KubeEvent>(cluster.client, KINDS.Event, "default"))
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ reason, message }) => `${reason}: ${message}`);

  test("a Service gets a finalizer, then a status; a deleted one is released before it goes", async () => {
    await start();
    provider.answer = (key) => ({
      events: [{ type: "Normal", reason: "SuccessfullyReconciled", message: `made ${key}` }],
    });
    await create("web");
    const served = await eventually(
      () => get("web"),
      (service) => (service?.status?.loadBalancer?.ingress ?? []).length === 2,
    );
    assert.deepEqual(served?.metadata.finalizers, [BALANCER_FINALIZER]);
    assert.deepEqual(served?.status?.loadBalancer?.ingress, INGRESS);
    await eventually(
      () => eventsOf("web"),
      (events) => events.includes("SuccessfullyReconciled: made default/web"),
    );
    const { length } = provider.served;
    await cluster.client.patch(
      KINDS.Service,
      "web",
      "default",
      { metadata: { labels: { a: "b" } } },
      { type: "merge" },
    );
    await cluster.client.delete(KINDS.Service, "web", "default");
    await eventually(
      () => get("web"),
      (service) => service === undefined,
    );
    assert.deepEqual(provider.released, ["default/web"]);
    assert.equal(provider.served.length, length, "a label is no reason to ask the provider");
    await stop();
  });

  test("a Service that cannot be released stays, and is asked for again", async () => {
    await start();
    provider.releaseAnswer = { done: false, againAfterMs: 20 };
    await create("protected");
    await eventually(
      () => get("protected"),
      (service) => service?.status?.loadBalancer?.ingress?.length === 2,
    );
    await cluster.client.delete(KINDS.Service, "protected", "default");
    await eventually(
      async () => provider.released.length,
      (count) => count >= 3,
    );
    assert.deepEqual((await get("protected"))?.metadata.finalizers, [BALANCER_FINALIZER]);
    provider.releaseAnswer = {};
    await eventually(
      () => get("protected"),
      (service) => service === undefined,
    );
    await stop();
  });

  test("errors of fields are told once, with the field; nothing is made", async () => {
    await start();
    await create("bad", { "test/bad": "x" });
    const expected =
      "FailedBuildModel: Failed build model due to unknown scheme: x (metadata.annotations[test/bad]); use internal";
    await eventually(
      () => eventsOf("bad"),
      (events) => events.includes(expected),
    );
    assert.deepEqual(provider.served, []);
    assert.equal((await get("bad"))?.metadata.finalizers, undefined);
    await cluster.client.delete(KINDS.Service, "bad", "default");
    await stop();
  });

  test("a failure of the provider is an event, and tried again until it works", async () => {
    await start();
    let calls = 0;
    provider.answer = () => {
      if (++calls < 3) throw new Error("Throttling: rate exceeded");
      return {};
    };
    await create("later");
    await eventually(
      () => get("later"),
      (service) => service?.status?.loadBalancer?.ingress?.length === 2,
    );
    assert.deepEqual(await eventsOf("later"), [
      "FailedDeployModel: Failed deploy model due to Throttling: rate exceeded",
    ]);
    await cluster.client.delete(KINDS.Service, "later", "default");
    await eventually(
      () => get("later"),
      (service) => service === undefined,
    );
    await stop();
  });

  test("a Service that is no longer ours is released, its status cleared", async () => {
    await start();
    await create("moved");
    await eventually(
      () => get("moved"),
      (service) => service?.status?.loadBalancer?.ingress?.length === 2,
    );
    const patch = { metadata: { annotations: { "test/foreign": "yes" } } };
    await cluster.client.patch(KINDS.Service, "moved", "default", patch, { type: "merge" });
    const released = await eventually(
      () => get("moved"),
      (service) => service?.metadata.finalizers === undefined,
    );
    assert.deepEqual(released?.status?.loadBalancer ?? {}, {});
    await cluster.client.delete(KINDS.Service, "moved", "default");
    await stop();
  });

  test("a wish of ours that is in no model counts at once; other annotations cost nothing", async () => {
    await start();
    await create("wish", { "example.com/note": "a" });
    const annotate = (annotations: Record<string, string>) =>
      cluster.client.patch(
        KINDS.Service,
        "wish",
        "default",
        { metadata: { annotations } },
        { type: "merge" },
      );
    await eventually(async () => provider.served.length, Boolean);
    await eventually(
      () => get("wish"),
      (service) => service?.status?.loadBalancer?.ingress !== undefined,
    );
    const wishes: (string | undefined)[] = [];
    provider.answer = (_key, { annotations }) => {
      wishes.push(annotations["tandem.dev/delete-old-load-balancer"]);
      return {};
    };
    await annotate({ "example.com/note": "b" });
    await annotate({ "tandem.dev/delete-old-load-balancer": "old" });
    await eventually(
      async () => wishes,
      (all) => all.includes("old"),
    );
    assert.deepEqual(wishes, ["old"]);
    await cluster.client.delete(KINDS.Service, "wish", "default");
    await eventually(
      () => get("wish"),
      (service) => service === undefined,
    );
    await stop();
  });

  test("a status that someone else changed is mended, and a restart asks for every Service once", async () => {
    await start();
    await create("mended");
    const complete = (service: Service | undefined): boolean =>
      service?.status?.loadBalancer?.ingress?.length === 2;
    await eventually(() => get("mended"), complete);
    const none = { status: { loadBalancer: null } };
    const options = { type: "merge", subresource: "status" } as const;
    await cluster.client.patch(KINDS.Service, "mended", "default", none, options);
    await eventually(() => get("mended"), complete);
    await stop();
    provider.served.length = 0;
    await start();
    await eventually(
      async () => provider.served.length,
      (count) => count > 0,
    );
    assert.deepEqual(provider.served, ["default/mended"]);
    await stop();
  });

  test("orphans that are old enough go, those of live Services and young ones stay", async () => {
    const orphan = (service: string, created: string | undefined): Orphan => ({
      kind: "LoadBalancer",
      id: `arn:${service}`,
      name: service,
      service,
      why: `Service ${service} does not exist`,
      created,
    });
    const now = new Date().toISOString();
    const old = "2020-01-01T00:00:00Z";
    provider.found = [
      orphan("default/gone", old),
      orphan("default/young", now),
      orphan("default/unknown", undefined),
      orphan("default/mended", old),
    ];
    await start({ everyMs: 3600_000, olderThanMs: 60_000 });
    await eventually(
      async () => provider.found.map(({ service }) => service),
      (left) => left.length === 3,
    );
    assert.deepEqual(
      provider.found.map(({ service }) => service),
      ["default/young", "default/unknown", "default/mended"],
    );
    assert.ok(log.some((line) => line.includes("orphan LoadBalancer arn:default/gone")));
    assert.equal(isOlderThan(orphan("a/b", undefined), 0, new Date()), true);
    await stop();
  });
});
