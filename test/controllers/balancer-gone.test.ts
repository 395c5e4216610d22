import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { BALANCER_FINALIZER, type BalancerControllerOptions } from "../../src/controllers/balancer/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeEvent, Service } from "../../src/objects/types.ts";
import { createService, FakeProvider, startController, translate } from "./balancer-fakes.ts";
import { eventually, itemsOf, startCluster, type TestCluster } from "./cluster.ts";

const HOUR = 3600_000;

describe("a Service that goes without clean-up", () => {
  let cluster: TestCluster;
  let provider: FakeProvider;
  let log: string[];
  let now = 0;
  let stop: () => Promise<void>;

  const start = async (more: Partial<BalancerControllerOptions> = {}): Promise<void> => {
    const { client } = cluster;
    const options = { client, provider, translate, log: (line: string) => void log.push(line) };
    const clock = { now: () => new Date(now) };
    stop = await startController({ ...options, ...clock, ...more });
  };
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.close());
  beforeEach(() => {
    provider = new FakeProvider();
    log = [];
    now = Date.now();
  });

  const get = (name: string): Promise<Service | undefined> =>
    cluster.client.get<Service>(KINDS.Service, name, "default").catch(() => undefined);
  const served = async (name: string): Promise<Service> => {
    const created = await createService(cluster, name);
    await eventually(
      () => get(name),
      (it) => it?.status?.loadBalancer?.ingress?.length === 2,
    );
    return created;
  };
  const withoutFinalizer = (name: string) =>
    cluster.client.patch(
      KINDS.Service,
      name,
      "default",
      { metadata: { finalizers: null } },
      { type: "merge" },
    );
  /** As `kubectl delete` and `kubectl patch` by someone who will not wait. */
  const force = async (name: string): Promise<void> => {
    provider.releaseAnswer = { done: false, againAfterMs: 50 };
    await cluster.client.delete(KINDS.Service, name, "default");
    await eventually(
      async () => provider.released,
      (released) => released.length > 0,
    );
    await withoutFinalizer(name);
    // until the controller has noticed that too, it goes on releasing what it takes for a Service that waits
    await eventually(
      async () => log.join("\n"),
      (text) => text.includes(`default/${name} `) && text.includes("went without clean-up"),
    );
    provider.released.length = 0;
    provider.releaseAnswer = {};
  };
  const eventsOf = async (name: string, reason: string): Promise<string[]> =>
    (await itemsOf<KubeEvent>(cluster.client, KINDS.Event, "default"))
      .filter((event) => event.involvedObject.name === name && event.reason === reason)
      .flatMap(({ message = "" }) => message);

  test("is released at once where there is no grace, and it is told", async () => {
    await start();
    const { metadata } = await served("forced");
    await force("forced");
    await eventually(
      async () => provider.released,
      (released) => released.includes("default/forced"),
    );
    assert.equal(provider.releasedUids.at(-1), metadata.uid);
    await eventually(
      async () => log.join("\n"),
      (text) => /default\/forced .*removed now/.test(text) && /default\/forced .*is removed$/m.test(text),
    );
    const events = await eventually(
      () => eventsOf("forced", "GoneWithoutCleanUp"),
      (messages) => messages.length === 2,
    );
    assert.match(events.join("\n"), new RegExp(BALANCER_FINALIZER));
    await stop();
  });

  test("is released after the grace, and its orphans are left until then", async () => {
    const orphan = {
      kind: "LoadBalancer",
      id: "arn",
      name: "lb",
      service: "default/later",
      why: "it is gone",
    };
    const old = { ...orphan, created: "2020-01-01T00:00:00Z" };
    await start({ goneGraceMs: 60, now: () => new Date(now), sweep: { everyMs: 20, olderThanMs: HOUR } });
    await served("later");
    provider.found = [old];
    await force("later");
    await eventually(
      async () => log,
      (lines) => lines.some((line) => line.includes("went without clean-up")),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual([provider.released, provider.found], [[], [old]], "time stands still");
    now += HOUR;
    await eventually(
      async () => [provider.released.length, provider.found.length].join(),
      (counts) => counts === "1,0",
    );
    await stop();
  });

  test("does not take a later one of its name along, which is served", async () => {
    await start({ goneGraceMs: 60 });
    const earlier = await served("again");
    await force("again");
    const later = await served("again");
    now += HOUR;
    await eventually(
      async () => provider.releasedUids.includes(earlier.metadata.uid ?? ""),
      (released) => released,
    );
    assert.ok(!provider.releasedUids.includes(later.metadata.uid ?? ""));
    await stop();
  });

  test("is tried again where releasing fails", async () => {
    await start();
    await served("busy");
    let calls = 0;
    let gone = false;
    provider.release = ({ key }) => {
      provider.released.push(key);
      if (gone) calls++;
      return Promise.resolve({ ingress: [], events: [], againAfterMs: 10, done: calls > 2 });
    };
    await force("busy");
    gone = true;
    await eventually(
      async () => log.join("\n"),
      (text) => /default\/busy .*is removed$/m.test(text),
    );
    assert.equal(calls, 3);
    await stop();
  });
});

describe("a finalizer that is taken away", () => {
  test("comes back while the Service lives; one that is no longer ours is released all the same", async () => {
    const cluster = await startCluster();
    const provider = new FakeProvider();
    const stop = await startController({ client: cluster.client, provider, translate });
    const get = () => cluster.client.get<Service>(KINDS.Service, "web", "default");
    const patch = (metadata: object) =>
      cluster.client.patch(KINDS.Service, "web", "default", { metadata }, { type: "merge" });
    await createService(cluster, "web");
    await eventually(get, (it) => it.status?.loadBalancer?.ingress?.length === 2);
    await patch({ finalizers: null });
    await eventually(get, (it) => it.metadata.finalizers?.includes(BALANCER_FINALIZER) ?? false);
    assert.deepEqual(provider.released, []);
    await patch({ finalizers: null, annotations: { "test/foreign": "yes" } });
    await eventually(
      async () => provider.released,
      (released) => released.includes("default/web"),
    );
    assert.equal((await get()).metadata.finalizers, undefined);
    await stop();
    await cluster.close();
  });
});
