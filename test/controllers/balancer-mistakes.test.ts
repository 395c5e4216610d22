import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { BALANCER_FINALIZER } from "../../src/controllers/balancer/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeEvent, Node, Service } from "../../src/objects/types.ts";
import { translateBalancer } from "../../src/traffic/balancer/index.ts";
import type { BalancerModel } from "../../src/traffic/balancer/model.ts";
import type { BalancerContext } from "../../src/traffic/balancer/provider.ts";
import { FakeProvider, startController } from "./balancer-fakes.ts";
import { eventually, itemsOf, startCluster, type TestCluster } from "./cluster.ts";

const PREFIX = "service.beta.kubernetes.io/aws-load-balancer";
const SEED = { [`${PREFIX}-type`]: "external", [`${PREFIX}-nlb-target-type`]: "instance" };

/** A fake that remembers the models, too. */
class RememberingProvider extends FakeProvider {
  readonly models: BalancerModel[] = [];

  override async serve(model: BalancerModel, context: BalancerContext) {
    this.models.push(model);
    return super.serve(model, context);
  }
}

describe("a mistake in a Service that is served", () => {
  let cluster: TestCluster;
  let provider: RememberingProvider;
  let stop: () => Promise<void>;
  const { Service: SERVICE, Node: NODE, Event: EVENT } = KINDS;

  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.close());
  const start = async () => {
    provider = new RememberingProvider();
    stop = await startController({
      client: cluster.client,
      provider,
      translate: (service, objects) => translateBalancer(service, { provider: "aws", ...objects }),
    });
  };
  beforeEach(start);
  afterEach(() => stop());

  const get = (name: string) => cluster.client.get<Service>(SERVICE, name, "default").catch(() => undefined);
  const patch = (name: string, annotations: Record<string, string | null>) =>
    cluster.client.patch(SERVICE, name, "default", { metadata: { annotations } }, { type: "merge" });
  const told = (name: string, text: RegExp) =>
    eventually(
      async () => {
        const events = await itemsOf<KubeEvent>(cluster.client, EVENT, "default");
        return events.filter(({ involvedObject }) => involvedObject.name === name);
      },
      (events) => events.some(({ message }) => text.test(message ?? "")),
    );
  const create = async (name: string, spec: object = {}, annotations: Record<string, string> = SEED) => {
    await cluster.client.create<Service>(SERVICE, {
      metadata: { name, namespace: "default", annotations },
      spec: { type: "LoadBalancer", ports: [{ port: 80 }], selector: { app: name }, ...spec },
    });
  };
  const served = (name: string) =>
    eventually(
      () => get(name),
      (service) => service?.status?.loadBalancer?.ingress?.length === 2,
    );
  const remove = async (name: string) => {
    await cluster.client.delete(SERVICE, name, "default");
    await eventually(
      () => get(name),
      (service) => service === undefined,
    );
  };

  const slips: Record<string, Record<string, string | null>> = {
    "a target type that there is not": { [`${PREFIX}-nlb-target-type`]: "instnce" },
    "no target type any more": { [`${PREFIX}-nlb-target-type`]: null },
    "a type that there is not": { [`${PREFIX}-type`]: "extrenal" },
  };
  for (const [what, annotations] of Object.entries(slips))
    test(`${what}: its load balancer stays, which is told, and goes with the Service`, async () => {
      await create("slip");
      await served("slip");
      await patch("slip", annotations);
      await told(
        "slip",
        /^what was made for the Service before stays, although .*: it follows nodes and pods.*delete the Service/,
      );
      assert.deepEqual(provider.released, []);
      const { metadata, status } = (await get("slip")) ?? assert.fail();
      assert.deepEqual(metadata.finalizers, [BALANCER_FINALIZER]);
      assert.equal(status?.loadBalancer?.ingress?.length, 2);
      await remove("slip");
      assert.deepEqual(provider.released, ["default/slip"]);
    });

  test("what says that it is meant lets the load balancer go", async () => {
    await create("moved");
    await served("moved");
    await patch("moved", { [`${PREFIX}-type`]: "nlb" });
    await eventually(
      () => get("moved"),
      (service) => service?.metadata.finalizers === undefined,
    );
    assert.deepEqual(provider.released, ["default/moved"]);
    await remove("moved");
  });

  test("nodes come and go all the same, as it was last understood", async () => {
    await create("web");
    await served("web");
    await patch("web", { [`${PREFIX}-scheme`]: "intrenal" });
    await told("web", /unknown scheme: intrenal/);
    const lastTransitionTime = "2026-01-01T00:00:00Z";
    await cluster.client.create<Node>(NODE, {
      metadata: { name: "late" },
      status: {
        addresses: [{ type: "InternalIP", address: "10.0.0.9" }],
        conditions: [{ type: "Ready", status: "True", lastTransitionTime }],
      },
    });
    const models = await eventually(
      async () => provider.models,
      (all) => all.at(-1)?.nodes.some(({ name }) => name === "late") === true,
    );
    assert.equal(models.at(-1)?.scheme, undefined);
    await remove("web");
  });

  const remembered = async (name: string) =>
    (await get(name))?.metadata.annotations?.["tandem.dev/served-as"];
  const modelAfter = async (count: number) => {
    const models = await eventually(
      async () => provider.models,
      (all) => all.length > count,
    );
    return [models[count]?.scheme, models[count]?.ports[0]?.port];
  };

  for (const when of ["before it ended", "while nobody looked"])
    test(`a mistake made ${when}: the next process goes on serving what was before`, async () => {
      await create("web", {}, { ...SEED, [`${PREFIX}-scheme`]: "internal" });
      await served("web");
      const ports = [{ port: 8080 }];
      const mistake = { metadata: { annotations: { [`${PREFIX}-scheme`]: "intrenal" } }, spec: { ports } };
      if (when === "while nobody looked") await stop();
      await cluster.client.patch(SERVICE, "web", "default", mistake, { type: "merge" });
      if (when !== "while nobody looked") await told("web", /unknown scheme/).then(() => stop());
      await start();
      assert.deepEqual(await modelAfter(0), ["internal", 80]);
      await told("web", /^what was made for the Service before stays: it follows nodes and pods/);
      await patch("web", { [`${PREFIX}-scheme`]: "internet-facing" });
      await eventually(
        () => remembered("web"),
        (text) => text?.includes("internet-facing") === true,
      );
      assert.deepEqual([provider.models.at(-1)?.scheme, provider.released], ["internet-facing", []]);
      await remove("web");
    });

  test("what it was is written once, and nothing is served anew for it", async () => {
    await create("web");
    await served("web");
    const text = await eventually(() => remembered("web"), Boolean);
    const { metadata } = (await get("web")) ?? assert.fail();
    await create("witness");
    await served("witness");
    assert.equal(provider.served.filter((key) => key === "default/web").length, 1);
    await remove("witness");
    await stop();
    await start();
    assert.deepEqual(await modelAfter(0), [undefined, 80]);
    const later = (await get("web")) ?? assert.fail();
    assert.deepEqual(
      [await remembered("web"), later.metadata.resourceVersion],
      [text, metadata.resourceVersion],
    );
    await remove("web");
    assert.equal(provider.models.length, 1);
  });

  test("a Service that lets its load balancer go is no longer remembered", async () => {
    await create("web");
    await served("web");
    await patch("web", { [`${PREFIX}-type`]: "nlb" });
    await eventually(
      () => get("web"),
      (service) => service?.metadata.finalizers === undefined,
    );
    assert.equal(await remembered("web"), undefined);
    await remove("web");
  });

  test("where nothing tells what it was, it is told that nothing is followed", async () => {
    await create("unseen");
    await served("unseen");
    await stop();
    await patch("unseen", { [`${PREFIX}-scheme`]: "intrenal", "tandem.dev/served-as": null });
    await start();
    await told("unseen", /^what was made for the Service before stays: it follows nothing/);
    assert.deepEqual([provider.models, provider.released], [[], []]);
    await remove("unseen");
  });

  test("a Service of the local provider is the local provider's, from its first word to its last", async () => {
    await create("local", { loadBalancerClass: "tandem.dev/local" }, {});
    await create("witness");
    const finalizers = [BALANCER_FINALIZER];
    await cluster.client.patch(SERVICE, "local", "default", { metadata: { finalizers } }, { type: "merge" });
    await cluster.client.delete(SERVICE, "local", "default");
    await served("witness");
    await remove("witness");
    assert.deepEqual(provider.released, ["default/witness"]);
    assert.deepEqual((await get("local"))?.metadata.finalizers, [BALANCER_FINALIZER]);
    const none = { metadata: { finalizers: null } };
    await cluster.client.patch(SERVICE, "local", "default", none, { type: "merge" });
  });
});
